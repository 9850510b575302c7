"""Exports the archive as Parquet, one file for each day in which events came in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pawsonalize.archive.parquet import check_parquet, parquet_file
from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.events import LoggedEvent, owning_group
from pawsonalize.engine.upkeep.archive_reading import ArchiveReader
from pawsonalize.engine.upkeep.archived_rows import ObjectName
from pawsonalize.kinds.job_table import Progress, silent
from pawsonalize.storage.archive_ledger import Segment

FILE = "events.parquet"


class _ReadAgain(Exception):
    """The objects that were read have changed: some were joined, or a visitor was erased."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Counts of what was written."""

    events: int
    files: int


@dataclass(slots=True)
class ArchiveExport:
    """Writes `day=2026-11-24/events.parquet` below a folder, in place of what is there.

    One object is in memory at a time. A file is whole, or it is not there; none has anybody who was
    erased before it was finished. With a dataset group, only that with its actions is exported.
    """

    reader: ArchiveReader
    folder: Path
    dataset_group: str | None = None
    on_progress: Progress = silent
    _done: int = 0
    _total: int = 0

    def write(self) -> Exported:
        """Write all; NotFound or CorruptArtefact names an object that cannot be read.

        The days before that one are then written.
        """
        check_parquet()
        days = self._days()
        self._total = sum(len(segments) for segments in days.values())
        counts = [self._day(day, segments) for day, segments in days.items()]
        return Exported(sum(counts), sum(map(bool, counts)))

    def _days(self) -> dict[str, list[Segment]]:
        """The segments of each day, in the order of the log."""
        dated = sorted((_day_of(one), one.first, one) for one in self.reader.segments())
        return {
            day: [segment for _, _, segment in of_day]
            for day, of_day in groupby(dated, lambda one: one[0])
        }

    def _day(self, day: str, segments: Sequence[Segment]) -> int:
        path = self.folder / f"day={day.replace('/', '-')}" / FILE
        before = self._done
        while True:
            try:
                rows = self._write(path, segments)
            except _ReadAgain:
                segments, self._done = self._days().get(day, []), before
                continue
            return rows

    def _write(self, path: Path, segments: Sequence[Segment]) -> int:
        erased = self.reader.archive.erased
        last_noted, written = erased.last_noted(), 0
        with parquet_file(path) as write:
            for segment in segments:
                written += write(self._rows(segment))
                self._done += 1
                self.on_progress(self._done, self._total)
            if erased.last_noted() != last_noted:
                raise _ReadAgain
        return written

    def _rows(self, segment: Segment) -> list[LoggedEvent]:
        try:
            return [row for row in self.reader.rows(segment) if self._is_wanted(row)]
        except NotFound as error:
            if self.reader.archive.ledger.has(segment):
                raise
            raise _ReadAgain from error

    def _is_wanted(self, row: LoggedEvent) -> bool:
        group = self.dataset_group
        return group is None or owning_group(row.event.dataset_group) == group


def _day_of(segment: Segment) -> str:
    name = ObjectName.parse(segment.key)
    assert name is not None
    return name.day
