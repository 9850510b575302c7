"""Joins the archive's small objects of a day that is over into few large ones.

The new object is written first. Then one transaction puts it into the ledger in place of those that
it holds, if none of them has changed meanwhile. Only then are they deleted. So at every moment the
ledger names objects that hold each row once, and a replay leaves out what a larger object covers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import LoggedEvent
from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode, digest, join, key_of
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment

ROWS_PER_OBJECT = 100_000
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
        rows_per_object: int = ROWS_PER_OBJECT,
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
