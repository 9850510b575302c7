"""Create, Describe, List and Delete of every kind of resource, as its kind describes it; tags.

The members of an answer that its shape does not have are left out, so that one answer does for
all. Kinds that differ have functions of their own in other files of this room.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from pawsonalize.aws.arn import arn_member, wire_name
from pawsonalize.aws.protocol import INVALID_NEXT_TOKEN, TOO_MANY_TAGS, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.core.errors import InvalidInput
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import DatasetSchema
from pawsonalize.resources.defaults import default_names
from pawsonalize.resources.kind import AnyKind, Resource, Values, Wire
from pawsonalize.resources.registry import MAX_PAGE, resource_page
from pawsonalize.resources.solutions import Solution, SolutionVersion

_MAX_DIGITS = 6
_MAX_TAGS = 50
_RESERVED = "aws:"
_BAD_TOKEN = "nextToken is not one this service gave"  # noqa: S105 - no secret

Handler = Callable[[AwsServices, Members], object]
"""Returns an `Answer`, None where the operation answers nothing, or is a coroutine of either."""
T = TypeVar("T")


def by_name(*handlers: Handler) -> dict[str, Handler]:
    """Return handlers by the names of their operations: `PutEvents` for `put_events`."""
    return {one.__name__.title().replace("_", ""): one for one in handlers}


def nothing(_services: AwsServices, _given: object) -> dict[str, object]:
    """Return no member and no field."""
    return {}


def operations_of(
    kind: AnyKind,
    *,
    shown: Callable[[AwsServices, Any], Answer] = nothing,
    details: Callable[[AwsServices, Any], Answer] = nothing,
    fields: Callable[[AwsServices, Members], Values] = nothing,
) -> dict[str, Handler]:
    """Return the operations that follow from a kind's description, by their names.

    `shown` returns members of every answer, `details` those of Describe alone, and `fields` those
    fields of a creation that need a function; it refuses what this service cannot do.
    """
    wire = kind.wire or Wire()
    name, arn, word = wire_name(kind), arn_member(kind.resource), kind.word
    member = arn.removesuffix("Arn")

    def create(services: AwsServices, members: Members) -> Answer:
        more = fields(services, members)  # refuses what cannot be done before all else
        values = {**_fields(services, kind, wire, members), **more}
        return described(services, kind.make(services, values, services.now()))

    def describe(services: AwsServices, members: Members) -> Answer:
        one = services.resource(kind.resource, members[arn])
        return {member: described(services, one) | shown(services, one) | details(services, one)}

    def listed(services: AwsServices, members: Members) -> Answer:
        found, token = _page(services, members, kind)
        answers = [described(services, one) | shown(services, one) for one in found]
        return {wire.plural or f"{member}s": answers, "nextToken": token}

    def delete(services: AwsServices, members: Members) -> None:
        kind.remove(services, services.arns.name(members[arn], kind.resource), services.now())

    of_which = "" if kind.parent is None else f", of all {kind.parent.kind}s or of one"
    create.__doc__ = wire.creates
    describe.__doc__ = f"Answers one {word} with its state."
    listed.__doc__ = f"Lists the {word}s{of_which}, newest first."
    delete.__doc__ = wire.deletes
    operations: dict[str, Handler] = {f"Describe{name}": describe, f"List{name}s": listed}
    if wire.creates:
        operations[f"Create{name}"] = create
    if wire.deletes:
        operations[f"Delete{name}"] = delete
    return operations


def described(services: AwsServices, one: Resource) -> Answer:
    """Return the members that a resource has by its kind's description."""
    kind = KINDS[type(one)]
    wire = kind.wire or Wire()
    answer: Answer = {
        "name": one.name,
        "jobName": one.name,
        "status": one.status,
        "failureReason": one.failure_reason,
        "creationDateTime": one.created_at,
        "lastUpdatedDateTime": one.updated_at,
        "accountId": services.arns.account,
    }
    for path, field in wire.members.items():
        if field in one.__struct_fields__:
            _put(answer, path, getattr(one, field))
    for field, referred in kind.references.items():
        name = getattr(one, field)
        if name is not None and referred is not SolutionVersion:  # the ARN has its solution's name
            answer[arn_member(referred)] = services.arns.named(referred, name)
    answer[arn_member(kind.resource)] = services.arns.of(one)
    return answer | {**one.extras} | {name: show(one) for name, show in wire.shown.items()}


def _fields(
    services: AwsServices, kind: AnyKind, wire: Wire, members: Members
) -> dict[str, object]:
    values: dict[str, object] = {
        **wire.defaults,
        "name": members.get("jobName" if kind.is_job else "name"),
        "tags": given_tags(members),
    }
    if wire.stored:
        values["extras"] = {name: members[name] for name in wire.stored if name in members}
    for path, field in wire.members.items():
        if (value := _at(members, path)) is not None:
            values[field] = value
        elif "." in path:
            raise InvalidInput(f"{path} is missing: send it")
    for field, referred in kind.references.items():
        if (arn := members.get(arn_member(referred))) is not None:
            values[field] = services.resource(referred, arn).name
    if kind.create is not None:
        return values
    types = {field.name: field.type for field in msgspec.structs.fields(kind.resource)}
    return {field: msgspec.convert(value, types[field]) for field, value in values.items()}


def _at(members: Members, path: str) -> object:
    first, _, rest = path.partition(".")
    found = members.get(first)
    return _at(found, rest) if rest and found is not None else found


def _put(answer: dict[str, Any], path: str, value: object) -> None:
    first, _, rest = path.partition(".")
    if rest:
        _put(answer.setdefault(first, {}), rest, value)
    else:
        answer[first] = value


def _page(
    services: AwsServices, members: Members, kind: AnyKind
) -> tuple[Sequence[Any], str | None]:
    """Return a page of a kind, newest first, and the token of the next.

    If the request has the ARN of a parent, of those that belong to it.
    """
    parent = None
    if kind.parent is not None and (arn := members.get(arn_member(kind.parent))) is not None:
        parent = services.resource(kind.parent, arn).name
    limit, cursor = members.get("maxResults", MAX_PAGE), members.get("nextToken")
    is_version = kind.resource is SolutionVersion
    owner: type[Resource] = Solution if is_version else kind.resource
    names = frozenset[str]()
    if parent is None and not services.lists_defaults:
        names = default_names(owner)
    if owner in {Solution, Campaign} and not (is_version and parent is not None):
        names |= services.registry.unlisted(Campaign)  # their solutions have the same names
    without = {"parent" if is_version else "name": names}
    try:
        found = resource_page(
            services.registry, kind.resource, limit, parent=parent, cursor=cursor, without=without
        )
    except InvalidInput as error:
        if error.field == "cursor":
            raise AwsError(INVALID_NEXT_TOKEN, _BAD_TOKEN) from error
        raise
    return found.resources, found.next_cursor


def part_of(listed: Sequence[T], members: Members) -> tuple[Sequence[T], str | None]:
    """Return a page of a list that is at hand whole, and the token of the next."""
    token = members.get("nextToken", "0")
    known = token.isascii() and token.isdigit() and len(token) <= _MAX_DIGITS
    if not known or int(token) > len(listed):
        raise AwsError(INVALID_NEXT_TOKEN, _BAD_TOKEN)
    start = int(token)
    end = start + members.get("maxResults", MAX_PAGE)
    return listed[start:end], str(end) if end < len(listed) else None


def given_tags(members: Members) -> dict[str, str]:
    """Return the tags of a request; TooManyTagsException for more than a resource may have."""
    tags = {tag["tagKey"]: tag["tagValue"] for tag in members.get("tags", ())}
    if any(key.lower().startswith(_RESERVED) for key in tags):
        raise InvalidInput(f"tags: keys that begin with {_RESERVED} are Amazon's: rename yours")
    return _bounded(tags)


def tag_resource(services: AwsServices, members: Members) -> Answer:
    """Adds tags to any resource but a schema, at most 50."""
    given = given_tags(members)
    return _retag(services, members, lambda tags: _bounded({**tags, **given}))


def untag_resource(services: AwsServices, members: Members) -> Answer:
    """Takes tags away; keys that a resource does not have change nothing."""
    gone = set(members["tagKeys"])
    return _retag(
        services, members, lambda tags: {key: tags[key] for key in tags if key not in gone}
    )


def list_tags_for_resource(services: AwsServices, members: Members) -> Answer:
    """Lists the tags of a resource."""
    tags = services.registry.get(*_tagged(services, members)).tags
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def _retag(
    services: AwsServices, members: Members, change: Callable[[Mapping[str, str]], dict[str, str]]
) -> Answer:
    kind, name = _tagged(services, members)

    def retagged(resource: Resource) -> Resource:
        return msgspec.structs.replace(resource, tags=change(resource.tags))

    services.registry.change(kind, name, retagged, services.now())
    return {}


def _tagged(services: AwsServices, members: Members) -> tuple[type[Resource], str]:
    kind, name = services.arns.resource(members["resourceArn"])
    if kind is DatasetSchema:
        raise InvalidInput("a schema has no tags")
    return kind, name


def _bounded(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MAX_TAGS:
        raise AwsError(TOO_MANY_TAGS, f"a resource has at most {_MAX_TAGS} tags: remove some")
    return tags


TAG_OPERATIONS = by_name(tag_resource, untag_resource, list_tags_for_resource)
