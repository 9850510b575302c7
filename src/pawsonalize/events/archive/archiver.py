"""Copies the log into the archive, exactly once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice

import msgspec

from pawsonalize.core.errors import Conflict, CorruptArtefact, NotFound
from pawsonalize.core.event import LoggedEvent
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive import rows as archived_rows
from pawsonalize.events.archive.tables import ArchiveLedger, Segment
from pawsonalize.events.erasure.erased_archive import ErasedArchive
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import RawEvents

ROWS_PER_DAY_OBJECT = 100_000
"""At most so many events in one object, which are a few MB."""
# At most so many bytes, compressed: sites may send much that this service does not know.
BYTES_PER_OBJECT = 24_000_000

_STILL_WRITTEN = HOUR  # of a day that is over, some server may be behind
_LOOKED_AT_AGAIN = DAY  # whoever read an object before it was deleted may have written it again


class Compaction(msgspec.Struct, frozen=True):
    """Compacts an archive; several servers may do so at once."""

    ledger: ArchiveLedger
    objects: ObjectStore
    rows_per_object: int = ROWS_PER_DAY_OBJECT
    stopped: Callable[[], bool] = lambda: False
    sizes: Callable[[], Mapping[str, int]] = dict  # bytes by key, as far as they are known
    bytes_per_object: int = BYTES_PER_OBJECT

    def compact(self, now: int, at_most: int | None = None) -> int:
        """Join what can be joined by now; returns how many objects went into larger ones."""
        joined, damaged = 0, None
        for day, parts in islice(self._runs(now), at_most):
            if self.stopped():
                break
            try:
                joined += self._joined(day, parts, now)
            except (CorruptArtefact, NotFound) as error:
                if all(map(self.ledger.has, parts)):  # else somebody else was faster
                    damaged = damaged or error
        self.delete_leftovers(now)
        if damaged is not None:  # it stays as it is, and is named after all else is done
            raise damaged
        return joined

    def delete_leftovers(self, now: int) -> None:
        """Delete objects that have become needless, and once more a day later."""
        leftovers = self.ledger.leftovers()
        for key in leftovers:
            self.objects.delete(key)
        gone = [key for key, since in leftovers.items() if since <= now - _LOOKED_AT_AGAIN]
        if gone:
            self.ledger.forget_leftovers(gone)

    def _runs(self, now: int) -> Iterator[tuple[str, list[Segment]]]:
        """Segments that follow on each other, of a day that is over, as many as go together."""

        def day_over(segment: Segment) -> str:
            name = archived_rows.ObjectName.parse(segment.key)
            if name is None or segment.sha256 is None:
                return ""
            is_over = (
                archived_rows.ObjectName(name.key, name.day, 0, 0).ends + _STILL_WRITTEN <= now
            )
            return name.day if is_over else ""

        sizes = self.sizes()
        for day, run in groupby(self.ledger.segments(), day_over):
            for parts in self._packed(run, sizes) if day else ():
                if len(parts) > 1:
                    yield day, parts

    def _packed(self, run: Iterator[Segment], sizes: Mapping[str, int]) -> Iterator[list[Segment]]:
        parts: list[Segment] = []
        rows = size = 0
        for segment in run:
            rows += segment.rows
            size += sizes.get(segment.key, 0)
            if parts and (rows > self.rows_per_object or size > self.bytes_per_object):
                yield parts
                parts, rows, size = [], segment.rows, sizes.get(segment.key, 0)
            parts.append(segment)
        yield parts

    def _joined(self, day: str, parts: Sequence[Segment], now: int) -> int:
        data = archived_rows.join(map(self._rows, parts))
        sha256, (first, last) = archived_rows.digest(data), (parts[0].first, parts[-1].last)
        key = archived_rows.key_of(day, first, last, sha256)
        whole = Segment(first, last, sum(part.rows for part in parts), key, sha256)
        self.objects.put(key, data)
        if self.ledger.join(parts, whole, now):
            self._note_changes(whole)
            return len(parts)
        # An erasure or another server was faster. Who joins the same bytes, keeps the object.
        if all(known.key != key for known in self.ledger.segments(first - 1)):
            self.objects.delete(key)
        return 0

    def _rows(self, segment: Segment) -> list[LoggedEvent]:
        data, name = self.objects.get(segment.key), archived_rows.ObjectName.parse(segment.key)
        if name is None or archived_rows.digest(data) != segment.sha256:
            raise CorruptArtefact(f"{segment.key} is not what was written")
        return archived_rows.decode(name, data)

    def _note_changes(self, whole: Segment) -> None:
        # An erasure may have changed the object before the ledger knew it.
        try:
            data, name = self.objects.get(whole.key), archived_rows.ObjectName.parse(whole.key)
        except NotFound:  # by now it is part of a larger one
            return
        if name is not None and archived_rows.digest(data) != whole.sha256:
            rows = len(archived_rows.decode(name, data))
            self.ledger.confirm(
                msgspec.structs.replace(whole, rows=rows, sha256=archived_rows.digest(data))
            )


ROWS_PER_OBJECT = 10_000
_RAW_BYTES = 32_000_000  # of one object; 10,000 events as sites send them have about 4 MB


# The ledger plans which offsets go into which object, the objects are written, the ledger confirms
# them. After a crash in between, the next run finds the same plan and makes the same bytes. So
# several servers may archive at once: only one plan wins, and all write the same objects. How
# events came in waits in a table until then; a server that finds it gone finds the object there
# already.
class Archiver(msgspec.Struct, frozen=True):
    """Archives a log; holds the rows of one object in memory at a time."""

    log: EventLog
    raws: RawEvents
    ledger: ArchiveLedger
    objects: ObjectStore
    erased: ErasedArchive
    rows_per_object: int = ROWS_PER_OBJECT
    raw_bytes: int = _RAW_BYTES

    def archive_once(self) -> int:
        """Archive what the log holds now; returns how many rows. Conflict if of another log."""
        self._plan(self.log.head())
        written = sum(self._write(segment) for segment in self.ledger.pending())
        self.raws.forget_archived()
        return written

    def _plan(self, head: int) -> None:
        while (after := self.ledger.planned_through()) < head:
            rows = self.log.read(after, head, self.rows_per_object)
            if not rows:
                return  # erased since
            last = self.raws.fitting(after, rows[-1].offset, self.raw_bytes)
            rows = [row for row in rows if row.offset <= last] or rows[:1]
            # If another server was faster, its plan is as good: go on after it.
            self.ledger.plan(archived_rows.segments_of(rows), after=after)

    def _write(self, segment: Segment) -> int:
        rows = self.log.read(segment.first - 1, segment.last, segment.rows)
        if raws := self.raws.between(segment.first, segment.last):
            rows = [
                replace(row, event=replace(row.event, raw=raws.get(row.offset))) for row in rows
            ]
        data = archived_rows.encode(rows)
        try:
            self.objects.put(segment.key, data)
        except Conflict as error:
            data = self.objects.get(segment.key)
            rows = self._held(segment.key, data, rows, error)
        return self.erased.confirm(segment, rows, data)

    def _held(
        self, key: str, data: bytes, rows: list[LoggedEvent], error: Conflict
    ) -> list[LoggedEvent]:
        """The rows of an object that is there already; Conflict if of another log."""
        name = archived_rows.ObjectName.parse(key)
        held = [] if name is None else archived_rows.decode(name, data)
        # Another version of zstd may have compressed them, and an erasure been between the two.
        if self.erased.without_erased(held) != self.erased.without_erased(rows):
            raise Conflict(
                f"{key} already holds rows of another log: give each database an archive of its"
                " own, or move that object away"
            ) from error
        return held
