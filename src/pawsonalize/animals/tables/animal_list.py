"""The inventory as people look through it: filtered, in the order of who waits or is seen least."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.statuses import AnimalStatus
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import animal_exposures, animals
from pawsonalize.core.times import DAY

HARDLY = 0.25
"""Share of the usual daily exposure below which an animal is hardly seen."""
_ENOUGH = 5  # showings of each available animal on average: with fewer, it is chance who was shown
_DECODE = msgspec.json.Decoder(Animal).decode
_SHOWN = sa.func.coalesce(animal_exposures.c.shown, 0)
_AVAILABLE = animals.c.status == AnimalStatus.AVAILABLE.value
_JOINED = animals.outerjoin(animal_exposures, animal_exposures.c.animal_id == animals.c.animal_id)


class AnimalOrder(StrEnum):
    """In which order animals are listed."""

    WAITING = "waiting"
    """Longest wait first."""
    NEWEST = "newest"
    """Newest listing first."""
    SHOWN = "shown"
    """Least exposure first."""


class AnimalSearch(msgspec.Struct, frozen=True):
    """Conditions on animals, and where to begin; None means any."""

    limit: int
    order: AnimalOrder = AnimalOrder.WAITING
    after: tuple[int, str] | None = None
    """The value that the order goes by, and the id, of the last animal of the page before."""
    status: AnimalStatus | None = None
    species: str | None = None
    source: str | None = None
    shelter: str | None = None
    text: str | None = None  # text in the id or the name, in any case
    listed_before: int | None = None
    hardly_seen: bool = False  # only available animals that are hardly seen


class StockCounts(msgspec.Struct, frozen=True):
    """Number of animals of each status, and how those that are available are shown."""

    statuses: dict[str, int]
    shown_a_day: float  # mean daily exposure of an available animal
    hardly_seen: int | None  # None: too little was shown to tell
    oldest_listed_at: int | None  # since when the available animal waits that waits longest


_KEYS: dict[AnimalOrder, sa.ColumnElement[int]] = {
    AnimalOrder.WAITING: animals.c.listed_at,
    AnimalOrder.NEWEST: -animals.c.listed_at,
    AnimalOrder.SHOWN: _SHOWN,
}


class StockList(TableAccess):
    """Animals, each with how often it was shown."""

    def counts(self, now: int) -> StockCounts:
        """Count all animals."""
        by_status = sa.select(animals.c.status, sa.func.count()).group_by(animals.c.status)
        usual, is_enough = self._shown_a_day(now)
        hardly = sa.select(sa.func.count()).select_from(_JOINED).where(_hardly_seen(usual, now))
        oldest = sa.select(sa.func.min(animals.c.listed_at)).where(_AVAILABLE)
        return StockCounts(
            {row[0]: row[1] for row in self._rows(by_status)},
            usual,
            self._scalar(hardly) if is_enough else None,
            self._scalar(oldest),
        )

    def page(
        self, search: AnimalSearch, now: int, usual: float | None = None
    ) -> list[tuple[Animal, int]]:
        """At most `search.limit` animals, each with how often it was shown.

        Those that are hardly seen are shown far less than `usual`, the mean daily exposure; it is
        looked up if it is left out.
        """
        if usual is None:
            rate, is_enough = self._shown_a_day(now) if search.hardly_seen else (0.0, False)
            usual = rate if is_enough else 0.0
        is_postgres = not self._database.is_local
        conditions = _conditions(search, usual, now, is_postgres=is_postgres)
        wanted = sa.select(animals.c.record, _SHOWN).select_from(_JOINED).where(*conditions)
        ordered = wanted.order_by(_KEYS[search.order], animals.c.animal_id)
        return [(_DECODE(row[0]), row[1]) for row in self._rows(ordered.limit(search.limit))]

    def _shown_a_day(self, now: int) -> tuple[float, bool]:
        """Return the mean daily exposure of available animals, and if it is enough to compare."""
        days = sa.cast(sa.func.sum(now - animals.c.listed_at), sa.Float) / DAY
        sums = sa.select(sa.func.sum(_SHOWN), days, sa.func.count()).select_from(_JOINED)
        ((shown, together, count),) = self._rows(sums.where(_AVAILABLE, animals.c.listed_at < now))
        rate = float(shown) / float(together) if together else 0.0
        return rate, bool(count) and shown >= _ENOUGH * count


def is_hardly_seen(animal: Animal, shown: int, shown_a_day: float, now: int) -> bool:
    """True if an animal is shown far less than available animals are on average."""
    listed = now - animal.listed_at
    return (
        animal.status is AnimalStatus.AVAILABLE
        and listed >= DAY
        and shown * DAY < HARDLY * shown_a_day * listed
    )


def _hardly_seen(usual: float, now: int) -> sa.ColumnElement[bool]:
    # As `is_hardly_seen`, in SQL.
    listed = now - animals.c.listed_at
    return sa.and_(_AVAILABLE, listed >= DAY, _SHOWN * float(DAY) < HARDLY * usual * listed)


def _conditions(
    search: AnimalSearch, usual: float, now: int, *, is_postgres: bool
) -> Iterator[sa.ColumnElement[bool]]:
    for name in ("status", "species", "source", "shelter"):
        if (wanted := getattr(search, name)) is not None:
            yield animals.c[name] == str(wanted)
    if search.text is not None:
        # Each database has its own way to read a value out of JSON.
        name_of: sa.ColumnElement[str] = sa.type_coerce(
            sa.func.json_extract(animals.c.record, "$.name"), sa.String
        )
        if is_postgres:
            name_of = sa.cast(animals.c.record, JSON)["name"].astext
        held = animals.c.animal_id.icontains(search.text, autoescape=True)
        # To read JSON takes ten times as long as to see that the text is nowhere in it.
        within = msgspec.json.encode(search.text).decode()[1:-1]
        somewhere = animals.c.record.icontains(within, autoescape=True)
        yield sa.or_(held, sa.and_(somewhere, name_of.icontains(search.text, autoescape=True)))
    if search.listed_before is not None:
        yield animals.c.listed_at <= search.listed_before
    if search.hardly_seen:
        yield _hardly_seen(usual, now)
    if search.after is not None:
        yield sa.tuple_(_KEYS[search.order], animals.c.animal_id) > search.after


def key_of(animal: Animal, shown: int, order: AnimalOrder) -> int:
    """The value that the order goes by."""
    if order is AnimalOrder.SHOWN:
        return shown
    return animal.listed_at if order is AnimalOrder.WAITING else -animal.listed_at
