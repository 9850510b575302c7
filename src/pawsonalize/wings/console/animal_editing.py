"""Edits of an animal on the console: what its shelter may say of it, and its status.

They are stored as what the API and feeds say is. There is no second record: the next import of the
animal's source says anew what it is, and the pages say so.
"""

import zlib
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pawsonalize.access.services import services_of
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import Conflict
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.statuses import AnimalStatus, check_step
from pawsonalize.engine.ingest.animal_form import FIELDS, AnimalForm
from pawsonalize.engine.ingest.listings import read_listing, read_status
from pawsonalize.pages.views import Confirmation, Done, PageAction, ViewQuery, perform
from pawsonalize.ui.endpoints import Fields, fields_of
from pawsonalize.ui.rendering import console_path_of

ANIMALS_PAGE: Final = "/console/animals"
_ACTIONS = f"{ANIMALS_PAGE}/actions"
_EDITED = (
    *("name", "description", "photos", "priority", "goodWithKids", "goodWithDogs", "goodWithCats"),
    *("houseTrained", "specialNeeds"),
)
_MAX_FORM_BYTES = 1 << 19  # fifty addresses and a long text, as browsers escape them


def look_of(animal: Animal) -> str:
    """Return what tells if somebody else edited the animal meanwhile."""
    edited = [getattr(animal, FIELDS[name]) for name in _EDITED]
    return f"{zlib.crc32(msgspec.json.encode(edited)):x}"


def owner_of(animal: Animal) -> str:
    """Say who else says what the animal is, and so writes over what is edited here."""
    source = f"The next import of “{animal.source}”" if animal.source else "What your site sends"
    return f"{source} says anew what it is: change it there as well."


def _edited(animal: Animal, fields: Fields, now: int) -> Animal:
    """Return the animal with the fields of a form, which are checked as those of the API."""
    if fields.get("look") != look_of(animal):
        raise Conflict("somebody else changed this animal meanwhile: load its page again")
    values: dict[str, object] = {FIELDS[name]: fields.get(name) for name in _EDITED}
    values["photos"] = fields.get("photos", "").split()
    form = AnimalForm(id=animal.animal_id, species=animal.species, **values)  # type: ignore[arg-type]
    read = read_listing(form, now).animal
    return replace(animal, **{FIELDS[name]: getattr(read, FIELDS[name]) for name in _EDITED})


async def _edit(request: Request) -> Done:
    fields = await fields_of(request, _MAX_FORM_BYTES)
    animal_id, services = parse_id(fields.get("animalId", ""), "animalId"), services_of(request)
    now = services.now()
    change = partial(_edited, fields=fields, now=now)
    animal = await run_in_threadpool(services.inventory.edit, animal_id, change, now)
    name = animal.name or animal_id
    return Done(console_path_of(animal_id), f"{name} is stored. {owner_of(animal)}", animal_id)


def _ask_status(query: ViewQuery) -> Confirmation:
    status = read_status(query.text("status"))
    animal = query.services.inventory.get(parse_id(query.text("animalId"), "animalId"))
    check_step(animal.status, status)
    name = animal.name or animal.animal_id
    is_shown = status is AnimalStatus.AVAILABLE
    effects = (
        f"{name} is {animal.status} now.",
        "It may be in answers from the next one on."
        if is_shown
        else "It is in no answer from the next one on.",
        "Its wait ends with an adoption, as of now."
        if status is AnimalStatus.ADOPTED
        else "Nobody counts that as an adoption.",
        owner_of(animal),
    )
    sent = {"animalId": animal.animal_id, "status": status.value}
    title = f"Mark {name} as {status}"
    return Confirmation(
        title, effects, f"Mark as {status}", console_path_of(animal.animal_id), sent
    )


def _set_status(query: ViewQuery) -> Done:
    animal_id, status = parse_id(query.text("animalId"), "animalId"), query.text("status")
    animal = query.services.inventory.set_status(animal_id, read_status(status), query.now)
    return Done(
        console_path_of(animal_id), f"{animal.name or animal_id} is {animal.status}.", animal_id
    )


async def _lead_on(request: Request) -> Response:
    """Lead to an animal's page from where it was once: letters and bookmarks have that."""
    page = console_path_of(request.path_params["animal_id"])
    return RedirectResponse(f"{page}?{request.url.query}".rstrip("?"), 301)


ANIMAL_ACTIONS = (
    PageAction(f"{_ACTIONS}/status", _ask_status, _set_status),
    Route(f"{_ACTIONS}/edit", partial(perform, act=_edit), methods=["POST"]),
    Route(f"{ANIMALS_PAGE}/{{animal_id:path}}", _lead_on),
)
