"""Copies the log into the archive, exactly once.

The ledger first plans which offsets go into which object. Then the objects are written, and then
the ledger confirms them. After a crash anywhere in between, the next run finds the same plan and
makes the same bytes. So several servers may archive at once: only one plan wins, and both write the
same objects.

How events came in waits in a table of its own, until the ledger has confirmed their objects. A
server that is late may find it gone; then the object is there already, and the one there stays.
"""

from dataclasses import replace

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import Conflict
from pawsonalize.domain.events import LoggedEvent
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode, encode, segments_of
from pawsonalize.engine.upkeep.erased_archive import ErasedArchive
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.raw_events import RawEvents

ROWS_PER_OBJECT = 10_000
_RAW_BYTES = 32_000_000  # of one object; 10,000 events as sites send them have about 4 MB


class Archiver:
    """Archives a log; holds the rows of one object in memory at a time."""

    def __init__(
        self,
        log: EventLog,
        raws: RawEvents,
        ledger: ArchiveLedger,
        objects: ObjectStore,
        erased: ErasedArchive,
        rows_per_object: int = ROWS_PER_OBJECT,
        raw_bytes: int = _RAW_BYTES,
    ) -> None:
        self._log = log
        self._raws = raws
        self._ledger = ledger
        self._objects = objects
        self._erased = erased
        self._rows_per_object = rows_per_object
        self._raw_bytes = raw_bytes

    def archive_once(self) -> int:
        """Archive what the log holds now; returns how many rows were written.

        Conflict if a key already holds rows of another log. Raises what the ports raise; the
        next call goes on where this one ended.
        """
        self._plan(self._log.head())
        written = sum(self._write(segment) for segment in self._ledger.pending())
        self._raws.forget_archived()
        return written

    def _plan(self, head: int) -> None:
        while (after := self._ledger.planned_through()) < head:
            rows = self._log.read(after, head, self._rows_per_object)
            if not rows:
                return  # erased since
            last = self._raws.fitting(after, rows[-1].offset, self._raw_bytes)
            rows = [row for row in rows if row.offset <= last] or rows[:1]
            # If another server was faster, its plan is as good: go on after it.
            self._ledger.plan(segments_of(rows), after=after)

    def _write(self, segment: Segment) -> int:
        rows = self._log.read(segment.first - 1, segment.last, segment.rows)
        rows = self._with_raws(segment, rows)
        data = encode(rows)
        try:
            self._objects.put(segment.key, data)
        except Conflict as error:
            data = self._objects.get(segment.key)
            rows = self._held(segment.key, data, rows, error)
        return self._erased.confirm(segment, rows, data)

    def _with_raws(self, segment: Segment, rows: list[LoggedEvent]) -> list[LoggedEvent]:
        raws = self._raws.between(segment.first, segment.last)
        return [
            replace(row, event=replace(row.event, raw=raws.get(row.offset))) if raws else row
            for row in rows
        ]

    def _held(
        self, key: str, data: bytes, rows: list[LoggedEvent], error: Conflict
    ) -> list[LoggedEvent]:
        """The rows of an object that is there already; Conflict unless they are those of the log.

        Another version of zstd may have compressed them, and an erasure been between the two.
        """
        name = ObjectName.parse(key)
        held = [] if name is None else decode(name, data)
        if self._erased.without_erased(held) != self._erased.without_erased(rows):
            raise Conflict(
                f"{key} already holds rows of another log: give each database an archive of its"
                " own, or move that object away"
            ) from error
        return held
