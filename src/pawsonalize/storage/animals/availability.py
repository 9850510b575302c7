"""Counts of available animals of each item, and which of these counts changed."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Select, and_, func, or_, select

from pawsonalize.storage.database import Database
from pawsonalize.storage.prepared import PreparedSelect
from pawsonalize.storage.statements import upsert
from pawsonalize.storage.tables import animal_changes, availability_changes, stays

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
