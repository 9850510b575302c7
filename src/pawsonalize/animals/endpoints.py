"""The inventory: PUT and GET /v1/animals, and GET, DELETE and POST …/status of one animal."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.inventory import MAX_ANIMALS
from pawsonalize.animals.listings import (
    AnimalForm,
    Listing,
    read_listing,
    read_status,
    unrecognised,
)
from pawsonalize.animals.tables.animals import AnimalQuery
from pawsonalize.core.attributes import species_id
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import (
    Form,
    Moment,
    Rejected,
    UnknownFields,
    check_fields,
    decode,
    first_of_each,
    read_each,
)
from pawsonalize.core.http import json as bodies
from pawsonalize.core.http.errors import EntryWarning, all_rejected_error, warnings_of
from pawsonalize.core.http.examples import ANIMAL
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import SITE
from pawsonalize.core.times import iso, parse_moment
from pawsonalize.operations.services import services_of

OPERATIONS = Operations(SITE, about=About.INVENTORY)
_ANIMAL = RequestParameter("animalId", "The animal.", where="path", required=True)


class StatusSince(msgspec.Struct, frozen=True):
    """A status and since when an animal has had it."""

    status: str
    """The status."""
    at: str
    """Since when."""


class WrittenStatement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a description states about one trait, with the sentence."""

    trait: str
    """Such as `good_with_cats` or `crate_trained`."""
    answer: str
    """`yes`, `no` or `condition`; of `pattern` and `coat` the value."""
    sentence: str
    """As its shelter wrote it."""
    condition: str = ""
    """Words of the condition: "kids over 12"."""
    verdict: str = ""
    """`confirmed` or `rejected`, if its shelter said so; what is rejected counts nowhere."""


class AnimalAnswer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """An animal as it is known; what nobody told is left out."""

    id: str
    """Its id."""
    item_id: str
    """Its group now."""
    species: str
    """The id of its species."""
    breed: str
    """The id of its breed."""
    size: str
    """The id of its size."""
    age: str
    """The id of its age now."""
    status: str
    """Its status now."""
    status_at: str
    """Since when."""
    listed_at: str
    """When it became available last: it waits since then."""
    first_listed_at: str
    """When it first came in, or was first published."""
    history: list[StatusSince]
    """Its statuses so far, in order of time."""
    name: str = ""
    source: str = ""
    external_id: str = ""
    shelter: str = ""
    bonded_unit: str | None = None
    secondary_breed: str | None = None
    mixed: bool | None = None
    birth_date: str | None = None
    sex: str = "unknown"
    weight: str = ""
    """Its weight, as its shelter writes it."""
    coat: str = ""
    colours: list[str] = []
    altered: bool | None = None
    house_trained: bool | None = None
    special_needs: bool | None = None
    good_with_kids: str = "unknown"
    good_with_dogs: str = "unknown"
    good_with_cats: str = "unknown"
    photos: list[str] = []
    url: str = ""
    priority: float = 0.0
    fee: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    postcode: str = ""
    description: str = ""
    intake_at: str | None = None
    written: list[WrittenStatement] = []
    """What its description states. A field of the record that says otherwise counts more."""


class AnimalPage(msgspec.Struct, frozen=True, rename="camel"):
    """Animals by id; `nextCursor` fetches the next page and is null on the last."""

    animals: list[AnimalAnswer]
    next_cursor: str | None


# What the API document shows. Decoding goes animal by animal, so that a bad one costs no other.
class AnimalList(Form, frozen=True):
    """One or several animals."""

    animals: Annotated[list[AnimalForm], Meta(min_length=1, max_length=MAX_ANIMALS)]
    """In any order."""


class StatusRequest(Form, frozen=True):
    """The animal's status, now or since a moment."""

    status: str
    """`available`, `hold`, `pending`, `adopted`, `returned` or `removed`."""
    at: Moment | None = None
    """Since when, now if left out."""


class AnimalsReceipt(msgspec.Struct, frozen=True):
    """Result for the animals."""

    created: int
    """Animals that are new."""
    updated: int
    """Animals that changed."""
    unchanged: int
    """Animals that are as they were."""
    rejected: list[Rejected]
    """Animals that were not taken, each with its place in the call and why."""
    warnings: list[EntryWarning] | UnsetType = UNSET
    """If there are any: values of animals that were taken which nobody knows; at most 20."""


class _Peek(msgspec.Struct, frozen=True):
    animals: list[Raw] | UnsetType = UNSET


class _Wrapped(Form, frozen=True):
    animals: list[Raw]


_FORM = msgspec.json.Decoder(AnimalForm)
_LIST = msgspec.json.Decoder(list[Raw])
_PEEK = msgspec.json.Decoder(_Peek)
_WRAPPED = msgspec.json.Decoder(_Wrapped)


@OPERATIONS.add(
    "PUT",
    "/v1/animals",
    request=AnimalList,
    notes=(
        "A bad animal costs no good one: the answer lists it under `rejected`. A body that is"
        " one animal, or a list of animals, is taken too."
    ),
    examples={"an animal": {"animals": [ANIMAL]}},
)
async def put_animals(request: Request) -> AnimalsReceipt | Response:
    """The animals there are; the next answer of every worker knows them."""
    services = services_of(request)
    now = services.now()
    unknown = bodies.unknown_of(request)
    raws = _split(await bodies.read_body(request), unknown)
    if not raws:
        raise InvalidInput("there are no animals in this call: send some", field="animals")
    if len(raws) > MAX_ANIMALS:
        raise InvalidInput(
            f"a call takes {MAX_ANIMALS} animals, not {len(raws)}: split it", field="animals"
        )

    def read(raw: bytes | Raw) -> tuple[Listing, list[tuple[str, str]]]:
        form = decode(_FORM, raw, unknown)
        return read_listing(form, now), list(unrecognised(form))

    good, rejected = read_each(raws, read)
    places, listings = list(good), [listing for listing, _ in good.values()]
    receipt = await run_in_threadpool(services.inventory.put, listings, now, now)
    rejected += [Rejected(places[one.index], "conflict", one.reason) for one in receipt.refused]
    # Conflicts are known last, and stand where the call has them.
    rejected.sort(key=lambda one: one.index)
    if len(rejected) == len(raws):
        none = dict.fromkeys(("created", "updated", "unchanged"), 0)
        refusal = {"error": all_rejected_error("animal", rejected), "rejected": rejected}
        return bodies.json_response(refusal | none, 400)
    odd = first_of_each(
        (place, (name, f"{name} {value!r} is not known here: it is like no other"))
        for place, (_, values) in good.items()
        for name, value in values
    )
    counts = (receipt.created, receipt.updated, receipt.unchanged)
    return AnimalsReceipt(*counts, rejected, warnings_of(odd))


@OPERATIONS.add(
    "GET",
    "/v1/animals",
    parameters=(
        RequestParameter("limit", "Most animals that a page holds, 1 to 500; 50 if left out.", int),
        RequestParameter("cursor", "The `nextCursor` of the page before."),
        RequestParameter("status", "Only animals of this status."),
        RequestParameter("species", "Only animals of this species, a word or an id."),
        RequestParameter("shelter", "Only animals of this shelter."),
        RequestParameter("source", "Only animals of this source."),
    ),
)
async def get_animals(request: Request) -> AnimalPage:
    """The inventory, by id."""
    services = services_of(request)
    found, cursor = await services.read(services.inventory.page, _query(request))
    now = services.now()
    return AnimalPage([animal_answer(animal, now) for animal in found], cursor)


@OPERATIONS.add("GET", "/v1/animals/{animal_id:path}", parameters=(_ANIMAL,))
async def get_animal(request: Request) -> AnimalAnswer:
    """One animal and what became of it."""
    services = services_of(request)
    animal = await services.read(services.inventory.get, _animal_id(request))
    return animal_answer(animal, services.now())


@OPERATIONS.add("DELETE", "/v1/animals/{animal_id:path}", status=204, parameters=(_ANIMAL,))
async def delete_animal(request: Request) -> Response:
    """Forget an animal, its history too; who was adopted has a status for that."""
    services = services_of(request)
    await run_in_threadpool(services.inventory.forget, _animal_id(request), services.now())
    return Response(status_code=204)


@OPERATIONS.add(
    "POST",
    "/v1/animals/{animal_id:path}/status",
    request=StatusRequest,
    examples={"adopted": {"status": "adopted"}},
    parameters=(_ANIMAL,),
    summary="What an animal is now; 409 if that may not follow what it was.",
)
async def post_animal_status(request: Request) -> AnimalAnswer:
    """Change what an animal is; the next answer of every worker knows it."""
    services = services_of(request)
    form = await bodies.read_form(request, StatusRequest)
    now = services.now()
    animal = await run_in_threadpool(
        services.inventory.set_status,
        _animal_id(request),
        read_status(form.status),
        now,
        None if form.at is None else parse_moment(form.at, "at"),
    )
    return animal_answer(animal, now)


def _split(body: bytes, unknown: UnknownFields) -> Sequence[bytes | Raw]:
    if body.lstrip()[:1] == b"[":
        return decode(_LIST, body)
    wrapped = decode(_PEEK, body).animals
    if wrapped is UNSET:
        return [body]
    check_fields(_WRAPPED, body, unknown)
    return wrapped


def _animal_id(request: Request) -> str:
    return parse_id(request.path_params["animal_id"], "animal_id")


def _query(request: Request) -> AnimalQuery:
    given = request.query_params
    species = bodies.read_text(given, "species")
    return AnimalQuery(
        limit=bodies.read_limit(given.get("limit"), 50),
        after=bodies.read_text(given, "cursor"),
        status=read_status(given["status"]) if "status" in given else None,
        source=bodies.read_text(given, "source"),
        shelter=bodies.read_text(given, "shelter"),
        species=None if species is None else species_id(species),
    )


def animal_answer(animal: Animal, now: int) -> AnimalAnswer:
    """Return an animal as it is known, in the words of the API."""
    group = animal.group_at(now)
    return bodies.report_of(
        AnimalAnswer,
        animal,
        id=animal.animal_id,
        item_id=group.id,
        age=group.age,
        birth_date=None if animal.born is None else animal.born.isoformat(),
        colours=list(animal.colours),
        photos=list(animal.photos),
        written=[bodies.report_of(WrittenStatement, one) for one in animal.statements],
        history=[StatusSince(change.status, iso(change.at)) for change in animal.history],
    )
