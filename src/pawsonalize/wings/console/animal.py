"""One animal on the console: its history, the pages it stood on, why it is not seen, what helps."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from pawsonalize.access.services import Services
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import GoodWith
from pawsonalize.domain.events import LoggedEvent, Visitor
from pawsonalize.domain.statuses import STEPS, AnimalStatus
from pawsonalize.http.animals import AnimalAnswer, animal_answer
from pawsonalize.http.json import report_of
from pawsonalize.pages.shell import links
from pawsonalize.pages.views import ViewQuery
from pawsonalize.storage.events.event_reads import GroupEvents, TailQuery
from pawsonalize.storage.events.impressions import Impression
from pawsonalize.ui.cards import animal_card
from pawsonalize.wings.console.animal_editing import ANIMALS_PAGE, look_of, owner_of
from pawsonalize.wings.console.visibility import Visibility, visibility_of

_PAGES, _EVENTS = 400, 20_000  # the newest that are looked through: 20 ms each
_VISITORS = 6  # who are weighed: 15 ms each among 20,000 animals
_SHOWN = 10


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


class AnimalViews(msgspec.Struct, frozen=True):
    """Looks at animals."""

    _adapters: Adapters
    _services: Services

    def report(self, animal_id: str, now: int) -> AnimalReport:
        """Return all of one animal; NotFound if there is none."""
        adapters, services = self._adapters, self._services
        animal = services.inventory.get(animal_id)
        wanted = TailQuery(_EVENTS, animal_id=animal_id, window=_EVENTS)
        events = GroupEvents(adapters.database).newest(wanted)
        pages = adapters.impressions.newest_pages(_PAGES)[::-1]
        individuals = services.individuals
        counts = individuals.effects.counts_of(animal_id)
        opened, looked, usual = (round(one, 1) for one in counts)
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
            self._visibility(animal, pages, now),
        )

    def _visibility(
        self, animal: Animal, pages: Sequence[Impression], now: int
    ) -> Visibility | None:
        individuals = self._services.individuals
        if not individuals.can_order(now):
            return None
        visitors = [*dict.fromkeys(Visitor(one.user_id, one.session_id) for one in pages)]
        unseen = individuals.with_runtime(individuals.runtime, is_seen=False)
        return visibility_of(animal, unseen, visitors[:_VISITORS], now)


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
