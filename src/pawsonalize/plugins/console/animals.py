"""The inventory on the console: animals that wait, and those that are hardly seen."""

import re
from collections.abc import Mapping
from itertools import groupby

import msgspec
from msgspec.structs import replace

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.animals.listings import read_status
from pawsonalize.animals.tables.animals import (
    AnimalOrder,
    AnimalSearch,
    StockList,
    is_hardly_seen,
    key_of,
)
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.core.attributes import AGE_NAMES, SIZE_NAMES, SPECIES_NAMES, species_id
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.http.json import read_count, read_flag, read_text, report_of
from pawsonalize.core.limits import match_cursor, parse_id
from pawsonalize.core.times import DAY
from pawsonalize.recommend.animals.eligibility import unplaced
from pawsonalize.reports.exposure_report import ExposureShare
from pawsonalize.site.cards import small_photo, web_photos
from pawsonalize.site.portraits import Portrait

_ANY_STATUS = "any"
_CURSOR = re.compile(r"(-?\d{1,15})\.(.+)", re.DOTALL)
_VALUES = 12  # of one respect on the page: colours may be many
_ENOUGH, _LITTLE, _LEAST = 5, 0.7, 5
_SORTS = {
    "-waiting_days": AnimalOrder.WAITING,
    "waiting_days": AnimalOrder.NEWEST,
    "shown": AnimalOrder.SHOWN,
}
_ORDERS = {
    AnimalOrder.WAITING: "Waits longest",
    AnimalOrder.SHOWN: "Shown least",
    AnimalOrder.NEWEST: "Listed last",
}


class ListedAnimal(msgspec.Struct, frozen=True, rename="camel"):
    """An animal of the inventory in words, how long it waits and how often it was shown.

    It waits since `listedAt`; `firstListedAt` is when it first came in. `picture` is the address of
    its first photo, or of a drawing.
    """

    id: str
    name: str
    picture: str
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


def _read_search(given: Mapping[str, str]) -> tuple[AnimalSearch, int]:
    """Return the search that parameters ask for, and the least days of waiting; InvalidInput."""
    status = read_text(given, "status") or "available"
    species = read_text(given, "species")
    search = AnimalSearch(
        limit=read_count(given, "limit", 50, 1, 500),
        order=_wanted_order(given),
        after=_place(given.get("cursor")),
        status=None if status == _ANY_STATUS else read_status(status),
        species=None if species is None else species_id(species),
        source=read_text(given, "source"),
        shelter=read_text(given, "shelter"),
        text=read_text(given, "search"),
        hardly_seen=read_flag(given, "hardlySeen"),
    )
    return search, read_count(given, "waitingDays", 0, 0, 100_000)


def animal_listing(stock: StockList, given: Mapping[str, str], now: int) -> AnimalListing:
    """Return a page of the inventory, as the parameters ask."""
    search, days = _read_search(given)
    before = now - days * DAY if days else None
    counts = stock.counts(now)
    # One more than the page has tells whether there is a next one.
    usual = 0.0 if counts.hardly_seen is None else counts.shown_a_day
    found = stock.page(replace(search, limit=search.limit + 1, listed_before=before), now, usual)
    page = found[: search.limit]
    last = page[-1] if len(found) > search.limit else None
    oldest = counts.oldest_listed_at
    return AnimalListing(
        [listed_animal(animal, shown, usual, now) for animal, shown in page],
        None if last is None else f"{key_of(*last, search.order)}.{last[0].animal_id}",
        counts.statuses,
        counts.shown_a_day,
        counts.hardly_seen,
        0 if oldest is None else max(now - oldest, 0) // DAY,
    )


def picture_path(animal: Animal, now: int) -> str:
    """Return the address of an animal's first photo, small, or else of a drawing."""
    drawing = Portrait.of(animal, animal.group_at(now)).path
    return next(map(small_photo, web_photos(animal)), drawing)


def listed_animal(animal: Animal, shown: int, shown_a_day: float, now: int) -> ListedAnimal:
    """Return an animal in words; `shown_a_day` is the mean of available animals, 0 if unknown."""
    group, days = animal.group_at(now), animal.waiting_days(now)
    return report_of(
        ListedAnimal,
        animal,
        id=animal.animal_id,
        picture=picture_path(animal, now),
        species=SPECIES_NAMES.get(animal.species, animal.species),
        breed=animal.breed.replace("_", " "),
        size=SIZE_NAMES.get(animal.size, animal.size),
        age=AGE_NAMES.get(group.age, group.age),
        waiting_days=days,
        shown=shown,
        shown_a_day=round(shown / max(days, 1), 2),
        hardly_seen=is_hardly_seen(animal, shown, shown_a_day, now),
    )


def _wanted_order(given: Mapping[str, str]) -> AnimalOrder:
    """Return the order by `sort`, as a head of the table names it, or by `order`."""
    sort = given.get("sort")
    if sort is None:
        return _order(read_text(given, "order") or AnimalOrder.WAITING)
    if sort not in _SORTS:
        known = ", ".join(_SORTS)
        raise InvalidInput(f"sort must be one of {known}, not {sort[:40]!r}", field="sort")
    return _SORTS[sort]


def _order(text: str) -> AnimalOrder:
    try:
        return AnimalOrder(text)
    except ValueError as error:
        raise InvalidInput(f"order must be {', '.join(AnimalOrder)}", field="order") from error


def _place(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match = match_cursor(_CURSOR, cursor)
    return int(match[1]), parse_id(match[2], "cursor")


def animals_content(query: ViewQuery, found: AnimalListing) -> dict[str, object]:
    """Return the choices of the filters, and how many of the page no table of postcodes places."""
    animals = query.services.inventory.get_many([one.id for one in found.animals])
    postcodes = query.services.animal_recommender.available.postcodes
    return {
        "unplaced": len(unplaced(animals.values(), postcodes)),
        "statuses": [*AnimalStatus, _ANY_STATUS],
        "species": list(SPECIES_NAMES.values()),
        "orders": _ORDERS,
        "sorts": tuple(_SORTS),
    }


def seen_content(_query: ViewQuery, shares: list[ExposureShare]) -> dict[str, object]:
    """Return shares of the animals and of what was shown, by respect."""
    by_respect = {respect: list(some) for respect, some in groupby(shares, lambda one: one.by)}
    of_one = by_respect.get("species", [])  # every animal has one
    animals, times = sum(one.animals for one in of_one), sum(one.shown for one in of_one)
    too_little = times < _ENOUGH * animals
    return {
        "shares": {respect: some[:_VALUES] for respect, some in by_respect.items()},
        "least": [] if too_little else _least_seen(shares),
        "too_little": too_little,
        "animals": animals,
        "shown_times": times,
        "most_values": _VALUES,
    }


def _least_seen(shares: list[ExposureShare]) -> list[ExposureShare]:
    # Kinds of animals that are shown far less than there are of them.
    rated = [(one.ratio, one) for one in shares if one.ratio is not None and one.animals >= _ENOUGH]
    least = sorted((ratio, place) for place, (ratio, _) in enumerate(rated) if ratio < _LITTLE)
    return [rated[place][1] for _, place in least[:_LEAST]]
