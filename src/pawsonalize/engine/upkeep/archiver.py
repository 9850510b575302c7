"""Copies the log into the archive, exactly once.

The ledger first plans which offsets go into which object. Then the objects are written, and then
the ledger confirms them. After a crash anywhere in between, the next run finds the same plan and
makes the same bytes. So several servers may archive at once: only one plan wins, and both write the
same objects.

How events came in waits in a table of its own, until the ledger has confirmed their objects. A
server that is late may find it gone; then the object is there already, and the one there stays.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import Conflict, CorruptArtefact, NotFound
from pawsonalize.domain.events import LoggedEvent
from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.upkeep.archived_rows import (
    ObjectName,
    decode,
    digest,
    encode,
    join,
    key_of,
    segments_of,
)
from pawsonalize.engine.upkeep.erased_archive import ErasedArchive
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.raw_events import RawEvents

ROWS_PER_DAY_OBJECT = 100_000
"""At most so many events in one object, which are a few MB."""
BYTES_PER_OBJECT = 24_000_000
"""At most so many bytes, compressed: sites may send much that this service does not know."""

_STILL_WRITTEN = HOUR  # of a day that is over, some server may be behind
_LOOKED_AT_AGAIN = DAY  # whoever read an object before it was deleted may have written it again


class Compaction:
    """Compacts an archive; several servers may do so at once."""

    def __init__(
        self,
        ledger: ArchiveLedger,
        objects: ObjectStore,
        rows_per_object: int = ROWS_PER_DAY_OBJECT,
        stopped: Callable[[], bool] = lambda: False,
        sizes: Callable[[], Mapping[str, int]] = dict,
        bytes_per_object: int = BYTES_PER_OBJECT,
    ) -> None:
        """`sizes` tells the bytes of objects by their keys, as far as they are known."""
        self._ledger = ledger
        self._objects = objects
        self._rows_per_object = rows_per_object
        self._sizes = sizes
        self._bytes_per_object = bytes_per_object
        self._stopped = stopped

    def compact(self, now: int, at_most: int | None = None) -> int:
        """Join what can be joined by now; returns how many objects went into larger ones.

        With `at_most`, only so many large objects are written. A damaged object stays as it is with
        those beside it. CorruptArtefact or NotFound names the first one, after all else is done.
        """
        joined, damaged = 0, None
        for day, parts in islice(self._runs(now), at_most):
            if self._stopped():
                break
            try:
                joined += self._joined(day, parts, now)
            except (CorruptArtefact, NotFound) as error:
                if all(map(self._ledger.has, parts)):  # else somebody else was faster
                    damaged = damaged or error
        self.delete_leftovers(now)
        if damaged is not None:
            raise damaged
        return joined

    def delete_leftovers(self, now: int) -> None:
        """Delete objects that have become needless, and once more a day later."""
        leftovers = self._ledger.leftovers()
        for key in leftovers:
            self._objects.delete(key)
        gone = [key for key, since in leftovers.items() if since <= now - _LOOKED_AT_AGAIN]
        if gone:
            self._ledger.forget_leftovers(gone)

    def _runs(self, now: int) -> Iterator[tuple[str, list[Segment]]]:
        """Segments that follow on each other, of a day that is over, as many as go together."""

        def day_over(segment: Segment) -> str:
            name = ObjectName.parse(segment.key)
            if name is None or segment.sha256 is None:
                return ""
            is_over = ObjectName(name.key, name.day, 0, 0).ends + _STILL_WRITTEN <= now
            return name.day if is_over else ""

        sizes = self._sizes()
        for day, run in groupby(self._ledger.segments(), day_over):
            for parts in self._packed(run, sizes) if day else ():
                if len(parts) > 1:
                    yield day, parts

    def _packed(self, run: Iterator[Segment], sizes: Mapping[str, int]) -> Iterator[list[Segment]]:
        parts: list[Segment] = []
        rows = size = 0
        for segment in run:
            rows += segment.rows
            size += sizes.get(segment.key, 0)
            if parts and (rows > self._rows_per_object or size > self._bytes_per_object):
                yield parts
                parts, rows, size = [], segment.rows, sizes.get(segment.key, 0)
            parts.append(segment)
        yield parts

    def _joined(self, day: str, parts: Sequence[Segment], now: int) -> int:
        data = join(map(self._rows, parts))
        sha256, (first, last) = digest(data), (parts[0].first, parts[-1].last)
        key = key_of(day, first, last, sha256)
        whole = Segment(first, last, sum(part.rows for part in parts), key, sha256)
        self._objects.put(key, data)
        if self._ledger.join(parts, whole, now):
            self._note_changes(whole)
            return len(parts)
        # An erasure or another server was faster. Who joins the same bytes, keeps the object.
        if all(known.key != key for known in self._ledger.segments(first - 1)):
            self._objects.delete(key)
        return 0

    def _rows(self, segment: Segment) -> list[LoggedEvent]:
        data, name = self._objects.get(segment.key), ObjectName.parse(segment.key)
        if name is None or digest(data) != segment.sha256:
            raise CorruptArtefact(f"{segment.key} is not what was written")
        return decode(name, data)

    def _note_changes(self, whole: Segment) -> None:
        """An erasure may have changed the object before the ledger knew it."""
        try:
            data, name = self._objects.get(whole.key), ObjectName.parse(whole.key)
        except NotFound:  # by now it is part of a larger one
            return
        if name is not None and digest(data) != whole.sha256:
            rows = len(decode(name, data))
            self._ledger.confirm(replace(whole, rows=rows, sha256=digest(data)))


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
