"""Archive objects in the tables: the offsets of the log that each holds, and its visitors."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import in_parts, upsert
from pawsonalize.storage.tables import archive_index, archive_leftovers, archive_segments

_HEX_DIGITS = (
    16  # of a hash: 64 bits, which two visitors hardly share; if so, one object more is read
)


@dataclass(frozen=True, slots=True)
class IndexedObject:
    """Content of an object of the archive."""

    key: str
    size: int
    visitors: Collection[str]
    """By the hashes of their ids."""


class ArchiveIndex:
    """For each object its size when it was looked through, and its visitors by parts of hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, looked_through: Sequence[IndexedObject]) -> None:
        """Store what objects hold, in place of what was known of them."""
        rows = [
            {"key": one.key, "size": one.size, "visitors": _numbers(one.visitors).tobytes()}
            for one in looked_through
        ]
        if rows:
            with self._database.writing() as connection:
                upsert(connection, archive_index, rows)

    def forget(self, keys: Collection[str]) -> None:
        """Forget objects that are gone."""
        if not keys:
            return
        with self._database.writing() as connection:
            for part in in_parts(sorted(keys)):
                connection.execute(delete(archive_index).where(archive_index.c.key.in_(part)))

    def sizes(self) -> dict[str, int]:
        """The size that each object had when it was looked through, by key."""
        with self._database.reading() as connection:
            known = connection.execute(select(archive_index.c.key, archive_index.c.size))
            return {row[0]: row[1] for row in known}

    def objects_holding(self, visitors: Collection[str]) -> set[str]:
        """The keys of the objects that hold one of the visitors, by their hashes."""
        wanted = _numbers(visitors)
        if not len(wanted):
            return set()
        with self._database.reading() as connection:
            return {
                key
                for key, held in connection.execute(select(archive_index.c.key, _HELD))
                if np.isin(wanted, np.frombuffer(held, np.uint64)).any()
            }


_HELD = archive_index.c.visitors


def _numbers(visitors: Collection[str]) -> NDArray[np.uint64]:
    return np.sort(np.array([int(one[:_HEX_DIGITS], 16) for one in visitors], np.uint64))


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of the log that one archive object holds."""

    first: int
    """Its first offset."""
    last: int
    """Its last offset."""
    rows: int
    """Number of its events."""
    key: str
    """The key of the object."""
    sha256: str | None = None
    """The digest of the object; None until the object is confirmed."""


class ArchiveLedger:
    """Plan of which offsets go into which archive object, made first, so a retry does the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def planned_through(self) -> int:
        """The last offset that belongs to a segment; 0 without segments."""
        with self._database.reading() as connection:
            return _planned_through(connection)

    def archived_through(self) -> int:
        """The offset up to which every event is in a confirmed object."""
        with self._database.reading() as connection:
            return archived_through(connection)

    def plan(self, segments: Sequence[Segment], *, after: int) -> bool:
        """Append segments if the plan still ends at `after`; returns whether it did."""
        with self._database.writing() as connection:
            if _planned_through(connection) != after:
                return False
            connection.execute(archive_segments.insert(), [asdict(each) for each in segments])
        return True

    def pending(self) -> list[Segment]:
        """Planned segments whose object is not confirmed yet, in order."""
        return self._select(archive_segments.c.sha256.is_(None))

    def confirm(self, segment: Segment) -> None:
        """Record that the object is durable, with its digest and its number of rows.

        Nothing changes if another object has taken its place meanwhile.
        """
        with self._database.writing() as connection:
            connection.execute(
                update(archive_segments)
                .where(archive_segments.c.key == segment.key)
                .values(sha256=segment.sha256, rows=segment.rows)
            )

    def has(self, segment: Segment) -> bool:
        """Whether the segment is as it was read: neither written again nor joined to others."""
        with self._database.reading() as connection:
            return _segments(connection, archive_segments.c.first == segment.first) == [segment]

    def join(self, parts: Sequence[Segment], whole: Segment, now: int) -> bool:
        """Put one segment in the place of these, whose objects are leftovers from then on.

        Returns whether it did: not if one of them has changed since it was read.
        """
        within = archive_segments.c.first.between(parts[0].first, parts[-1].last)
        with self._database.writing() as connection:
            if _segments(connection, within) != list(parts):
                return False
            connection.execute(delete(archive_segments).where(within))
            connection.execute(archive_segments.insert(), [asdict(whole)])
            upsert(connection, archive_leftovers, [{"key": p.key, "since": now} for p in parts])
        return True

    def drop(self, segment: Segment, now: int) -> None:
        """Let a segment go; its object is a leftover from then on."""
        with self._database.writing() as connection:
            this = archive_segments.c.key == segment.key
            connection.execute(delete(archive_segments).where(this))
            upsert(connection, archive_leftovers, [{"key": segment.key, "since": now}])

    def note_leftovers(self, keys: Sequence[str], now: int) -> None:
        """Record objects whose rows are in another one by now."""
        with self._database.writing() as connection:
            upsert(connection, archive_leftovers, [{"key": key, "since": now} for key in keys])

    def leftovers(self) -> dict[str, int]:
        """The objects to delete, and since when they are that."""
        with self._database.reading() as connection:
            return {row.key: row.since for row in connection.execute(select(archive_leftovers))}

    def forget_leftovers(self, keys: Sequence[str]) -> None:
        """Forget objects that are gone."""
        with self._database.writing() as connection:
            for part in in_parts(keys):
                connection.execute(
                    delete(archive_leftovers).where(archive_leftovers.c.key.in_(part))
                )

    def segments(self, after: int = 0) -> list[Segment]:
        """The segments that end beyond an offset, in order."""
        return self._select(archive_segments.c.last > after)

    def totals(self) -> tuple[int, int, int, int]:
        """Count the planned objects, those that wait to be confirmed, and their events.

        The last number is the offset up to which every event is in a confirmed object.
        """
        waits = func.count().filter(archive_segments.c.sha256.is_(None))
        counted = select(func.count(), waits, func.sum(archive_segments.c.rows))
        with self._database.reading() as connection:
            row = connection.execute(counted).one()
            return row[0], row[1], int(row[2] or 0), archived_through(connection)

    def _select(self, condition: ColumnElement[bool]) -> list[Segment]:
        with self._database.reading() as connection:
            return _segments(connection, condition)


def archived_through(connection: Connection) -> int:
    """The offset up to which every event is in a confirmed object."""
    waits = archive_segments.c.sha256.is_(None)
    first = connection.scalar(select(func.min(archive_segments.c.first)).where(waits))
    return _planned_through(connection) if first is None else first - 1


def _segments(connection: Connection, condition: ColumnElement[bool]) -> list[Segment]:
    ordered = select(archive_segments).where(condition).order_by(archive_segments.c.first)
    return [Segment(**row) for row in connection.execute(ordered).mappings()]


def _planned_through(connection: Connection) -> int:
    newest_first = archive_segments.c.first.desc()  # the primary key: one step, not a scan
    return connection.scalar(select(archive_segments.c.last).order_by(newest_first).limit(1)) or 0
