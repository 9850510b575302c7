"""Lists in pages, with a nextToken."""

from pawsonalize.aws.protocol.errors import INVALID_NEXT_TOKEN, AwsError
from pawsonalize.aws.services import Asked, Services
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.resources.pages import MAX_PAGE, resource_page
from pawsonalize.engine.resources.resource import Resource, ResourceT


def page(
    services: Services,
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
