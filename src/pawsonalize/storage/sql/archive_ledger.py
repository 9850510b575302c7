"""Which offsets of the log lie in which archive object."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, select, true, update

from pawsonalize.storage.archive_ledger import Segment
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import archive_segments


class SqlArchiveLedger:
    """`ArchiveLedger` on the archive_segments table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def planned_through(self) -> int:
        """See `ArchiveLedger.planned_through`."""
        with self._database.reading() as connection:
            return _planned_through(connection)

    def plan(self, segments: Sequence[Segment], *, after: int) -> bool:
        """See `ArchiveLedger.plan`."""
        with self._database.writing() as connection:
            if _planned_through(connection) != after:
                return False
            connection.execute(archive_segments.insert(), [asdict(each) for each in segments])
        return True

    def pending(self) -> list[Segment]:
        """See `ArchiveLedger.pending`."""
        return self._select(archive_segments.c.sha256.is_(None))

    def confirm(self, segment: Segment) -> None:
        """See `ArchiveLedger.confirm`."""
        with self._database.writing() as connection:
            connection.execute(
                update(archive_segments)
                .where(archive_segments.c.first == segment.first)
                .values(sha256=segment.sha256, rows=segment.rows)
            )

    def segments(self) -> list[Segment]:
        """See `ArchiveLedger.segments`."""
        return self._select(true())

    def _select(self, condition: ColumnElement[bool]) -> list[Segment]:
        ordered = select(archive_segments).where(condition).order_by(archive_segments.c.first)
        with self._database.reading() as connection:
            rows = connection.execute(ordered).mappings()
            return [Segment(**row) for row in rows]


def _planned_through(connection: Connection) -> int:
    newest_first = archive_segments.c.first.desc()  # the primary key: one step, not a scan
    return connection.scalar(select(archive_segments.c.last).order_by(newest_first).limit(1)) or 0
