"""Copies the log into the archive, exactly once.

The ledger first plans which offsets go into which object. Then the objects are written, and then
the ledger confirms them. After a crash anywhere in between, the next run finds the same plan and
makes the same bytes. So several servers may archive at once: only one plan wins, and both write the
same objects.
"""

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import Conflict
from pawsonalize.domain.events import LoggedEvent
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode, encode, segments_of
from pawsonalize.engine.upkeep.erased_archive import ErasedArchive
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment
from pawsonalize.storage.event_log import EventLog

ROWS_PER_OBJECT = 10_000


class Archiver:
    """Archives a log; holds the rows of one object in memory at a time."""

    def __init__(
        self,
        log: EventLog,
        ledger: ArchiveLedger,
        objects: ObjectStore,
        erased: ErasedArchive,
        rows_per_object: int = ROWS_PER_OBJECT,
    ) -> None:
        self._log = log
        self._ledger = ledger
        self._objects = objects
        self._erased = erased
        self._rows_per_object = rows_per_object

    def archive_once(self) -> int:
        """Archive what the log holds now; returns how many rows were written.

        Conflict if a key already holds rows of another log. Raises what the ports raise; the
        next call goes on where this one ended.
        """
        self._plan(self._log.head())
        return sum(self._write(segment) for segment in self._ledger.pending())

    def _plan(self, head: int) -> None:
        while (after := self._ledger.planned_through()) < head:
            rows = self._log.read(after, head, self._rows_per_object)
            if not rows:
                return  # erased since
            # If another server was faster, its plan is as good: go on after it.
            self._ledger.plan(segments_of(rows), after=after)

    def _write(self, segment: Segment) -> int:
        rows = self._log.read(segment.first - 1, segment.last, segment.rows)
        data = encode(rows)
        try:
            self._objects.put(segment.key, data)
        except Conflict as error:
            data = self._objects.get(segment.key)
            rows = self._held(segment.key, data, rows, error)
        return self._erased.confirm(segment, rows, data)

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
