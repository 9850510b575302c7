"""The individual animals, their stays, and the counts of available animals of each item."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Column, Connection, Row, Select, and_, delete, func, or_, select

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.statuses import LEFT, AnimalStatus, Stay, revise
from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import PreparedSelect, in_parts, insert, upsert
from pawsonalize.storage.tables import (
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


@dataclass(frozen=True, slots=True)
class Revision:
    """The state of availability after a change."""

    number: int
    """Number of changes."""
    at: int
    """The latest moment from which one of them counts."""


class Availability:
    """Number of available animals of each item, and the changes of these counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> Revision:
        """The revision of the newest committed change. Cheap enough to read with every answer."""
        rows = self._database.rows(_NEWEST_OF_ANSWER, {})
        return Revision(*rows[0]) if rows else Revision(0, 0)

    def count(self, at: int, item_ids: Collection[str] | None = None) -> dict[str, int]:
        """Available animals at that moment, by item: of these items or of all, without zeros."""
        waiting = (
            select(stays.c.item_id, func.count().label("animals"))
            .where(stays.c.since <= at, stays.c.until > at)
            .group_by(stays.c.item_id)
        )
        if item_ids is not None:
            waiting = waiting.where(stays.c.item_id.in_(item_ids))
        with self._database.reading() as connection:
            return {row.item_id: row.animals for row in connection.execute(waiting)}

    def changed(self, after: Revision, since: int, at: int) -> set[str]:
        """Items whose count at `at` may differ from the count at `since` and that revision.

        Animals may have changed, or time alone changed the count: a birthday, a publication.
        """
        written = select(availability_changes.c.item_id).where(
            availability_changes.c.revision > after.number
        )
        passed = _passed(select(stays.c.item_id), since, at)
        with self._database.reading() as connection:
            return {*connection.scalars(written), *connection.scalars(passed)}

    def changed_animals(self, after: Revision, since: int, at: int) -> set[str]:
        """Animals whose record or availability may differ, deleted ones included."""
        written = select(animal_changes.c.animal_id).where(animal_changes.c.revision > after.number)
        passed = _passed(select(stays.c.animal_id), since, at)
        with self._database.reading() as connection:
            return {*connection.scalars(written), *connection.scalars(passed)}

    def next_change(self, at: int) -> int | None:
        """The first moment after `at` at which time alone changes a count, if one is known."""
        moments = [
            select(func.min(edge)).where(edge > at) for edge in (stays.c.since, stays.c.until)
        ]
        with self._database.reading() as connection:
            found = [connection.scalar(moment) for moment in moments]
        return min((moment for moment in found if moment is not None), default=None)


def _passed(found: Select[tuple[str]], since: int, at: int) -> Select[tuple[str]]:
    """Of these stays, those that begin or end between the two moments."""
    first, last = sorted((since, at))
    return found.where(
        or_(
            and_(stays.c.since > first, stays.c.since <= last),
            and_(stays.c.until > first, stays.c.until <= last),
        )
    )


def record_changes(
    connection: Connection, item_ids: Collection[str], animal_ids: Collection[str], at: int
) -> None:
    """Record, in the transaction that changes them, which items and animals change."""
    if not item_ids:
        return
    newest = _revision(connection)
    revision = newest.number + 1
    change = {"revision": revision, "at": max(newest.at, at)}
    upsert(
        connection, availability_changes, [{"item_id": item_id, **change} for item_id in item_ids]
    )
    changed = [{"animal_id": one, "revision": revision} for one in animal_ids]
    upsert(connection, animal_changes, changed)


def _revision(connection: Connection) -> Revision:
    row = connection.execute(_NEWEST).first()
    return Revision(0, 0) if row is None else Revision(*row)


_DECODE = msgspec.json.Decoder(Animal).decode

Stays = Mapping[str, tuple[Stay, ...]]


Change = Callable[[Mapping[str, Animal]], Iterable[Animal]]
"""Takes the animals as they are, by id; returns those to write."""


@dataclass(frozen=True, slots=True)
class AnimalQuery:
    """Conditions on animals, in the order of their ids. An animal must fit all given fields."""

    limit: int
    """Most animals of a page."""
    after: str | None = None
    """Only ids beyond this one."""
    status: AnimalStatus | None = None
    source: str | None = None
    shelter: str | None = None
    species: str | None = None


class Animals:
    """The individual animals. A change leaves the stays of the time before it as they were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def update(self, animal_ids: Collection[str], change: Change, at: int) -> None:
        """Read the animals, pass them to `change`, and write what it returns: one transaction.

        Nobody else writes an animal in between. If `change` raises, nothing is written.
        """
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
            gone = delete(animals).where(animals.c.animal_id.in_(animal_ids))
            counting = connection.execution_options(preserve_rowcount=True)
            return counting.execute(gone).rowcount

    def get(self, animal_id: str) -> Animal | None:
        """One animal, or None."""
        return self.get_many([animal_id]).get(animal_id)

    def get_many(self, animal_ids: Collection[str]) -> dict[str, Animal]:
        """The animals of these ids that exist, by id."""
        with self._database.reading() as connection:
            return _animals(connection, _named(animal_ids))

    def page(self, query: AnimalQuery) -> list[Animal]:
        """Animals in order of their ids."""
        found = select(animals.c.animal_id, animals.c.record).order_by(animals.c.animal_id)
        if query.after is not None:
            found = found.where(animals.c.animal_id > query.after)
        for name in ("status", "source", "shelter", "species"):
            if (wanted := getattr(query, name)) is not None:
                found = found.where(animals.c[name] == wanted)
        with self._database.reading() as connection:
            return [*_animals(connection, found.limit(query.limit)).values()]

    def count_by_status(self) -> dict[str, int]:
        """Count the animals of each status."""
        counted = select(animals.c.status, func.count()).group_by(animals.c.status)
        with self._database.reading() as connection:
            return dict(connection.execute(counted).all())

    def listed(self, source: str) -> set[str]:
        """The ids of a source's animals, without the adopted and the removed."""
        there = select(animals.c.animal_id).where(
            animals.c.source == source, animals.c.status.not_in(LEFT)
        )
        with self._database.reading() as connection:
            return set(connection.scalars(there))

    def available(self, at: int, limit: int) -> list[Animal]:
        """The animals that are available at that moment, longest wait first."""
        with self._database.reading() as connection:
            return [_as_of(row.record, at) for row in connection.execute(_waiting(at).limit(limit))]

    def stays_since(self, moment: int, limit: int) -> dict[str, tuple[Stay, ...]]:
        """The stays of animals that were available then or since, by animal.

        Of the animals listed last, if there are more than `limit`.
        """
        found = (
            select(stays.c.animal_id)
            .where(stays.c.until > moment)
            .group_by(stays.c.animal_id)
            .order_by(func.max(stays.c.since).desc())
            .limit(limit)
        )
        by_animal: dict[str, tuple[Stay, ...]] = {}
        with self._database.reading() as connection:
            for part in in_parts(connection.scalars(found).all()):
                by_animal |= _stays(connection, part)
        return by_animal

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
        with self._database.reading() as connection:
            for part in in_parts(sorted(ids)):
                for row in connection.execute(_waiting(at).where(column.in_(part))):
                    found[row.item_id].append(_as_of(row.record, at))
        return dict(found)


def _waiting(at: int) -> Select[tuple[str, str]]:
    return (
        select(stays.c.item_id, animals.c.record)
        .join(animals, animals.c.animal_id == stays.c.animal_id)
        .where(stays.c.since <= at, stays.c.until > at)
        .order_by(animals.c.listed_at, animals.c.animal_id)
    )


def _as_of(record: str, at: int) -> Animal:
    """The animal without what happened to it later: its wait is that of the moment."""
    animal = _DECODE(record)
    if animal.status_at <= at:
        return animal
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
        cut = _cut(known[animal_id], animal, at) if animal_id in known else 0
        after[animal_id] = revise(before.get(animal_id, ()), animal.stays(), cut)
    _replace_stays(connection, before, after, at)


def _cut(old: Animal, new: Animal, at: int) -> int:
    """The moment from which the new record counts. Stays before it are left as they were."""
    differing = {*new.history} ^ {*old.history}
    return min([at, *(change.at for change in differing)])


def _stays(connection: Connection, animal_ids: Collection[str]) -> dict[str, tuple[Stay, ...]]:
    found = select(stays).where(stays.c.animal_id.in_(animal_ids)).order_by(stays.c.since)
    by_animal: dict[str, list[Row[tuple[str, int, int, str]]]] = defaultdict(list)
    for row in connection.execute(found):
        by_animal[row.animal_id].append(row)
    return {
        animal_id: tuple(Stay(row.item_id, row.since, row.until) for row in rows)
        for animal_id, rows in by_animal.items()
    }


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
        connection.execute(insert(connection, stays), rows)
    changed = {
        stay.item_id
        for one, kept in after.items()
        for stay in set(kept) | set(before.get(one, ()))
        if stay.until > at or (one in new and (stay in kept) != (stay in before.get(one, ())))
    }
    record_changes(connection, changed, after, at)


def _row(animal: Animal) -> dict[str, object]:
    return {
        "animal_id": animal.animal_id,
        "source": animal.source,
        "status": animal.status.value,
        "species": animal.species,
        "shelter": animal.shelter,
        "listed_at": animal.listed_at,
        "latitude": animal.latitude,
        "longitude": animal.longitude,
        "record": msgspec.json.encode(animal).decode(),
    }
