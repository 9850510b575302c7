"""A log with its archive, for tests of what becomes of both."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from pawsonalize.core import clock
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import Event, LoggedEvent
from pawsonalize.core.objects.stores import LocalObjects
from pawsonalize.core.times import HOUR
from pawsonalize.events.archive.archiver import Archiver, Compaction
from pawsonalize.events.archive.reading import ALWAYS, Period, verify
from pawsonalize.events.archive.replay import Replayed, Rereading, replay
from pawsonalize.events.archive.rows import ObjectName, decode
from pawsonalize.events.archive.tables import ArchiveIndex, ArchiveLedger
from pawsonalize.events.erasure.erased_archive import ErasedArchive
from pawsonalize.events.erasure.tables import ErasedLookup, ErasureTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import LogStart, RawEvents

MIDNIGHT = 1_795_478_400_000  # 2026-11-24T00:00:00Z


def received(number: int, at: int, **fields: Any) -> Event:
    """An event that came in `at` milliseconds after `MIDNIGHT`."""
    when = MIDNIGHT + at
    plain = Event(f"e{number}", f"u{number % 3}", f"s{number % 5}", "view", "2-Pug-1-1", when, when)
    return replace(plain, **fields)


class ArchiveWorld:
    """One database with its archive folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.log, self.ledger = EventLog(database), ArchiveLedger(database)
        self.start, self.objects = LogStart(database), LocalObjects(folder)
        index, erased = ArchiveIndex(database), ErasedLookup(database)
        self.erased = ErasedArchive(self.objects, self.ledger, index, erased)
        self.archiver = self.archiver_of(4)

    def archiver_of(self, rows: int) -> Archiver:
        """An archiver that puts so many rows into an object."""
        raws = RawEvents(self.database)
        return Archiver(self.log, raws, self.ledger, self.objects, self.erased, rows)

    def compaction(self, rows: int = 1_000) -> Compaction:
        """A compaction that puts so many rows into an object."""
        return Compaction(self.ledger, self.objects, rows)

    def replay(self, period: Period = ALWAYS, rereading: Rereading | None = None) -> Replayed:
        """Restore what the folder holds, into this database."""
        table = ErasureTable(self.database)
        return replay(self.log, self.erased, table, clock.now, period=period, rereading=rereading)

    def other(self) -> "ArchiveWorld":
        """Another, empty database over the same folder."""
        file = self.folder.parent / f"{uuid4().hex}.sqlite3"
        return ArchiveWorld(Database(f"sqlite:///{file}"), self.folder)

    def fill(self, hours: int, each: int = 3) -> None:
        """So many events in each hour from midnight on, archived as they come."""
        first = self.log.head()
        for hour in range(hours):
            numbers = range(first + hour * each, first + (hour + 1) * each)
            self.log.append([received(n, hour * HOUR + n) for n in numbers])
            self.archiver.archive_once()

    def logged(self) -> list[LoggedEvent]:
        """All that is in the table."""
        return self.log.read(0, self.log.head(), 1_000_000)

    def archived(self) -> list[LoggedEvent]:
        """All that the ledger says is in the archive."""
        names = [ObjectName.parse(segment.key) for segment in self.ledger.segments()]
        return [row for name in names if name for row in decode(name, self.objects.get(name.key))]

    def replayed(self) -> list[LoggedEvent]:
        """What a replay of the archive's folder restores, into a database of its own."""
        other = self.other()
        other.replay()
        rows = other.logged()
        other.database.close()
        return rows

    def object_keys(self) -> list[str]:
        """The keys of all objects."""
        return sorted(self.objects.list())

    def findings(self) -> list[str]:
        """What a verification says."""
        return [finding.problem for finding in verify(self.log, self.ledger, self.objects).findings]
