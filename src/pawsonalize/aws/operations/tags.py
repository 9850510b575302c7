"""Tags of resources."""

import msgspec

from pawsonalize.aws.protocol.errors import INVALID_INPUT, TOO_MANY_TAGS, AwsError
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import DatasetSchema
from pawsonalize.engine.resources.resource import Resource

_MAX_TAGS = 50


def given_tags(asked: Asked) -> dict[str, str]:
    """The tags of a request; TooManyTagsException for more than a resource may have."""
    return _bounded({tag["tagKey"]: tag["tagValue"] for tag in asked.get("tags", ())})


def tag_resource(services: Services, asked: Asked) -> Answer:
    """Adds tags to any resource but a schema, at most 50."""
    resource = _tagged(services, asked)
    tags = _bounded({**resource.tags, **given_tags(asked)})
    services.registry.update(msgspec.structs.replace(resource, tags=tags), services.now())
    return {}


def untag_resource(services: Services, asked: Asked) -> Answer:
    """Takes tags away; keys that a resource does not have change nothing."""
    resource = _tagged(services, asked)
    tags = {key: tag for key, tag in resource.tags.items() if key not in asked["tagKeys"]}
    services.registry.update(msgspec.structs.replace(resource, tags=tags), services.now())
    return {}


def list_tags(services: Services, asked: Asked) -> Answer:
    """Lists the tags of a resource."""
    tags = _tagged(services, asked).tags
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def _tagged(services: Services, asked: Asked) -> Resource:
    kind, name = services.arns.resource(asked["resourceArn"])
    if kind is DatasetSchema:
        raise AwsError(INVALID_INPUT, "a schema has no tags")
    return services.registry.get(kind, name)


def _bounded(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MAX_TAGS:
        raise AwsError(TOO_MANY_TAGS, f"a resource has at most {_MAX_TAGS} tags: remove some")
    return tags


OPERATIONS = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags,
}
