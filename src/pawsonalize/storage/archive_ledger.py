"""Which offsets of the log lie in which archive object."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, select, true, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.tables import archive_segments


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of the log that one archive object holds."""

    first: int
    """Its first offset."""
    last: int
    """Its last offset."""
    rows: int
    """How many events it has."""
    key: str
    """The key of the object."""
    sha256: str | None = None
    """The digest of the object; None until the object is confirmed."""


class ArchiveLedger:
    """Which offsets go into which archive object. It is planned first, so a retry does the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def planned_through(self) -> int:
        """The last offset that belongs to a segment; 0 without segments."""
        with self._database.reading() as connection:
            return _planned_through(connection)

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
        """Record that the object is durable, with its digest and its number of rows."""
        with self._database.writing() as connection:
            connection.execute(
                update(archive_segments)
                .where(archive_segments.c.first == segment.first)
                .values(sha256=segment.sha256, rows=segment.rows)
            )

    def segments(self) -> list[Segment]:
        """All segments, in order."""
        return self._select(true())

    def _select(self, condition: ColumnElement[bool]) -> list[Segment]:
        ordered = select(archive_segments).where(condition).order_by(archive_segments.c.first)
        with self._database.reading() as connection:
            rows = connection.execute(ordered).mappings()
            return [Segment(**row) for row in rows]


def _planned_through(connection: Connection) -> int:
    newest_first = archive_segments.c.first.desc()  # the primary key: one step, not a scan
    return connection.scalar(select(archive_segments.c.last).order_by(newest_first).limit(1)) or 0
