"""Operations on resources, and the bodies that they take and give: both follow from the kinds."""

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial, reduce
from operator import attrgetter, or_
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import Form
from pawsonalize.core.http.json import json_response, read_form, read_limit
from pawsonalize.core.http.operation import About, Endpoint, Operation, RequestParameter, camel
from pawsonalize.core.scopes import CONTROL_PLANE
from pawsonalize.core.times import iso
from pawsonalize.models.recipes.settings import Range
from pawsonalize.operations.addressing import (
    ADDRESS_PARAMETERS,
    address_of,
    enter_group,
    enter_owner,
    for_caller,
    own_group,
)
from pawsonalize.operations.services import services_of
from pawsonalize.recommend.campaigns import Address
from pawsonalize.resources.campaigns import CampaignUpdate
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.group_limits import GroupLimits
from pawsonalize.resources.kind import REQUIRED, AnyKind, Field, Native, Resource
from pawsonalize.resources.registry import resource_page
from pawsonalize.resources.solutions import MAX_TRIALS, EventParameters, Tuning

_GROUP = "By its name or ARN; the default if left out."
_ITS_GROUP = "The dataset group, by its name or ARN; the default one if left out."
_MOMENTS = {"created_at", "updated_at", "requested_at", "settled_at", "as_of"}
_TAGS = Annotated[Mapping[str, str], Meta(description="The operator's own notes.")]

Struct = type[msgspec.Struct]


def _encoded(name: str) -> str:
    """Return the name of a field in JSON: `minProvisionedTPS`."""
    return camel(name).replace("Tps", "TPS")


class NestedForm(Form, frozen=True, rename="camel"):
    """A part of a request that resources store in another form."""

    def value(self) -> Any:
        """Return what is stored."""
        raise NotImplementedError


class EventWeight(NestedForm, frozen=True, rename="camel"):
    """Part of events of a type in training: see `EventParameters`."""

    event_type: str
    weight: float | None = None
    value_threshold: float | None = None
    value_weighting: bool = False

    def value(self) -> EventParameters:
        """Return the parameters; the meaning of the type is looked up when a version is created."""
        return EventParameters(
            self.event_type, self.weight, self.value_threshold, self.value_weighting
        )


class TuningWish(NestedForm, frozen=True):
    """Number of settings that a training tries before it fits: see `Tuning`."""

    trials: Annotated[int, Meta(ge=1, le=MAX_TRIALS)]
    seconds: Annotated[float, Meta(gt=0)] | None = None
    ranges: Mapping[str, Range] = msgspec.field(default_factory=dict)

    def value(self) -> Tuning:
        """Return the tuning."""
        return Tuning(self.trials, self.seconds, self.ranges)


class _Changes(NestedForm, frozen=True):
    def value(self) -> dict[str, Any]:
        """Return what is to change, by the names of fields."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: _stored(value) for name, value in given.items() if value is not UNSET}


LimitsForm: Struct = msgspec.defstruct(
    "LimitsForm",
    [(one.name, one.type | UnsetType | None, UNSET) for one in msgspec.structs.fields(GroupLimits)],
    bases=(_Changes,),
    namespace={
        "__doc__": "Limits of a dataset group: see `GroupLimits`. Null takes one away; what is left"
        " out stays."
    },
    module=__name__,
    frozen=True,
    rename=_encoded,
)


class CampaignUpdateAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The newest wish to serve another version, and what became of it."""

    solution_version: str
    status: str
    failure_reason: str | None
    warning: str | None
    requested_at: str
    settled_at: str | None


class NamedAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields of every resource; times are ISO 8601 UTC."""

    name: str
    status: str
    failure_reason: str | None
    created_at: str
    updated_at: str
    revision: int
    tags: Mapping[str, str]


_FORMS: Mapping[Any, Any] = {
    EventParameters: EventWeight,
    Tuning: TuningWish,
    GroupLimits: LimitsForm,
}
_ANSWERS: Mapping[Any, Any] = {EventParameters: EventWeight, CampaignUpdate: CampaignUpdateAnswer}


class ResourceTypes(msgspec.Struct, frozen=True):
    """The types of a kind at /v1, and the functions between them and resources."""

    request: Struct
    change: Struct
    answer: Struct
    page: Struct
    """Some of the kind, and the cursor of the next page."""
    targets: Mapping[str, str]
    """The names of values that fields of requests become."""
    getters: Mapping[str, Callable[[Any], Any]]

    def values(self, form: msgspec.Struct) -> dict[str, Any]:
        """Return what a request gives, by the names of the resource's fields."""
        given = {name: getattr(form, name) for name in form.__struct_fields__}
        return {
            self.targets.get(name, name): _stored(value)
            for name, value in given.items()
            if value is not UNSET
        }

    def show(self, resource: Resource) -> msgspec.Struct:
        """Return the answer that shows the resource."""
        return self.answer(
            **{
                name: _shown(name, self.getters.get(name, attrgetter(name))(resource))
                for name in self.answer.__struct_fields__
            }
        )

    def list(self, resources: Iterable[Resource], next_cursor: str | None) -> msgspec.Struct:
        """Return the answer that lists these resources."""
        return self.page([self.show(one) for one in resources], next_cursor)


class _Fields:
    """The fields of a kind's types, as `defstruct` takes them."""

    def __init__(self, kind: AnyKind, group: str) -> None:
        self._hints = _hints(kind.resource)
        self._known = {one.name: one for one in msgspec.structs.fields(kind.resource)}
        self._group = Annotated[str | None, Meta(description=group)]

    def request(self, one: str | Field) -> tuple[Any, ...]:
        """Return a field of a creation: it has the default of the resource's."""
        if isinstance(one, Field):
            kept = (one.name, _replaced(one.type, _FORMS))
            return kept if one.default is REQUIRED else (*kept, one.default)
        if one == "dataset_group":
            return (one, self._group, None)
        known = self._known[one]
        kept = (one, _TAGS if one == "tags" else _replaced(self._hints[one], _FORMS))
        if known.default_factory is not NODEFAULT:
            return (*kept, msgspec.field(default_factory=known.default_factory))
        if known.default is NODEFAULT:
            return kept
        form = _FORMS.get(type(known.default))
        return (*kept, known.default if form is None else form())

    def change(self, one: str | Field) -> tuple[Any, ...]:
        """Return a field of a change, which may be left out."""
        if isinstance(one, Field):
            return self.request(one)
        return (one, _replaced(self._hints[one], _FORMS) | UnsetType, UNSET)

    def answer(self, one: str | Field) -> tuple[str, Any]:
        """Return a field of an answer, which is always there."""
        if isinstance(one, Field):
            return one.name, _replaced(one.type, _ANSWERS)
        return one, _plain(one, _replaced(self._hints[one], _ANSWERS))


def types_of(kind: AnyKind, native: Native) -> ResourceTypes:
    """Return the types that a kind describes."""
    name = kind.word.title().replace(" ", "")
    fields = _Fields(kind, _ITS_GROUP if native.by_address else _GROUP)
    pages = (
        f"{kind.word.capitalize()}s, newest first; `nextCursor` fetches the next page and is null"
        " on the last."
    )

    def struct(what: str, given: list[tuple[object, ...]], base: Struct) -> Struct:
        title = native.types.get(what, f"{name}{what.title()}")
        return _struct(title, given, base, native.docs.get(what, pages))

    new = [one for one in native.answer if one not in NamedAnswer.__struct_fields__]
    answer = struct("answer", [fields.answer(one) for one in new], NamedAnswer)
    listed = (f"{kind.word.replace(' ', '_')}s", types.GenericAlias(list, (answer,)))
    differing = [one for one in native.answer if isinstance(one, Field)]
    targets = {one.name: one.of for one in native.request if isinstance(one, Field)}
    return ResourceTypes(
        request=struct("request", [fields.request(one) for one in native.request], Form),
        change=struct("change", [fields.change(one) for one in native.changes], Form),
        answer=answer,
        page=struct("list", [listed, ("next_cursor", str | None)], msgspec.Struct),
        targets={name: str(target) for name, target in targets.items() if target},
        getters={
            one.name: one.of if callable(one.of) else attrgetter(one.of or one.name)
            for one in differing
        },
    )


_STRUCTS: dict[str, Struct] = {}


def _struct(title: str, fields: list[tuple[Any, ...]], base: Struct, doc: str) -> Struct:
    """Return a type of that name, the same for all kinds that share it."""
    if title not in _STRUCTS:
        _STRUCTS[title] = msgspec.defstruct(
            title,
            fields,
            bases=(base,),
            namespace={"__doc__": doc},
            module=__name__,
            frozen=True,
            kw_only=base is not msgspec.Struct,
            rename=_encoded,
        )
    return _STRUCTS[title]


def _hints(kind: type[Resource]) -> dict[str, Any]:
    """Return the types of a class's fields and properties."""
    found = get_type_hints(kind, include_extras=True)
    for base in reversed(kind.__mro__):
        for name, one in vars(base).items():
            if isinstance(one, property) and one.fget is not None:
                found[name] = get_type_hints(one.fget)["return"]
    return found


def _replaced(kind: Any, table: Mapping[Any, Any]) -> Any:
    """Return the type with those in the table replaced, however deep."""
    if kind in table:
        return table[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated or not arguments:
        return kind
    inner = [_replaced(one, table) for one in arguments]
    if origin in {Union, types.UnionType}:
        return reduce(or_, inner)
    return origin[tuple(inner)]


def _plain(name: str, kind: object) -> Any:
    """Return the type as answers have it: no bounds, moments and words of a set as text."""
    if get_origin(kind) is Annotated:
        return _plain(name, get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        return reduce(or_, [_plain(name, one) for one in get_args(kind)])
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return str
    return str if name in _MOMENTS else kind


def _stored(value: object) -> Any:
    if isinstance(value, NestedForm):
        return value.value()
    if isinstance(value, tuple):
        return tuple(_stored(one) for one in value)
    return value


def _shown(name: str, value: Any) -> Any:
    if name in _MOMENTS and value is not None:
        return iso(value)
    if isinstance(value, tuple):
        return tuple(_shown(name, one) for one in value)
    if (form := _ANSWERS.get(type(value))) is not None:
        return form(**{one: _shown(one, getattr(value, one)) for one in form.__struct_fields__})
    return value


DEFAULT_LIMIT = 50
PAGE_PARAMETERS = (
    RequestParameter("limit", "Most that a page holds, 1 to 100; 50 if left out.", int),
    RequestParameter("cursor", "The `nextCursor` of the page before."),
)


async def owning_group(request: Request, given: str | None) -> str:
    """The name of the dataset group that is meant, which the request enters.

    NotFound lists those there are. Left out it is the default one; with a key of one dataset
    group, that one.
    """
    return await enter_group(request, for_caller(request, Address(given)))


class _Endpoints:
    """The endpoints of one kind."""

    def __init__(self, kind: AnyKind, native: Native, types: ResourceTypes) -> None:
        self._kind = kind
        self._native = native
        self._types = types
        self._parent_field = camel(kind.resource.owner or "")

    async def list(self, request: Request) -> Response:
        services = services_of(request)
        given = request.query_params
        page = await services.read(
            resource_page,
            services.registry,
            self._kind.resource,
            read_limit(given.get("limit"), DEFAULT_LIMIT),
            parent=await self._parent(request),
            cursor=given.get("cursor"),
        )
        return json_response(self._types.list(page.resources, page.next_cursor))

    async def create(self, request: Request) -> Response:
        services = services_of(request)
        values = self._types.values(await read_form(request, self._types.request))
        if "dataset_group" in values:
            values["dataset_group"] = await self._group(request, values["dataset_group"])
        await self._enter(request, values)
        created = await run_in_threadpool(self._kind.make, services, values, services.now())
        return json_response(self._types.show(created), self._native.status)

    async def read(self, request: Request) -> Response:
        services = services_of(request)
        name: str = request.path_params["name"]
        await enter_owner(request, self._kind.resource, name)
        found = await services.read(services.registry.get, self._kind.resource, name)
        return json_response(self._types.show(found))

    async def change(self, request: Request) -> Response:
        services = services_of(request)
        changes = self._types.values(await read_form(request, self._types.change))
        name = await self._named(request)
        await self._enter(request, changes)
        change, now = self._kind.change, services.now()
        assert change is not None
        changed = await run_in_threadpool(change, services, name, changes, now)
        return json_response(self._types.show(changed))

    async def delete(self, request: Request) -> Response:
        services = services_of(request)
        name = await self._named(request)
        found = await services.read(services.registry.get, self._kind.resource, name)
        await run_in_threadpool(self._kind.remove, services, name, services.now())
        return json_response(self._types.show(found))

    async def act(self, action: str, request: Request) -> Response:
        services = services_of(request)
        name = await self._named(request)
        act = self._kind.actions[action]
        changed = await run_in_threadpool(act, services, name, services.now())
        return json_response(self._types.show(changed))

    async def _named(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if self._kind.of_group:  # first of all: a key of another group learns nothing of it
            await enter_owner(request, self._kind.resource, name)
        return name

    async def _enter(self, request: Request, values: dict[str, Any]) -> None:
        if self._kind.of_group:
            for field, kind in self._kind.references.items():
                if KINDS[kind].of_group and values.get(field) is not None:
                    await enter_owner(request, kind, values[field])

    async def _group(self, request: Request, given: str | None) -> str:
        if self._native.by_address:
            return await enter_group(request, address_of(request, given))
        return await owning_group(request, given)

    async def _parent(self, request: Request) -> str | None:
        """The parent that the query names; None: all."""
        # With a key of one dataset group it is that, or has to be one of that.
        parent = self._kind.parent
        if parent is None:
            return None
        named = request.query_params.get(self._parent_field)
        if parent is DatasetGroup:
            by_campaign = self._native.by_address and "campaign" in request.query_params
            if named is None and not by_campaign and own_group(request) is None:
                return None
            return await self._group(request, named)
        if not self._kind.of_group:
            return named
        if named is not None:
            await enter_owner(request, parent, named)
        elif own_group(request) is not None:
            raise InvalidInput(
                f"say of which {parent.kind} with {self._parent_field}: this key is for one dataset"
                " group",
                field=self._parent_field,
            )
        return named


def operations_of(kind: AnyKind, native: Native) -> Iterator[Operation]:
    """The operations that a kind describes."""
    types = types_of(kind, native)
    door = _Endpoints(kind, native, types)
    about = About.GROUP if kind.of_group else About.SERVICE
    one, path = kind.word.replace(" ", "_"), f"/v1/{kind.path}s"
    named = (
        RequestParameter("name", f"The {native.noun or kind.word}.", where="path", required=True),
    )

    def operation(
        method: str, path: str, endpoint: Endpoint, name: str, summary: str, **more: Any
    ) -> Operation:
        more = {"about": about, "answer": types.answer, "parameters": named, **more}
        return Operation(method, path, endpoint, summary, CONTROL_PLANE, name=name, **more)

    pages = (*_parent_parameters(kind, native), *PAGE_PARAMETERS)
    more: dict[str, Any] = {"answer": types.page, "parameters": pages}
    yield operation("GET", path, door.list, f"get_{one}s", native.list, **more)
    if native.create:
        more = {"status": native.status, "examples": dict(native.examples)}
        more |= {"request": types.request, "parameters": ()}
        if native.by_address:
            more["parameters"] = ADDRESS_PARAMETERS
        yield operation("POST", path, door.create, f"post_{one}", native.create, **more)
    path += "/{name}"
    summary = native.get or f"One {kind.word}."
    its_own = About.GROUP if kind.resource is DatasetGroup else about
    yield operation("GET", path, door.read, f"get_{one}", summary, about=its_own)
    if native.change:
        more = {"request": types.change, "examples": dict(native.change_examples)}
        yield operation("PATCH", path, door.change, f"patch_{one}", native.change, **more)
    if native.delete:
        yield operation("DELETE", path, door.delete, f"delete_{one}", native.delete)
    for action, summary in native.actions.items():
        act = partial(door.act, action)
        yield operation("POST", f"{path}/{action}", act, f"post_{action}", summary)


def _parent_parameters(kind: AnyKind, native: Native) -> tuple[RequestParameter, ...]:
    if kind.parent is None or kind.resource.owner is None:
        return ()
    name, which = camel(kind.resource.owner), f"{kind.word}s"
    if native.by_address:
        return (
            RequestParameter(name, f"Only {which} of this dataset group, by its name or ARN."),
            RequestParameter("campaign", f"Only {which} of this campaign's dataset group."),
        )
    end = ", by its name or ARN" if kind.parent is DatasetGroup else ""
    return (RequestParameter(name, f"Only those of this {kind.parent.kind}{end}."),)


OPERATIONS = tuple(
    operation
    for kind in KINDS.values()
    if kind.native is not None
    for operation in operations_of(kind, kind.native)
)
