"""Reads the archive's events while the archive is in use, by the time at which they came in."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pawsonalize.core.errors import CorruptArtefact, InvalidInput, NotFound
from pawsonalize.core.event import LoggedEvent, owning_group
from pawsonalize.events.archive.parquet import check_parquet, parquet_file
from pawsonalize.events.archive.rows import ObjectName, decode
from pawsonalize.events.archive.tables import Segment
from pawsonalize.events.erasure.erased_archive import ErasedArchive
from pawsonalize.resources.job_table import Progress, silent


class Period(msgspec.Struct, frozen=True):
    """Moments from `since` on and before `until`; None: without a bound."""

    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidInput("the time range is empty: --since must lie before --until")

    def holds(self, row: LoggedEvent) -> bool:
        """True if the event came in then."""
        at = row.event.received_at
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)

    def touches(self, name: ObjectName) -> bool:
        """True if an object may have events of it."""
        begins_in_time = self.until is None or name.begins < self.until
        return begins_in_time and (self.since is None or name.ends > self.since)


ALWAYS = Period()


class ArchiveReader(msgspec.Struct, frozen=True):
    """Reads the objects that the ledger names, one at a time, without erased visitors."""

    archive: ErasedArchive
    period: Period = ALWAYS

    def segments(self, after: int = 0) -> list[Segment]:
        """The written segments beyond an offset that may have events of the period."""
        return [
            segment
            for segment in self.archive.ledger.segments(after)
            if segment.sha256 is not None
            and (name := ObjectName.parse(segment.key)) is not None
            and self.period.touches(name)
        ]

    def rows(self, segment: Segment, after: int = 0) -> list[LoggedEvent]:
        """A segment's events of the period beyond an offset; NotFound or CorruptArtefact."""
        name = ObjectName.parse(segment.key)
        assert name is not None
        rows = decode(name, self.archive.objects.get(segment.key))
        wanted = [row for row in rows if row.offset > after and self.period.holds(row)]
        return self.archive.without_erased(wanted)

    def in_log_order(
        self, on_progress: Progress, damaged: list[str]
    ) -> Iterator[Sequence[LoggedEvent]]:
        """The events, object by object; `damaged` gets the reasons why objects cannot be read."""
        after = done = 0
        waiting = self.segments()
        while waiting:
            segment, *waiting = waiting
            try:
                rows = self.rows(segment, after)
            except (NotFound, CorruptArtefact) as error:
                if not self.archive.ledger.has(segment):
                    waiting = self.segments(after)  # it was joined to others meanwhile
                    continue
                damaged.append(error.message)
                rows = []
            yield rows
            after, done = segment.last, done + 1
            on_progress(done, done + len(waiting))


FILE = "events.parquet"


class _ReadAgain(Exception):
    """The objects that were read have changed: some were joined, or a visitor was erased."""


class Exported(msgspec.Struct, frozen=True):
    """Counts of what was written."""

    events: int
    files: int


class ArchiveExport(msgspec.Struct):
    """Writes `day=2026-11-24/events.parquet` below a folder, in place of what is there."""

    reader: ArchiveReader
    folder: Path
    dataset_group: str | None = None  # with its actions; None: all
    on_progress: Progress = silent
    _done: int = 0
    _total: int = 0

    def write(self) -> Exported:
        """Write day after day; NotFound or CorruptArtefact names an object that cannot be read."""
        check_parquet()
        days = self._days()
        self._total = sum(len(segments) for segments in days.values())
        counts = [self._day(day, segments) for day, segments in days.items()]
        return Exported(sum(counts), sum(map(bool, counts)))

    def _days(self) -> dict[str, list[Segment]]:
        days: dict[str, list[Segment]] = {}
        for segment in sorted(self.reader.segments(), key=lambda one: one.first):
            name = ObjectName.parse(segment.key)
            assert name is not None
            days.setdefault(name.day, []).append(segment)
        return dict(sorted(days.items()))

    def _day(self, day: str, segments: Sequence[Segment]) -> int:
        path = self.folder / f"day={day.replace('/', '-')}" / FILE
        before = self._done
        while True:
            try:
                return self._write(path, segments)
            except _ReadAgain:
                segments, self._done = self._days().get(day, []), before

    def _write(self, path: Path, segments: Sequence[Segment]) -> int:
        erased = self.reader.archive.erased
        last_noted, written = erased.last_noted(), 0
        with parquet_file(path) as write:
            # One object is in memory at a time.
            for segment in segments:
                written += write(self._rows(segment))
                self._done += 1
                self.on_progress(self._done, self._total)
            # No file has anybody who was erased before it was finished.
            if erased.last_noted() != last_noted:
                raise _ReadAgain
        return written

    def _rows(self, segment: Segment) -> list[LoggedEvent]:
        try:
            rows, group = self.reader.rows(segment), self.dataset_group
            if group is None:
                return rows
            return [row for row in rows if owning_group(row.event.dataset_group) == group]
        except NotFound as error:
            if self.reader.archive.ledger.has(segment):
                raise
            raise _ReadAgain from error
