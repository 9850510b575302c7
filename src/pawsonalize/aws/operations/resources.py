"""Create, Describe, List and Delete of every kind of resource, as its kind describes it.

The members of an answer that its shape does not have are left out, so that one answer does for
all. Kinds that differ have a file with functions of their own, beside this one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pawsonalize.aws.arn import arn_member, wire_name
from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.kind import Kind, Values, Wire
from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.solutions import SolutionVersion

Handler = Callable[[AwsServices, Members], Any]
"""Returns an `Answer`, None where the operation answers nothing, or is a coroutine of either."""


def nothing(_services: AwsServices, _given: Any) -> dict[str, Any]:
    """Return no member and no field."""
    return {}


def operations_of(
    kind: Kind[Any],
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
        more = fields(services, members)
        values = {**_fields(services, kind, wire, members), **more}
        return described(services, kind.make(services, values, services.now()))

    def describe(services: AwsServices, members: Members) -> Answer:
        one = services.resource(kind.resource, members[arn])
        answer = described(services, one) | shown(services, one) | details(services, one)
        return {member: answer}

    def listed(services: AwsServices, members: Members) -> Answer:
        found, token = page(services, members, kind)
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
    answer = services.summary(one) | {"jobName": one.name, "accountId": services.arns.account}
    for path, field in wire.members.items():
        if field in one.__struct_fields__:
            _put(answer, path, getattr(one, field))
    for field, referred in kind.references.items():
        name = getattr(one, field)
        if name is not None and referred is not SolutionVersion:  # the ARN has its solution's name
            answer[arn_member(referred)] = services.arns.named(referred, name)
    answer[arn_member(kind.resource)] = services.arns.of(one)
    return answer | {**one.asked} | {name: show(one) for name, show in wire.shown.items()}


def _fields(services: AwsServices, kind: Kind[Any], wire: Wire, members: Members) -> dict[str, Any]:
    """Return the fields of a creation."""
    values: dict[str, Any] = {
        **wire.defaults,
        "name": members.get("jobName" if kind.is_job else "name"),
        "tags": given_tags(members),
    }
    if wire.stored:
        values["asked"] = {name: members[name] for name in wire.stored if name in members}
    for path, field in wire.members.items():
        if (value := _at(members, path)) is not None:
            values[field] = value
        elif "." in path:
            raise AwsError(INVALID_INPUT, f"{path} is missing: send it")
    for field, referred in kind.references.items():
        if (arn := members.get(arn_member(referred))) is not None:
            values[field] = services.resource(referred, arn).name
    if kind.create is not None:
        return values
    types = {field.name: field.type for field in msgspec.structs.fields(kind.resource)}
    return {field: msgspec.convert(value, types[field]) for field, value in values.items()}


def _at(members: Mapping[str, Any], path: str) -> Any:
    first, _, rest = path.partition(".")
    found = members.get(first)
    return _at(found, rest) if rest and found is not None else found


def _put(answer: dict[str, Any], path: str, value: Any) -> None:
    first, _, rest = path.partition(".")
    if rest:
        _put(answer.setdefault(first, {}), rest, value)
    else:
        answer[first] = value
