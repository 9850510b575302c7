"""The inventory as people look through it: filtered, in the order of who waits or is seen least."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    String,
    and_,
    cast,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSON

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.times import DAY
from pawsonalize.storage.database import Database
from pawsonalize.storage.tables import animal_exposures, animals

HARDLY = 0.25
"""Share of the usual daily exposure below which an animal is hardly seen."""
_ENOUGH = 5  # showings of each available animal on average: with fewer, it is chance who was shown
_DECODE = msgspec.json.Decoder(Animal).decode
_SHOWN = func.coalesce(animal_exposures.c.shown, 0)
_AVAILABLE = animals.c.status == AnimalStatus.AVAILABLE.value


class AnimalOrder(StrEnum):
    """In which order animals are listed."""

    WAITING = "waiting"
    """Longest wait first."""
    NEWEST = "newest"
    """Newest listing first."""
    SHOWN = "shown"
    """Least exposure first."""


@dataclass(frozen=True, slots=True)
class AnimalSearch:
    """Conditions on animals, and where to begin; None means any."""

    limit: int
    order: AnimalOrder = AnimalOrder.WAITING
    after: tuple[int, str] | None = None
    """The value that the order goes by, and the id, of the last animal of the page before."""
    status: AnimalStatus | None = None
    species: str | None = None
    source: str | None = None
    shelter: str | None = None
    text: str | None = None
    """Text in the id or the name, in any case."""
    listed_before: int | None = None
    hardly_seen: bool = False
    """Only available animals that are hardly seen."""


@dataclass(frozen=True, slots=True)
class StockCounts:
    """Number of animals of each status, and how those that are available are shown."""

    statuses: dict[str, int]
    shown_a_day: float
    """Mean daily exposure of an available animal."""
    hardly_seen: int | None
    """None: too little was shown to tell."""
    oldest_listed_at: int | None
    """Since when the available animal waits that waits longest."""


class StockList:
    """Animals, each with how often it was shown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, now: int) -> StockCounts:
        """Count all animals."""
        by_status = select(animals.c.status, func.count()).group_by(animals.c.status)
        with self._database.reading() as connection:
            statuses = {row[0]: row[1] for row in connection.execute(by_status)}
            usual, is_enough = _shown_a_day(connection, now)
            hardly = select(func.count()).select_from(_joined()).where(_hardly_seen(usual, now))
            oldest = select(func.min(animals.c.listed_at)).where(_AVAILABLE)
            return StockCounts(
                statuses,
                usual,
                connection.scalar(hardly) if is_enough else None,
                connection.scalar(oldest),
            )

    def page(self, search: AnimalSearch, now: int) -> list[tuple[Animal, int]]:
        """At most `search.limit` animals, each with how often it was shown."""
        with self._database.reading() as connection:
            usual = 0.0
            if search.hardly_seen:
                rate, is_enough = _shown_a_day(connection, now)
                usual = rate if is_enough else 0.0
            wanted = (
                select(animals.c.record, _SHOWN)
                .select_from(_joined())
                .where(*_conditions(search, connection, usual, now))
            )
            rows = connection.execute(_ordered(wanted, search).limit(search.limit)).all()
        return [(_DECODE(row[0]), row[1]) for row in rows]


def is_hardly_seen(animal: Animal, shown: int, shown_a_day: float, now: int) -> bool:
    """Whether an animal is shown far less than available animals are on average."""
    listed = now - animal.listed_at
    return (
        animal.status is AnimalStatus.AVAILABLE
        and listed >= DAY
        and shown * DAY < HARDLY * shown_a_day * listed
    )


def _joined() -> Any:
    return animals.outerjoin(animal_exposures, animal_exposures.c.animal_id == animals.c.animal_id)


def _shown_a_day(connection: Connection, now: int) -> tuple[float, bool]:
    """The showings of all available animals by their days; whether they are enough to compare."""
    days = cast(func.sum(now - animals.c.listed_at), Float) / DAY
    shown, together, count = connection.execute(
        select(func.sum(_SHOWN), days, func.count())
        .select_from(_joined())
        .where(_AVAILABLE, animals.c.listed_at < now)
    ).one()
    rate = float(shown) / float(together) if together else 0.0
    return rate, bool(count) and shown >= _ENOUGH * count


def _hardly_seen(usual: float, now: int) -> ColumnElement[bool]:
    listed = now - animals.c.listed_at
    return and_(_AVAILABLE, listed >= DAY, _SHOWN * float(DAY) < HARDLY * usual * listed)


def _conditions(
    search: AnimalSearch, connection: Connection, usual: float, now: int
) -> Iterator[ColumnElement[bool]]:
    for name in ("status", "species", "source", "shelter"):
        if (wanted := getattr(search, name)) is not None:
            yield animals.c[name] == str(wanted)
    if search.text is not None:
        called = _name_of(connection)
        held = animals.c.animal_id.icontains(search.text, autoescape=True)
        yield or_(held, called.icontains(search.text, autoescape=True))
    if search.listed_before is not None:
        yield animals.c.listed_at <= search.listed_before
    if search.hardly_seen:
        yield _hardly_seen(usual, now)
    if search.after is not None:
        place = tuple_(_KEYS[search.order], animals.c.animal_id)
        yield place > search.after


def _name_of(connection: Connection) -> ColumnElement[str]:
    if connection.dialect.name == "postgresql":
        name: ColumnElement[str] = cast(animals.c.record, JSON)["name"].astext
        return name
    return type_coerce(func.json_extract(animals.c.record, "$.name"), String)


_KEYS: dict[AnimalOrder, ColumnElement[int]] = {
    AnimalOrder.WAITING: animals.c.listed_at,
    AnimalOrder.NEWEST: -animals.c.listed_at,
    AnimalOrder.SHOWN: _SHOWN,
}


def _ordered(wanted: Select[Any], search: AnimalSearch) -> Select[Any]:
    return wanted.order_by(_KEYS[search.order], animals.c.animal_id)


def key_of(animal: Animal, shown: int, order: AnimalOrder) -> int:
    """The value that the order goes by."""
    if order is AnimalOrder.SHOWN:
        return shown
    return animal.listed_at if order is AnimalOrder.WAITING else -animal.listed_at
