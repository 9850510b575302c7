"""The inventory on the console: who waits, who is hardly seen, and what feeds brought."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from pawsonalize.domain.ages import AGE_NAMES
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.sizes import SIZE_NAMES
from pawsonalize.domain.species import SPECIES_NAMES, species_id
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.times import DAY, iso
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.engine.ingest.inventory.listing import read_status
from pawsonalize.engine.reporting.exposure_report import ExposureShare, exposure_report
from pawsonalize.fetch import shown as shown_address
from pawsonalize.kinds.registry import Registry
from pawsonalize.storage.animal_exposures import AnimalExposures
from pawsonalize.storage.animal_list import (
    AnimalOrder,
    AnimalSearch,
    StockList,
    is_hardly_seen,
    key_of,
)
from pawsonalize.wings.console.views.parameters import read_count, read_flag, read_text
from pawsonalize.wings.feeds.brought import FILES, BroughtIn, find_brought
from pawsonalize.wings.feeds.feeds_file import ListedFeed
from pawsonalize.wings.feeds.mapping import ValueMapping
from pawsonalize.wings.feeds.meanings import Meanings
from pawsonalize.wings.feeds.polling import FeedState

ANY_STATUS = "any"
_CURSOR = re.compile(r"(-?\d{1,15})\.(.+)", re.DOTALL)


class ListedAnimal(msgspec.Struct, frozen=True, rename="camel"):
    """An animal of the inventory in words, how long it waits and how often it was shown.

    It waits since `listedAt`; `firstListedAt` is when it first came in.
    """

    id: str
    name: str
    species: str
    breed: str
    size: str
    age: str
    status: str
    shelter: str
    source: str
    listed_at: str
    first_listed_at: str
    waiting_days: int
    shown: int
    shown_a_day: float
    hardly_seen: bool


class AnimalListing(msgspec.Struct, frozen=True, rename="camel"):
    """A page of the inventory; `nextCursor` fetches the next page and is null on the last.

    `statuses` counts all animals. An available animal is shown `shownADay` times a day on average;
    those that were listed for a day or longer and are shown less than a quarter as often are hardly
    seen. Their number is null while available animals were shown less than five times each on
    average. `longestWaitDays` is that of the available animal that waits longest.
    """

    animals: list[ListedAnimal]
    next_cursor: str | None
    statuses: dict[str, int]
    shown_a_day: float
    hardly_seen: int | None
    longest_wait_days: int


class UnrecognisedValue(msgspec.Struct, frozen=True, rename="camel"):
    """A value that nobody knows, as it is written, and how many rows had it.

    `meaning` is what was said of it since; it counts at the next import.
    """

    field: str
    value: str
    rows: int
    meaning: str | None


class LeftOutRow(msgspec.Struct, frozen=True, rename="camel"):
    """Why a row of a feed was left out. `place` is its line, or its number in the file, from 1."""

    place: int
    animal_id: str | None
    reason: str


class FeedNews(msgspec.Struct, frozen=True, rename="camel"):
    """What an import brought, and the first 20 of the rows that it refused.

    `kept` are listed animals that were not found in it, and may be in a row that cannot be read.
    """

    at: str
    rows: int
    created: int
    updated: int
    unchanged: int
    removed: int
    kept: int
    rejected: int
    first_rejected: list[LeftOutRow]
    notes: list[str]


class ConsoleFeed(msgspec.Struct, frozen=True, rename="camel"):
    """A feed, where it comes from, and the result of its newest import.

    `name` is `files` for what was imported from files of that source; such have no address and no
    schedule. `said` is how the last attempt ended; `failed` whether it failed.
    """

    name: str
    source: str
    address: str | None
    schedule: str | None
    looked_at: str | None
    taken_at: str | None
    failed: bool
    said: str
    newest: FeedNews | None
    unrecognised: list[UnrecognisedValue]


class FeedList(msgspec.Struct, frozen=True):
    """All feeds of the feeds file, and what was imported from files."""

    feeds: list[ConsoleFeed]


def read_search(given: Mapping[str, str]) -> tuple[AnimalSearch, int]:
    """The search that parameters ask for, and the least days of waiting; InvalidInput."""
    status = read_text(given, "status") or "available"
    species = read_text(given, "species")
    search = AnimalSearch(
        limit=read_count(given, "limit", 50, 1, 500),
        order=_order(read_text(given, "order") or AnimalOrder.WAITING),
        after=_place(given.get("cursor")),
        status=None if status == ANY_STATUS else read_status(status),
        species=None if species is None else species_id(species),
        source=read_text(given, "source"),
        shelter=read_text(given, "shelter"),
        text=read_text(given, "search"),
        hardly_seen=read_flag(given, "hardlySeen"),
    )
    return search, read_count(given, "waitingDays", 0, 0, 100_000)


@dataclass(frozen=True, slots=True)
class InventoryViews:
    """Looks at the animals, and at where they come from."""

    stock: StockList
    inventory: Inventory
    exposures: AnimalExposures
    registry: Registry
    feeds: Mapping[str, ListedFeed]

    def listing(self, given: Mapping[str, str], now: int) -> AnimalListing:
        """A page of the inventory, as the parameters ask."""
        search, days = read_search(given)
        before = now - days * DAY if days else None
        counts = self.stock.counts(now)
        # One more than asked for tells whether there is a next page.
        more = replace(search, limit=search.limit + 1, listed_before=before)
        found = self.stock.page(more, now)
        page = found[: search.limit]
        last = page[-1] if len(found) > search.limit else None
        oldest = counts.oldest_listed_at
        usual = 0.0 if counts.hardly_seen is None else counts.shown_a_day
        return AnimalListing(
            [_listed(animal, shown, usual, now) for animal, shown in page],
            None if last is None else f"{key_of(*last, search.order)}.{last[0].animal_id}",
            counts.statuses,
            counts.shown_a_day,
            counts.hardly_seen,
            0 if oldest is None else _days(oldest, now),
        )

    def exposure(self, now: int) -> list[ExposureShare]:
        """Whether exposure is shared as the available animals are."""
        animals = list(self.inventory.all(AnimalStatus.AVAILABLE))
        shown = self.exposures.of([animal.animal_id for animal in animals])
        return exposure_report(animals, shown, now)

    def say(self, source: str, field: str, value: str, meaning: str, now: int) -> None:
        """Store what a value of a source means; see `Meanings.say`."""
        Meanings(self.registry).say(source, field, value, meaning, now)

    def feed_list(self) -> FeedList:
        """The feeds, and what came of each last."""
        listed = [self._feed(name, feed) for name, feed in self.feeds.items()]
        files = (one for one in self.registry.all(BroughtIn) if one.origin == FILES)
        return FeedList(listed + [self._files(one) for one in files])

    def _feed(self, name: str, feed: ListedFeed) -> ConsoleFeed:
        state = self.registry.find(FeedState, name) or FeedState(name=name)
        how = feed.source.how
        brought = find_brought(self.registry, name, how.source)
        mapping = Meanings(self.registry).added_to(how).mapping
        return ConsoleFeed(
            name,
            how.source,
            shown_address(feed.source.url),
            feed.schedule or None,
            iso(state.looked_at) if state.looked_at else None,
            iso(state.taken_at) if state.taken_at else None,
            state.failed,
            state.said,
            None if brought is None else _news(brought),
            [] if brought is None else list(_unrecognised(brought, mapping)),
        )

    def _files(self, brought: BroughtIn) -> ConsoleFeed:
        mapping = ValueMapping.checked(Meanings(self.registry).of(brought.source))
        return ConsoleFeed(
            FILES,
            brought.source,
            None,
            None,
            iso(brought.at),
            iso(brought.at),
            brought.rows > 0 and brought.rejected == brought.rows,
            "",
            _news(brought),
            list(_unrecognised(brought, mapping)),
        )


def _listed(animal: Animal, shown: int, shown_a_day: float, now: int) -> ListedAnimal:
    group = animal.group_at(now)
    days = animal.waiting_days(now)
    return ListedAnimal(
        animal.animal_id,
        animal.name,
        SPECIES_NAMES.get(animal.species, animal.species),
        animal.breed.replace("_", " "),
        SIZE_NAMES.get(animal.size, animal.size),
        AGE_NAMES.get(group.age, group.age),
        animal.status,
        animal.shelter,
        animal.source,
        iso(animal.listed_at),
        iso(animal.first_listed_at),
        days,
        shown,
        round(shown / max(days, 1), 2),
        is_hardly_seen(animal, shown, shown_a_day, now),
    )


def _news(brought: BroughtIn) -> FeedNews:
    return FeedNews(
        iso(brought.at),
        brought.rows,
        brought.created,
        brought.updated,
        brought.unchanged,
        brought.removed,
        brought.kept,
        brought.rejected,
        [LeftOutRow(one.place, one.animal_id, one.reason) for one in brought.first_rejected],
        list(brought.notes),
    )


def _unrecognised(brought: BroughtIn, mapping: ValueMapping) -> Iterator[UnrecognisedValue]:
    """The most frequent values of each field first."""
    for field, values in brought.unrecognised.items():
        for value, rows in sorted(values.items(), key=lambda one: (-one[1], one[0])):
            yield UnrecognisedValue(field, value, rows, mapping.says(field, value))


def _days(since: int, now: int) -> int:
    return max(now - since, 0) // DAY


def _order(told: str) -> AnimalOrder:
    try:
        return AnimalOrder(told)
    except ValueError as error:
        raise InvalidInput(f"order must be {', '.join(AnimalOrder)}", field="order") from error


def _place(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
    return int(match[1]), parse_id(match[2], "cursor")
