"""Archive objects in the tables: the offsets of the log that each holds, and its visitors."""

from collections.abc import Collection, Sequence

import msgspec
import numpy as np
from msgspec.structs import asdict
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from pawsonalize.core.database.statements import in_parts, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import archive_index, archive_leftovers, archive_segments

_SEGMENT = archive_segments.c
# Of a hash: 64 bits, which two visitors hardly share; if so, one object more is read.
_HEX_DIGITS = 16


class IndexedObject(msgspec.Struct, frozen=True):
    """Content of an object of the archive."""

    key: str
    size: int
    visitors: Collection[str]  # by the hashes of their ids


class ArchiveIndex(TableAccess):
    """For each object its size when it was looked through, and its visitors by parts of hashes."""

    def put(self, looked_through: Sequence[IndexedObject]) -> None:
        """Store what objects hold, in place of what was known of them."""
        rows = [
            {"key": one.key, "size": one.size, "visitors": _numbers(one.visitors).tobytes()}
            for one in looked_through
        ]
        if rows:
            self._put(archive_index, rows)

    def forget(self, keys: Collection[str]) -> None:
        """Forget objects that are gone."""
        if keys:
            with self._database.writing() as connection:
                for part in in_parts(sorted(keys)):
                    connection.execute(delete(archive_index).where(archive_index.c.key.in_(part)))

    def sizes(self) -> dict[str, int]:
        """The size that each object had when it was looked through, by key."""
        known = select(archive_index.c.key, archive_index.c.size)
        return {row[0]: row[1] for row in self._rows(known)}

    def objects_holding(self, visitors: Collection[str]) -> set[str]:
        """The keys of the objects that hold one of the visitors, by their hashes."""
        wanted = _numbers(visitors)
        if not len(wanted):
            return set()
        held = select(archive_index.c.key, archive_index.c.visitors)
        with self._database.reading() as connection:  # one by one: they may be many
            return {
                key
                for key, packed in connection.execute(held)
                if np.isin(wanted, np.frombuffer(packed, np.uint64)).any()
            }


def _numbers(visitors: Collection[str]) -> NDArray[np.uint64]:
    return np.sort(np.array([int(one[:_HEX_DIGITS], 16) for one in visitors], np.uint64))


class Segment(msgspec.Struct, frozen=True):
    """The part of the log that one archive object holds."""

    first: int  # its first offset
    last: int  # its last offset
    rows: int  # number of its events
    key: str  # the key of the object
    sha256: str | None = None  # the digest of the object; None until the object is confirmed


class ArchiveLedger(TableAccess):
    """Plan of which offsets go into which archive object, made first, so a retry does the same."""

    def planned_through(self) -> int:
        """The last offset that belongs to a segment; 0 without segments."""
        return self._with(_planned_through)

    def archived_through(self) -> int:
        """The offset up to which every event is in a confirmed object."""
        return self._with(archived_through)

    def plan(self, segments: Sequence[Segment], *, after: int) -> bool:
        """Append segments if the plan still ends at `after`; returns whether it did."""
        # Of two archivers that saw the same end of the plan, one goes on.
        with self._database.writing() as connection:
            if _planned_through(connection) != after:
                return False
            connection.execute(archive_segments.insert(), [asdict(each) for each in segments])
        return True

    def pending(self) -> list[Segment]:
        """Planned segments whose object is not confirmed yet, in order."""
        return self._select(_SEGMENT.sha256.is_(None))

    def segments(self, after: int = 0) -> list[Segment]:
        """The segments that end beyond an offset, in order."""
        return self._select(_SEGMENT.last > after)

    def confirm(self, segment: Segment) -> None:
        """Record the digest and rows of a durable object, unless another has taken its place."""
        this = update(archive_segments).where(_SEGMENT.key == segment.key)
        self._execute(this.values(sha256=segment.sha256, rows=segment.rows))

    def has(self, segment: Segment) -> bool:
        """True if the segment is as it was read: neither written again nor joined to others."""
        return self._select(_SEGMENT.first == segment.first) == [segment]

    def join(self, parts: Sequence[Segment], whole: Segment, now: int) -> bool:
        """Put one segment in the place of unchanged ones; their objects are leftovers."""
        within = _SEGMENT.first.between(parts[0].first, parts[-1].last)
        with self._database.writing() as connection:
            if _segments(connection, within) != list(parts):
                return False
            connection.execute(delete(archive_segments).where(within))
            connection.execute(archive_segments.insert(), [asdict(whole)])
            _note_leftovers(connection, [part.key for part in parts], now)
        return True

    def drop(self, segment: Segment, now: int) -> None:
        """Let a segment go; its object is a leftover from then on."""
        with self._database.writing() as connection:
            connection.execute(delete(archive_segments).where(_SEGMENT.key == segment.key))
            _note_leftovers(connection, [segment.key], now)

    def note_leftovers(self, keys: Sequence[str], now: int) -> None:
        """Record objects whose rows are in another one by now."""
        self._put(archive_leftovers, [{"key": key, "since": now} for key in keys])

    def leftovers(self) -> dict[str, int]:
        """The objects to delete, and since when they are that."""
        return {row.key: row.since for row in self._rows(select(archive_leftovers))}

    def forget_leftovers(self, keys: Sequence[str]) -> None:
        """Forget objects that are gone."""
        with self._database.writing() as connection:
            for part in in_parts(keys):
                gone = archive_leftovers.c.key.in_(part)
                connection.execute(delete(archive_leftovers).where(gone))

    def totals(self) -> tuple[int, int, int, int]:
        """Count planned objects, waiting ones and events; the last is `archived_through`."""
        waits = func.count().filter(_SEGMENT.sha256.is_(None))
        counted = select(func.count(), waits, func.sum(_SEGMENT.rows))
        with self._database.reading() as connection:
            row = connection.execute(counted).one()
            return row[0], row[1], int(row[2] or 0), archived_through(connection)

    def _select(self, condition: ColumnElement[bool]) -> list[Segment]:
        return self._with(_segments, condition)


def archived_through(connection: Connection) -> int:
    """The offset up to which every event is in a confirmed object."""
    first = connection.scalar(select(func.min(_SEGMENT.first)).where(_SEGMENT.sha256.is_(None)))
    return _planned_through(connection) if first is None else first - 1


def _note_leftovers(connection: Connection, keys: Sequence[str], now: int) -> None:
    upsert(connection, archive_leftovers, [{"key": key, "since": now} for key in keys])


def _segments(connection: Connection, condition: ColumnElement[bool]) -> list[Segment]:
    ordered = select(archive_segments).where(condition).order_by(_SEGMENT.first)
    return [Segment(**row) for row in connection.execute(ordered).mappings()]


def _planned_through(connection: Connection) -> int:
    newest_first = _SEGMENT.first.desc()  # the primary key: one step, not a scan
    return connection.scalar(select(_SEGMENT.last).order_by(newest_first).limit(1)) or 0
