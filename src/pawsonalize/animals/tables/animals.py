"""The individual animals, their stays, and the counts of available animals of each item."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import Column, Connection, Select, and_, delete, func, or_, select

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.statuses import LEFT, AnimalStatus, Stay, revise
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import PreparedSelect, rows_of, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import (
    animal_changes,
    animal_exposures,
    animals,
    availability_changes,
    stays,
)

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
    upsert(connection, animals, [_row(animal) for animal in changed.values()])
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
