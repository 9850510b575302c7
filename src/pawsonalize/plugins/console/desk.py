"""Animals as their shelter writes them on the console: added, edited, given a status, and undone.

What is written is stored as what the API and feeds say is. There is no second record: the next
import of an animal's source says anew what it is, and the pages say so.
"""

import re
import secrets
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pawsonalize.animals.animal import UNKNOWN, Animal, AnimalStatus
from pawsonalize.animals.listings import FIELDS, AnimalForm, Listing, read_listing, read_status
from pawsonalize.animals.written import TRAITS
from pawsonalize.app.pages.shell import ANIMALS, shown
from pawsonalize.app.pages.views import (
    Done,
    ViewQuery,
    note_action,
    perform,
)
from pawsonalize.core.attributes import AGE_NAMES, DOG, SIZE_NAMES, SPECIES_NAMES, GoodWith
from pawsonalize.core.breed_spelling import plain_letters
from pawsonalize.core.breeds import UNKNOWN_BREED
from pawsonalize.core.errors import Conflict, InvalidInput, PawsonalizeError
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import DESK
from pawsonalize.core.times import MINUTE
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.console.photos import PHOTO_ACTIONS, add_photos, opened_form
from pawsonalize.site.forms import Fields, fields_of
from pawsonalize.site.rendering import console_path_of

NEW_ANIMAL_PAGE: Final = f"{ANIMALS}/new"
_ACTIONS = f"{ANIMALS}/actions"
_SOURCE = "console"
"""Source of the animals that are added here, so that no feed says they are gone."""
_MAX_FORM_BYTES = 1 << 19  # fifty addresses and a long text, as browsers escape them
_NOTICE_LENGTH = 800  # of what a cookie has to hold
_UNDO_MINUTES = 10
_PICK = "pick."  # the fields of ticked animals begin with it
_VERDICTS = ("confirmed", "rejected", "")


class EditField(msgspec.Struct, frozen=True):
    """A field of the form of an animal."""

    name: str
    """Its name in the API's form of an animal."""
    label: str
    kind: str = "text"
    """`text`, `number`, `date`, `lines`, `story`, or `choice`, which needs `choices`."""
    choices: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    """Attributes of the animal that it says; the one of its own name if left out."""


_ANSWERS = ("unknown", "yes", "no")
_GOOD_WITH = tuple(GoodWith)
_BREEDS = ("breed", "secondary_breed", "mixed")
EDIT_FIELDS = (
    EditField("name", "Name"),
    EditField("species", "Species", "choice", (*SPECIES_NAMES.values(),), ("species", *_BREEDS)),
    EditField("breed", "Breed, two with / between", "text", (), _BREEDS),
    EditField("mixed", "Mix", "choice", _ANSWERS),
    EditField("birthDate", "Birth date", "date", (), ("born", "age")),
    EditField(
        "age", "Age, if the birth date is not known", "choice", (UNKNOWN, *AGE_NAMES.values())
    ),
    EditField("size", "Size", "choice", (UNKNOWN, *SIZE_NAMES.values())),
    EditField("sex", "Sex", "choice", (UNKNOWN, "female", "male")),
    EditField("weight", "Weight, such as 12 kg"),
    EditField("colours", "Colours, with commas"),
    EditField("coat", "Coat, such as long"),
    EditField("altered", "Spayed or neutered", "choice", _ANSWERS),
    EditField("houseTrained", "House-trained", "choice", _ANSWERS),
    EditField("specialNeeds", "Special needs", "choice", _ANSWERS),
    EditField("goodWithKids", "Good with kids", "choice", _GOOD_WITH),
    EditField("goodWithDogs", "Good with dogs", "choice", _GOOD_WITH),
    EditField("goodWithCats", "Good with cats", "choice", _GOOD_WITH),
    EditField("fee", "Adoption fee", "number"),
    EditField("shelter", "Shelter"),
    EditField("postcode", "Postcode"),
    EditField("bondedUnit", "Goes together with: the same word for each of them"),
    EditField("url", "Address of its page on your site"),
    EditField("priority", "Priority, 0 to 1", "number"),
    EditField("photos", "Addresses of photos, one a line, the best first", "lines"),
    EditField("description", "Description", "story"),
)
"""Fields in the order of the page; what no form has, such as its history, an edit leaves alone."""


def _as_text(field: EditField, value: object) -> str:
    if field.choices == _ANSWERS:
        return "unknown" if value is None else "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    return "" if value is None else str(value).strip()


def texts_of(animal: Animal) -> dict[str, str]:
    """Return an animal as the fields of its form show it, by their names."""
    breeds = [one for one in (animal.breed, animal.secondary_breed) if one and one != UNKNOWN_BREED]
    values = {field.name: getattr(animal, FIELDS[field.name], None) for field in EDIT_FIELDS}
    values |= {
        "species": SPECIES_NAMES.get(animal.species, animal.species),
        "breed": " / ".join(one.replace("_", " ") for one in breeds),
        "birthDate": animal.born,
        "age": AGE_NAMES.get(animal.age, animal.age),
        "size": SIZE_NAMES.get(animal.size, animal.size),
        "colours": ", ".join(animal.colours),
        "photos": "\n".join(animal.photos),
    }
    return {field.name: _as_text(field, values[field.name]) for field in EDIT_FIELDS}


def edit_content(animal: Animal) -> dict[str, object]:
    """Return what the form of an animal needs."""
    return {
        "fields": EDIT_FIELDS,
        "texts": texts_of(animal),
        "look": look_of(animal),
        "owner": owner_of(animal),
    }


def new_animal_content(_query: ViewQuery, _report: None) -> dict[str, object]:
    """Return what the form of a new animal needs: nothing is known of it."""
    texts = {field.name: "unknown" if "unknown" in field.choices else "" for field in EDIT_FIELDS}
    return {"fields": EDIT_FIELDS, "texts": {**texts, "species": SPECIES_NAMES[DOG]}}


def look_of(animal: Animal) -> str:
    """Return what tells if somebody else edited the animal meanwhile."""
    return f"{zlib.crc32(msgspec.json.encode(texts_of(animal))):x}"


def owner_of(animal: Animal) -> str:
    """Say who else says what the animal is, and so writes over what is edited here."""
    if animal.source == _SOURCE:
        return "It was added here: no import writes over it."
    source = f"The next import of “{animal.source}”" if animal.source else "What your site sends"
    return f"{source} says anew what it is: change it there as well."


def _given(fields: Fields) -> dict[str, str]:
    return {
        field.name: fields[field.name].replace("\r\n", "\n").strip()
        for field in EDIT_FIELDS
        if field.name in fields
    }


def _listing(animal_id: str, texts: Mapping[str, str], now: int) -> Listing:
    """Read the fields of a form as the API reads them; InvalidInput names a bad one."""
    values: dict[str, object] = {FIELDS[name]: text for name, text in texts.items() if text}
    values |= {"photos": texts.get("photos", "").split(), "id": animal_id, "source": _SOURCE}
    values["colours"] = texts.get("colours", "").split(",")
    values.setdefault("species", "")
    if texts.get("birthDate") and (age := texts.get("age", UNKNOWN)) not in {UNKNOWN, ""}:
        raise InvalidInput(
            f"age {age} is told beside the birth date, from which it follows: clear one of them",
            field="age",
        )
    return read_listing(AnimalForm(**values), now)  # type: ignore[arg-type]


def _edited(animal: Animal, fields: Fields, now: int) -> Animal:
    """Return the animal with what a form changes; a field that is as it was changes nothing."""
    if fields.get("look") != look_of(animal):
        raise Conflict("somebody else changed this animal meanwhile: load its page again")
    before = texts_of(animal)
    after = before | _given(fields)
    read = _listing(animal.animal_id, after, now).animal
    names = {
        name
        for field in EDIT_FIELDS
        if after[field.name] != before[field.name]
        for name in field.attributes or (FIELDS[field.name],)
    }
    return replace(animal, **{name: getattr(read, name) for name in names})


async def _edit(request: Request, _caller: Caller) -> Done:
    fields = await fields_of(request, _MAX_FORM_BYTES)
    animal_id, services = parse_id(fields.get("animalId", ""), "animalId"), services_of(request)
    now = services.now()
    changed: list[str] = []

    def change(animal: Animal) -> Animal:
        edited = _edited(animal, fields, now)
        before, after = texts_of(animal), texts_of(edited)
        changed[:] = [name for name, text in after.items() if text != before[name]]
        return edited

    animal = await run_in_threadpool(services.inventory.edit, animal_id, change, now)
    notice, page = (
        f"{animal.name or animal_id} is stored. {owner_of(animal)}",
        console_path_of(animal_id),
    )
    return Done(page, notice, animal_id, detail=", ".join(changed))


async def _judge(request: Request, _caller: Caller) -> Done:
    fields = await fields_of(request)
    animal_id, services = parse_id(fields.get("animalId", ""), "animalId"), services_of(request)
    trait, verdict = fields.get("trait", ""), fields.get("verdict", "")
    if verdict not in _VERDICTS:
        raise InvalidInput(
            f"verdict is confirmed, rejected or empty, not {verdict[:40]!r}", field="verdict"
        )
    if trait not in TRAITS:
        known = ", ".join(TRAITS)
        raise InvalidInput(f"there is no trait {trait[:40]!r}: it is one of {known}", field="trait")
    judge = services.inventory.judge_statement
    await run_in_threadpool(judge, animal_id, trait, verdict, services.now())
    said = f"“{trait.replace('_', ' ')}” is {verdict or 'as it was read'}."
    return Done(f"{console_path_of(animal_id)}#written", said, animal_id, detail=said)


def _new_id(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", plain_letters(name)).strip("-")
    return f"{words[:40] or 'animal'}-{secrets.token_hex(3)}"


async def _add(request: Request, _caller: Caller) -> Done:
    async with opened_form(request) as (fields, files):
        return await run_in_threadpool(_added, request, fields, files)


def _added(request: Request, fields: Fields, files: Sequence[UploadFile]) -> Done:
    services = services_of(request)
    given, now = _given(fields), services.now()
    animal_id = parse_id(fields.get("id", "").strip() or _new_id(given.get("name", "")), "id")
    listing = _listing(animal_id, given, now)
    if services.inventory.get_many([animal_id]):
        raise Conflict(f"there is an animal {animal_id} already: edit it, or write another id")
    services.inventory.put([listing], now, now)
    notice = f"{listing.animal.name or animal_id} is added, and may be shown."
    if files:
        try:
            notice += f" {add_photos(request, animal_id, files)}"
        except PawsonalizeError as error:  # the animal stays, and its page takes photos as well
            notice += f" No photo is stored: {error.message}."[:_NOTICE_LENGTH]
    return Done(console_path_of(animal_id), notice, animal_id)


def undoable(animal: Animal, now: int) -> AnimalStatus | None:
    """Return the status before, if the newest was set in the last minutes and by no report."""
    last, reported = animal.history[-1], {one for report in animal.reports for one in report}
    if len(animal.history) < 2 or now - last.at > _UNDO_MINUTES * MINUTE or last in reported:
        return None
    return animal.history[-2].status


def _undone(animal: Animal, status: AnimalStatus, now: int) -> Animal:
    """Return the animal with the status before, if it has `status` since a few minutes."""
    if undoable(animal, now) is None or status != animal.status:
        raise Conflict(
            f"{animal.name or animal.animal_id} is {animal.status}, and that can be undone for"
            f" {_UNDO_MINUTES} minutes alone: mark it as what it is"
        )
    return replace(animal, history=animal.history[:-1])


async def _set_status(request: Request, caller: Caller) -> Done | Response:
    """Set or undo the status of an animal, or of all that are ticked, and say who has it now."""
    fields, inventory = await fields_of(request, _MAX_FORM_BYTES), services_of(request).inventory
    one = fields.get("animalId", "")
    picked = [name.removeprefix(_PICK) for name in fields if name.startswith(_PICK)]
    if not one and not picked:
        raise InvalidInput("no animal is ticked: tick some in the list, then choose their status")
    status, now = read_status(fields.get("status", "")), services_of(request).now()
    is_undo = request.url.path.endswith("/undo")
    undo = partial(inventory.edit, change=partial(_undone, status=status, now=now))
    change = undo if is_undo else partial(inventory.set_status, status=status)
    done, refused = list[Animal](), list[str]()
    for animal_id in [one] if one else picked:
        try:
            done.append(await run_in_threadpool(change, animal_id, now=now))
        except PawsonalizeError as error:
            if one:
                raise
            refused.append(f"{animal_id}: {error.message}")
    if one:
        notice = f"{done[0].name or one} is {done[0].status}{' again' if is_undo else ''}."
        return Done(
            console_path_of(one), f"{notice} {owner_of(done[0])}", one, detail=done[0].status
        )
    for animal in done:
        await note_action(request, caller, animal.animal_id, "done", animal.status)
    content = {"done": done, "refused": refused, "status": status, "is_undo": is_undo}
    return shown(request, caller, "console/statuses.html", minutes=_UNDO_MINUTES, content=content)


async def _lead_on(request: Request) -> Response:
    """Lead to an animal's page from where it was once: letters and bookmarks have that."""
    page = console_path_of(request.path_params["animal_id"])
    return RedirectResponse(f"{page}?{request.url.query}".rstrip("?"), 301)


ANIMAL_ACTIONS = (
    *PHOTO_ACTIONS,
    Route(f"{_ACTIONS}/status", partial(perform, act=_set_status, allowed=DESK), methods=["POST"]),
    Route(f"{_ACTIONS}/edit", partial(perform, act=_edit, allowed=DESK), methods=["POST"]),
    Route(f"{_ACTIONS}/written", partial(perform, act=_judge, allowed=DESK), methods=["POST"]),
    Route(f"{_ACTIONS}/add", partial(perform, act=_add, allowed=DESK), methods=["POST"]),
    Route(f"{_ACTIONS}/undo", partial(perform, act=_set_status, allowed=DESK), methods=["POST"]),
    Route(f"{ANIMALS}/{{animal_id:path}}", _lead_on),
)
