"""Tags of resources."""

from collections.abc import Callable, Mapping

import msgspec

from pawsonalize.aws.protocol.errors import INVALID_INPUT, TOO_MANY_TAGS, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.schemas import DatasetSchema

_MAX_TAGS = 50


def given_tags(members: Members) -> dict[str, str]:
    """The tags of a request; TooManyTagsException for more than a resource may have."""
    return _bounded({tag["tagKey"]: tag["tagValue"] for tag in members.get("tags", ())})


def tag_resource(services: AwsServices, members: Members) -> Answer:
    """Adds tags to any resource but a schema, at most 50."""
    given = given_tags(members)
    return _retagged(services, members, lambda tags: _bounded({**tags, **given}))


def untag_resource(services: AwsServices, members: Members) -> Answer:
    """Takes tags away; keys that a resource does not have change nothing."""
    gone = set(members["tagKeys"])
    return _retagged(
        services, members, lambda tags: {key: tags[key] for key in tags if key not in gone}
    )


def list_tags(services: AwsServices, members: Members) -> Answer:
    """Lists the tags of a resource."""
    tags = services.registry.get(*_tagged(services, members)).tags
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def _retagged(
    services: AwsServices,
    members: Members,
    change: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> Answer:
    kind, name = _tagged(services, members)

    def retagged(resource: Resource) -> Resource:
        return msgspec.structs.replace(resource, tags=change(resource.tags))

    services.registry.change(kind, name, retagged, services.now())
    return {}


def _tagged(services: AwsServices, members: Members) -> tuple[type[Resource], str]:
    kind, name = services.arns.resource(members["resourceArn"])
    if kind is DatasetSchema:
        raise AwsError(INVALID_INPUT, "a schema has no tags")
    return kind, name


def _bounded(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MAX_TAGS:
        raise AwsError(TOO_MANY_TAGS, f"a resource has at most {_MAX_TAGS} tags: remove some")
    return tags


OPERATIONS = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags,
}
