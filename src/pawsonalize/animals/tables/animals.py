"""The individual animals, their stays, and the counts of available animals of each item."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

import msgspec
import sqlalchemy as sa
from sqlalchemy import Column, Connection, Select, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import JSON

from pawsonalize.animals.animal import LEFT, Animal, AnimalStatus, Stay, revise
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import PreparedSelect, merge, rows_of, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import (
    animal_changes,
    animal_exposures,
    animals,
    availability_changes,
    exposures,
    stays,
)
from pawsonalize.core.event import MAX_IMPRESSION_ITEMS
from pawsonalize.core.times import DAY

_NEWEST = (
    select(availability_changes.c.revision, availability_changes.c.at)
    .order_by(availability_changes.c.revision.desc(), availability_changes.c.at.desc())
    .limit(1)
)
_NEWEST_OF_ANSWER = PreparedSelect(_NEWEST)
_DECODE = msgspec.json.Decoder(Animal).decode
Stays = Mapping[str, tuple[Stay, ...]]
Change = Callable[[Mapping[str, Animal]], Iterable[Animal]]
"""Takes the animals as they are, by id; returns those to write."""


class Revision(msgspec.Struct, frozen=True):
    """The state of availability after a change."""

    number: int  # number of changes
    at: int  # the latest moment from which one of them counts


class Availability(TableAccess):
    """Number of available animals of each item, and the changes of these counts."""

    def revision(self) -> Revision:
        """The revision of the newest committed change. Cheap enough to read with every answer."""
        rows = self._database.rows(_NEWEST_OF_ANSWER, {})
        return Revision(*rows[0]) if rows else Revision(0, 0)

    def count(self, at: int) -> dict[str, int]:
        """Available animals at that moment, by item, without zeros."""
        there = (stays.c.since <= at, stays.c.until > at)
        waiting = select(stays.c.item_id, func.count()).where(*there).group_by(stays.c.item_id)
        return {row[0]: row[1] for row in self._rows(waiting)}

    def changed_animals(self, after: Revision, since: int, at: int) -> set[str]:
        """Animals whose record or availability may differ, deleted ones included."""
        changes = animal_changes.c
        written = select(changes.animal_id).where(changes.revision > after.number)
        # Animals may have changed, or time alone changed them: a birthday, a publication.
        # The answer before may have been as of a later moment.
        first, last = sorted((since, at))
        begins, ends = (and_(edge > first, edge <= last) for edge in (stays.c.since, stays.c.until))
        passed = select(stays.c.animal_id).where(or_(begins, ends))
        with self._database.reading() as connection:
            return {*connection.scalars(written), *connection.scalars(passed)}

    def next_change(self, at: int) -> int | None:
        """The first moment after `at` at which time alone changes a count, if one is known."""
        edges = (stays.c.since, stays.c.until)
        found = [self._scalar(select(func.min(edge)).where(edge > at)) for edge in edges]
        return min((moment for moment in found if moment is not None), default=None)


def record_changes(
    connection: Connection, item_ids: Collection[str], animal_ids: Collection[str], at: int
) -> None:
    """Record, in the transaction that changes them, which items and animals change."""
    if not item_ids:
        return
    row = connection.execute(_NEWEST).first()
    newest = Revision(0, 0) if row is None else Revision(*row)
    # Writers have one turn each, so no number is given twice.
    revision = newest.number + 1
    change = {"revision": revision, "at": max(newest.at, at)}
    upsert(connection, availability_changes, [{"item_id": one, **change} for one in item_ids])
    changed = [{"animal_id": one, "revision": revision} for one in animal_ids]
    upsert(connection, animal_changes, changed)


class AnimalQuery(msgspec.Struct, frozen=True):
    """Conditions on animals, in the order of their ids. An animal must fit all given fields."""

    limit: int  # most animals of a page
    after: str | None = None  # only ids beyond this one
    status: AnimalStatus | None = None
    source: str | None = None
    shelter: str | None = None
    species: str | None = None


class Animals(TableAccess):
    """The individual animals. A change leaves the stays of the time before it as they were."""

    def update(self, animal_ids: Collection[str], change: Change, at: int) -> None:
        """Read, pass to `change` and write what it returns; nobody writes an animal in between."""
        with self._database.writing() as connection:
            known = _animals(connection, _named(animal_ids))
            changed = {animal.animal_id: animal for animal in change(known)}
            if changed:
                _write(connection, known, changed, at)

    def put(self, batch: Sequence[Animal], at: int) -> None:
        """Insert or replace, in one transaction; the last of equal ids wins."""
        self.update([animal.animal_id for animal in batch], lambda _known: batch, at)

    def remove(self, animal_ids: Collection[str], at: int) -> int:
        """Delete animals and their stays; returns how many animals were deleted."""
        with self._database.writing() as connection:
            before = _stays(connection, animal_ids)
            _replace_stays(connection, before, dict.fromkeys(animal_ids, ()), at)
            shown = animal_exposures.c.animal_id.in_(animal_ids)
            connection.execute(delete(animal_exposures).where(shown))
            counting = connection.execution_options(preserve_rowcount=True)
            gone = delete(animals).where(animals.c.animal_id.in_(animal_ids))
            return counting.execute(gone).rowcount

    def get(self, animal_id: str) -> Animal | None:
        """One animal, or None."""
        return self.get_many([animal_id]).get(animal_id)

    def get_many(self, animal_ids: Collection[str]) -> dict[str, Animal]:
        """The animals of these ids that exist, by id."""
        return self._with(_animals, _named(animal_ids))

    def page(self, query: AnimalQuery) -> list[Animal]:
        """Animals in order of their ids."""
        found = select(animals.c.animal_id, animals.c.record).order_by(animals.c.animal_id)
        if query.after is not None:
            found = found.where(animals.c.animal_id > query.after)
        for name in ("status", "source", "shelter", "species"):
            if (wanted := getattr(query, name)) is not None:
                found = found.where(animals.c[name] == wanted)
        return [*self._with(_animals, found.limit(query.limit)).values()]

    def count_by_status(self) -> dict[str, int]:
        """Count the animals of each status."""
        counted = select(animals.c.status, func.count()).group_by(animals.c.status)
        return dict(self._rows(counted))

    def listed(self, source: str) -> set[str]:
        """The ids of a source's animals, without the adopted and the removed."""
        mine = (animals.c.source == source, animals.c.status.not_in(LEFT))
        return set(self._scalars(select(animals.c.animal_id).where(*mine)))

    def sources(self) -> list[str]:
        """The names of all sources of animals, in order."""
        return sorted(filter(None, self._scalars(select(animals.c.source).distinct())))

    def available(self, at: int, limit: int) -> list[Animal]:
        """The animals that are available at that moment, longest wait first."""
        return [_as_of(row.record, at) for row in self._rows(_waiting(at).limit(limit))]

    def rehearsal(self) -> "RehearsedAnimals":
        """Return the same animals, of which no change is written."""
        return RehearsedAnimals(self._database)

    def stays_since(self, moment: int, limit: int) -> dict[str, tuple[Stay, ...]]:
        """The stays by animal since then, of at most `limit` animals: those listed last."""
        found = select(stays.c.animal_id).where(stays.c.until > moment).group_by(stays.c.animal_id)
        found = found.order_by(func.max(stays.c.since).desc()).limit(limit)
        return self._with(_stays, self._scalars(found))

    def available_among(self, animal_ids: Collection[str], at: int) -> dict[str, list[Animal]]:
        """Those of these animals that are available at that moment, by item, longest wait first."""
        return self._available_at(at, stays.c.animal_id, animal_ids)

    def available_of(self, item_ids: Collection[str], at: int) -> dict[str, list[Animal]]:
        """The animals of each item that are available at that moment, longest wait first."""
        return self._available_at(at, stays.c.item_id, item_ids)

    def _available_at(
        self, at: int, column: Column[str], ids: Collection[str]
    ) -> dict[str, list[Animal]]:
        found = defaultdict(list)
        for row in self._with(rows_of, _waiting(at), column, ids):
            found[row.item_id].append(_as_of(row.record, at))
        return dict(found)


class RehearsedAnimals(Animals):
    """The animals as changes would leave them: `get_many` has the changes, the tables do not."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._changed: dict[str, Animal] = {}

    def update(self, animal_ids: Collection[str], change: Change, _at: int) -> None:
        """Keep what `change` returns in memory."""
        known = self.get_many(animal_ids)
        self._changed |= {animal.animal_id: animal for animal in change(known)}

    def get_many(self, animal_ids: Collection[str]) -> dict[str, Animal]:
        """The animals of these ids, changed or not."""
        changed = self._changed.keys() & set(animal_ids)
        return super().get_many(animal_ids) | {one: self._changed[one] for one in changed}


def _waiting(at: int) -> Select[tuple[str, str]]:
    return (
        select(stays.c.item_id, animals.c.record)
        .join(animals, animals.c.animal_id == stays.c.animal_id)
        .where(stays.c.since <= at, stays.c.until > at)
        .order_by(animals.c.listed_at, animals.c.animal_id)
    )


def _as_of(record: str, at: int) -> Animal:
    """The animal without what happened to it later."""
    animal = _DECODE(record)
    if animal.status_at <= at:
        return animal
    # So its wait is that of the moment, too.
    past = tuple(change for change in animal.history if change.at <= at)
    return replace(animal, history=past or animal.history)


def _named(animal_ids: Collection[str]) -> Select[tuple[str, str]]:
    return select(animals.c.animal_id, animals.c.record).where(animals.c.animal_id.in_(animal_ids))


def _animals(connection: Connection, found: Select[tuple[str, str]]) -> dict[str, Animal]:
    return {row.animal_id: _DECODE(row.record) for row in connection.execute(found)}


def _write(
    connection: Connection, known: Mapping[str, Animal], changed: Mapping[str, Animal], at: int
) -> None:
    read = [animal.read(known.get(animal_id)) for animal_id, animal in changed.items()]
    upsert(connection, animals, [_row(animal) for animal in read])
    before = _stays(connection, [animal_id for animal_id in changed if animal_id in known])
    after = {}
    for animal_id, animal in changed.items():
        # Of a new animal all stays are written.
        cut = 0
        if (old := known.get(animal_id)) is not None:  # stays before the cut are left as they were
            cut = min([at, *(change.at for change in {*animal.history} ^ {*old.history})])
        after[animal_id] = revise(before.get(animal_id, ()), animal.stays(), cut)
    _replace_stays(connection, before, after, at)


def _stays(connection: Connection, animal_ids: Collection[str]) -> dict[str, tuple[Stay, ...]]:
    by_animal: dict[str, tuple[Stay, ...]] = {}
    in_order = select(stays).order_by(stays.c.since)
    for row in rows_of(connection, in_order, stays.c.animal_id, animal_ids):
        stay = Stay(row.item_id, row.since, row.until)
        by_animal[row.animal_id] = (*by_animal.get(row.animal_id, ()), stay)
    return by_animal


def _replace_stays(connection: Connection, before: Stays, after: Stays, at: int) -> None:
    """Write the stays that are new, and record which items and animals change by that."""
    new = {one: kept for one, kept in after.items() if kept != before.get(one, ())}
    if replaced := [one for one in new if one in before]:
        connection.execute(delete(stays).where(stays.c.animal_id.in_(replaced)))
    rows = [
        {"animal_id": one, "since": stay.since, "until": stay.until, "item_id": stay.item_id}
        for one, kept in new.items()
        for stay in kept
    ]
    if rows:
        connection.execute(stays.insert(), rows)
    changed = {
        stay.item_id
        for one, kept in after.items()
        for stay in set(kept) | set(before.get(one, ()))
        # A stay that is over changes no count, unless it was itself changed.
        if stay.until > at or (one in new and (stay in kept) != (stay in before.get(one, ())))
    }
    record_changes(connection, changed, after, at)


def _row(animal: Animal) -> dict[str, object]:
    names = ("animal_id", "source", "species", "shelter", "listed_at", "latitude", "longitude")
    return {
        **{name: getattr(animal, name) for name in names},
        "status": animal.status.value,
        "record": msgspec.json.encode(animal).decode(),
    }


HARDLY = 0.25
"""Share of the usual daily exposure below which an animal is hardly seen."""
_ENOUGH = 5  # showings of each available animal on average: with fewer, it is chance who was shown
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


class AnimalExposures(TableAccess):
    """Counts of how often each animal was shown, in answers and in impressions of events."""

    def of(self, animal_ids: Collection[str]) -> dict[str, int]:
        """Return how often each of these animals was shown. Animals never shown are left out."""
        wanted = select(animal_exposures.c.animal_id, animal_exposures.c.shown)
        rows = self._with(rows_of, wanted, animal_exposures.c.animal_id, animal_ids)
        return {row.animal_id: row.shown for row in rows}

    def changed(self, after: int) -> tuple[dict[str, int], int]:
        """The counts that changed after a moment, by animal, and when the newest changed."""
        newer = select(animal_exposures).where(animal_exposures.c.counted_at > after)
        rows = self._rows(newer)
        through = max((row.counted_at for row in rows), default=after)
        return {row.animal_id: row.shown for row in rows}, through


def add_shown_animals(connection: Connection, lists: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Count lists of animals (cut to `first_places`), each with its moment; unknown ids are not."""
    shown: Counter[str] = Counter()
    newest = 0
    for moment, animal_ids in lists:
        shown.update(animal_ids)
        newest = max(newest, moment)
    known = sorted(rows_of(connection, select(animals.c.animal_id), animals.c.animal_id, shown))
    rows = [{"animal_id": one, "shown": shown[one], "counted_at": newest} for (one,) in known]
    later = func.greatest if connection.dialect.name == "postgresql" else func.max
    old = animal_exposures.c
    merge(
        connection,
        animal_exposures,
        rows,
        lambda new: {
            "shown": old.shown + new.shown,
            "counted_at": later(old.counted_at, new.counted_at),
        },
    )


def first_places(places: Sequence[Sequence[str]]) -> list[str]:
    """The animals in the first 25 places."""
    # Most pages show no more, and no event reports more.
    return [one for ids in places[:MAX_IMPRESSION_ITEMS] for one in ids]


# The exposure of an item has a half-life. A showing at moment t adds 2 ** ((t - landmark) /
# half-life) to one number. Writers only add and never read. A reader divides by 2 ** ((now -
# landmark) / half-life), so a showing is worth half after one half-life (Cormode et al., "Forward
# Decay", ICDE 2009).
_HALF_LIFE = 30 * DAY
_LANDMARK = 1_767_225_600_000  # 2026-01-01; sums last until floats end, 84 years on


def add_shown(connection: Connection, lists: Iterable[tuple[str, int, Sequence[str]]]) -> None:
    """Count the first 25 places of lists, each with its dataset group and moment."""
    # Most pages show no more, and an event may report no more.
    worth: dict[tuple[str, str], float] = defaultdict(float)
    for group, moment, item_ids in lists:
        grown = _grown(moment)
        for item_id in item_ids[:MAX_IMPRESSION_ITEMS]:
            worth[group, item_id] += grown
    rows = [
        {"dataset_group": group, "item_id": item, "shown": n} for (group, item), n in worth.items()
    ]
    merge(connection, exposures, rows, lambda new: {"shown": exposures.c.shown + new.shown})


def read_shown(connection: Connection, dataset_group: str, at: int) -> dict[str, float]:
    """Return how often each item was shown. A showing 30 days before `at` counts half."""
    now = _grown(at)
    wanted = select(exposures.c.item_id, exposures.c.shown).where(
        exposures.c.dataset_group == dataset_group
    )
    rows = connection.execute(wanted)
    return {item_id: total / now for item_id, total in rows}


def _grown(moment: int) -> float:
    return float(2.0 ** ((moment - _LANDMARK) / _HALF_LIFE))
