"""Lists in pages, with a nextToken."""

from collections.abc import Sequence
from typing import TypeVar

from pawsonalize.aws.arn import arn_member
from pawsonalize.aws.protocol.errors import INVALID_NEXT_TOKEN, AwsError
from pawsonalize.aws.services import AwsServices, Members
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.kinds.kind import Kind
from pawsonalize.kinds.registry import MAX_PAGE, resource_page
from pawsonalize.kinds.resource import ResourceT

_MAX_DIGITS = 6
T = TypeVar("T")


def part_of(listed: Sequence[T], members: Members) -> tuple[Sequence[T], str | None]:
    """One page of a list that is at hand whole, and the token of the next."""
    token = members.get("nextToken", "0")
    known = token.isascii() and token.isdigit() and len(token) <= _MAX_DIGITS
    if not known or int(token) > len(listed):
        raise AwsError(INVALID_NEXT_TOKEN, "nextToken is not one this service gave")
    start = int(token)
    end = start + members.get("maxResults", MAX_PAGE)
    return listed[start:end], str(end) if end < len(listed) else None


def page(
    services: AwsServices, members: Members, kind: Kind[ResourceT]
) -> tuple[tuple[ResourceT, ...], str | None]:
    """One page of a kind, newest first, and the token of the next.

    If the request has the ARN of a parent, of those that belong to it.
    """
    parent = None
    if kind.parent is not None and (arn := members.get(arn_member(kind.parent))) is not None:
        parent = services.resource(kind.parent, arn).name
    try:
        found = resource_page(
            services.registry,
            kind.resource,
            members.get("maxResults", MAX_PAGE),
            parent=parent,
            cursor=members.get("nextToken"),
        )
    except InvalidInput as error:
        if error.field == "cursor":
            raise AwsError(INVALID_NEXT_TOKEN, "nextToken is not one this service gave") from error
        raise
    return found.resources, found.next_cursor
