"""Lists in pages, with a nextToken."""

from collections.abc import Sequence
from typing import TypeVar

from pawsonalize.aws.protocol.errors import INVALID_NEXT_TOKEN, AwsError
from pawsonalize.aws.services import Asked, AwsServices
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.resources.pages import MAX_PAGE, resource_page
from pawsonalize.engine.resources.resource import Resource, ResourceT

_MAX_DIGITS = 6
T = TypeVar("T")


def part_of(listed: Sequence[T], asked: Asked) -> tuple[Sequence[T], str | None]:
    """One page of a list that is at hand whole, and the token of the next."""
    token = asked.get("nextToken", "0")
    known = token.isascii() and token.isdigit() and len(token) <= _MAX_DIGITS
    if not known or int(token) > len(listed):
        raise AwsError(INVALID_NEXT_TOKEN, "nextToken is not one this service gave")
    start = int(token)
    end = start + asked.get("maxResults", MAX_PAGE)
    return listed[start:end], str(end) if end < len(listed) else None


def page(
    services: AwsServices,
    asked: Asked,
    kind: type[ResourceT],
    of: tuple[type[Resource], str] | None = None,
) -> tuple[tuple[ResourceT, ...], str | None]:
    """One page of a kind, newest first, and the token of the next.

    `of` says to which resource they belong: its kind and the member that has its ARN, if given.
    """
    parent = None
    if of is not None and of[1] in asked:
        parent = services.resource(of[0], asked[of[1]]).name
    try:
        found = resource_page(
            services.registry,
            kind,
            asked.get("maxResults", MAX_PAGE),
            parent=parent,
            cursor=asked.get("nextToken"),
        )
    except InvalidInput as error:
        if error.field == "cursor":
            raise AwsError(INVALID_NEXT_TOKEN, "nextToken is not one this service gave") from error
        raise
    return found.resources, found.next_cursor
