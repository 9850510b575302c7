"""Reports on pages of animals: how exposure is shared, and which events come from a page."""

from bisect import bisect
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping

import msgspec

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.animals.inventory import Inventory
from pawsonalize.animals.tables.animals import AnimalExposures
from pawsonalize.core.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.core.work.problems import Problems
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.animals.pages import ShownPages, reported_page, was_shown
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.kind import first_recommendation_id

_WAITS = ("under 14 days", "14 to 29 days", "30 to 59 days", "60 to 179 days", "180 days and more")
PROBLEM = "events that come from no answer"
NEXT_MOVE = (
    "send the answer's recommendationId with each event, or at least the sessionId with which the"
    " answer was asked for (docs/how-to/show-animals.md)"
)
_EVENTS = 5_000  # of the newest, and those of them with animals
_PAGES = 10_000  # from the oldest of those events on; events after the last one are not judged
_NEWEST = 7 * DAY  # imports bring older events, which came from no page of ours
_FEW_EVENTS, _FEW_PAGES = 200, 50  # fewer say too little
_NEARLY_NONE = 0.05
_STANDS = HOUR  # without another report


def _named(names: Mapping[str, str], value: str) -> str:
    return names.get(value, value)


_RESPECTS: Mapping[str, Callable[[Animal, int], str]] = {
    "species": lambda animal, _at: _named(SPECIES_NAMES, animal.species),
    "age": lambda animal, at: _named(AGE_NAMES, animal.group_at(at).age),
    "size": lambda animal, _at: _named(SIZE_NAMES, animal.size),
    "colour": lambda animal, _at: animal.colours[0] if animal.colours else "unknown",
    "waiting": lambda animal, at: _WAITS[bisect((14, 30, 60, 180), animal.waiting_days(at))],
}


class ExposureShare(msgspec.Struct, frozen=True):
    """Animals with one thing in common: how many they are, and how often they were shown.

    Both shares are of all available animals, 0 to 1. `ratio` is the share of the exposure divided
    by the share of the animals: 1 is even, None means that nothing was shown.
    """

    by: str
    value: str
    animals: int
    shown: int
    share_of_stock: float
    share_of_exposure: float
    ratio: float | None


def available_exposure(
    inventory: Inventory, exposures: AnimalExposures, at: int
) -> list[ExposureShare]:
    """Return the shares of all available animals at that moment, the most animals first."""
    animals = list(inventory.all(AnimalStatus.AVAILABLE))
    return exposure_report(animals, exposures.of([animal.animal_id for animal in animals]), at)


def exposure_report(
    animals: Iterable[Animal], shown: Mapping[str, int], at: int
) -> list[ExposureShare]:
    """The shares of the animals, which are available at that moment; the most animals first."""
    animals = list(animals)
    times = sum(shown.get(animal.animal_id, 0) for animal in animals)
    shares = []
    for by, value_of in _RESPECTS.items():
        stock, seen = Counter[str](), Counter[str]()
        for animal in animals:
            value = value_of(animal, at)
            stock[value] += 1
            seen[value] += shown.get(animal.animal_id, 0)
        for value, count in sorted(stock.items(), key=lambda one: (-one[1], one[0])):
            part, exposure = count / len(animals), seen[value] / times if times else 0.0
            ratio = exposure / part if times else None
            shares.append(ExposureShare(by, value, count, seen[value], part, exposure, ratio))
    return shares


class JoinedEvents(msgspec.Struct, frozen=True):
    """Number of the newest events with animals that came from a page that was shown."""

    events: int
    joined: int
    pages: int  # answers of animals that were given in that time

    @property
    def is_enough(self) -> bool:
        """True if there are enough events and pages to judge by."""
        return self.events >= _FEW_EVENTS and self.pages >= _FEW_PAGES

    @property
    def are_nearly_none(self) -> bool:
        """True if too few events name the answer they came from."""
        return self.is_enough and self.joined < _NEARLY_NONE * self.events

    @property
    def message(self) -> str:
        """The share, and what is lost where there is nearly none."""
        share = (
            f"{self.joined / max(self.events, 1):.1%} of the newest {self.events:,} events with"
            " animals can be joined to an answer that showed the animal"
        )
        if not self.are_nearly_none:
            return share
        return (
            f"{share}, though {self.pages:,} answers of animals were given in that time: so no"
            " animal has an effect of its own, a visitor's next answer does not follow what they"
            " scrolled past, and nobody learns how much each place is looked at"
        )


def joined_events(impressions: Impressions, log: EventLog, now: int) -> JoinedEvents:
    """Count them among the newest events of the default dataset group."""
    found = log.interactions(max(0, log.head() - _EVENTS), _EVENTS)
    interactions = sorted(
        (interaction for interaction in found if now - _NEWEST <= interaction.sent_at <= now),
        key=lambda interaction: interaction.sent_at,
    )
    if not interactions:
        return JoinedEvents(0, 0, 0)
    since = first_recommendation_id(interactions[0].sent_at - HOUR)
    pages = impressions.pages(since, _PAGES)
    if not pages:
        return JoinedEvents(len(interactions), 0, 0)
    last = now if len(pages) < _PAGES else pages[-1].as_of
    known = [
        interaction for interaction in interactions if pages[0].as_of <= interaction.sent_at <= last
    ]
    shown, coming, joined = ShownPages(), deque(pages), 0
    for interaction in known:
        while coming and was_shown(coming[0], interaction):
            shown.add(coming.popleft())
        joined += reported_page(interaction) is not None or shown.find(interaction) is not None
    return JoinedEvents(len(known), joined, len(pages))


def report_unjoined(impressions: Impressions, log: EventLog, problems: Problems, now: int) -> None:
    """Report a problem while nearly no event can be joined, and clear it once they can."""
    found = joined_events(impressions, log, now)
    if found.are_nearly_none:
        problems.report(PROBLEM, f"{found.message}: {NEXT_MOVE}", now, within=_STANDS)
    elif found.is_enough:
        problems.clear(PROBLEM, now)
