"""One animal on the console: its history, the pages it stood on, why it is not seen, what helps.

Its shelter edits here what it says of it, and its status. They are stored as what the API and feeds
say is. There is no second record: the next import of the animal's source says anew what it is, and
the pages say so.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pawsonalize.access.admission import Caller
from pawsonalize.access.services import Services, services_of
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import GoodWith
from pawsonalize.domain.errors import Conflict
from pawsonalize.domain.events import LoggedEvent, Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.statuses import STEPS, AnimalStatus, check_step
from pawsonalize.engine.ingest.animal_form import FIELDS, AnimalForm
from pawsonalize.engine.ingest.listings import read_listing, read_status
from pawsonalize.http.animals import AnimalAnswer, animal_answer
from pawsonalize.http.json import report_of
from pawsonalize.pages.shell import links
from pawsonalize.pages.views import Confirmation, Done, PageAction, ViewQuery, perform
from pawsonalize.storage.events.event_reads import GroupEvents, TailQuery
from pawsonalize.storage.events.impressions import Impression
from pawsonalize.ui.cards import animal_card
from pawsonalize.ui.endpoints import Fields, fields_of
from pawsonalize.ui.rendering import console_path_of
from pawsonalize.wings.console.visibility import Visibility, visibility_of

_PAGES, _EVENTS = 400, 20_000  # the newest that are looked through: 20 ms each
_VISITORS = 6  # who are weighed: 15 ms each among 20,000 animals
_SHOWN = 10


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


async def _edit(request: Request, _caller: Caller) -> Done:
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


class StoodOn(msgspec.Struct, frozen=True, rename="camel"):
    """A page that the animal stood on, at a place from 1, and what was done with it there."""

    recommendation_id: str
    answered_at: str
    question: str
    place: int
    user_id: str | None
    session_id: str | None
    deeds: list[str]


class AnimalDeed(msgspec.Struct, frozen=True, rename="camel"):
    """An event about the animal."""

    event_id: str
    event_type: str
    sent_at: str
    user_id: str | None
    session_id: str | None


class AnimalReport(msgspec.Struct, frozen=True, rename="camel"):
    """All of one animal. It was shown `shown` times, and `opened` in `lookedAt` looks.

    `usuallyOpened` is how often animals like it are opened in its places. `pages` are of the newest
    400 pages of animals, `events` and `deeds` of the newest 20,000 events. `visibility` is null for
    an animal that is not available: nobody is shown it.
    """

    animal: AnimalAnswer
    waiting_days: int
    shown: int
    opened: float
    looked_at: float
    usually_opened: float
    pages: list[StoodOn]
    events: list[AnimalDeed]
    deeds: dict[str, int]
    visibility: Visibility | None


def animal_report(adapters: Adapters, services: Services, animal_id: str, now: int) -> AnimalReport:
    """Return all of one animal; NotFound if there is none."""
    animal = services.inventory.get(animal_id)
    wanted = TailQuery(_EVENTS, animal_id=animal_id, window=_EVENTS)
    events = GroupEvents(adapters.database).newest(wanted)
    pages = adapters.impressions.newest_pages(_PAGES)[::-1]
    individuals, visibility = services.individuals, None
    if individuals.can_order(now):
        visitors = [*dict.fromkeys(Visitor(one.user_id, one.session_id) for one in pages)]
        unseen = individuals.with_runtime(individuals.runtime, is_seen=False)
        visibility = visibility_of(animal, unseen, visitors[:_VISITORS], now)
    opened, looked, usual = (round(one, 1) for one in individuals.effects.counts_of(animal_id))
    return AnimalReport(
        animal_answer(animal, now),
        animal.waiting_days(now),
        adapters.exposures.of([animal_id]).get(animal_id, 0),
        opened,
        looked,
        usual,
        _stood_on(animal_id, pages, events)[:_SHOWN],
        [report_of(AnimalDeed, one.event) for one in events[:_SHOWN]],
        dict(Counter(one.event.event_type for one in events).most_common()),
        visibility,
    )


def _stood_on(
    animal_id: str, pages: Sequence[Impression], events: Sequence[LoggedEvent]
) -> list[StoodOn]:
    deeds: dict[str | None, list[str]] = {}
    for one in events:
        deeds.setdefault(one.event.recommendation_id, []).append(one.event.event_type)
    return [
        report_of(StoodOn, page, place=place, deeds=deeds.get(page.recommendation_id, []))
        for page in pages
        for place, ids in enumerate(page.animal_ids or (), 1)
        if animal_id in ids
    ]


def animal_content(query: ViewQuery, report: AnimalReport) -> dict[str, object]:
    """Return the card of the animal, the next statuses, and the pages of other wings."""
    animal = query.services.inventory.get(report.animal.id)
    return {
        "card": animal_card(animal, query.now, None, frozenset()),
        "photos": [one for one in animal.photos if one.startswith(("https://", "http://"))],
        "next_statuses": [
            one for one in AnimalStatus if one in STEPS[animal.status] - {animal.status}
        ],
        "look": look_of(animal),
        "owner": owner_of(animal),
        "answers": list(GoodWith),
        "siblings": links(ANIMALS_PAGE),
    }
