"""Reads the training table for trainings: its counts, or a sample of its visitors."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np

from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.events import EventTypes
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.training.training_data import MEASURED_EVENTS
from pawsonalize.kinds.job_table import Progress, silent
from pawsonalize.kinds.solutions import Cut, TrainingSelection
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog, TrainingRow
from pawsonalize.storage.events.training_files import TrainingFile
from pawsonalize.wings.out_of_core.files import Columns
from pawsonalize.wings.out_of_core.log_source import LogSource
from pawsonalize.wings.out_of_core.parted_counts import PartedCounts
from pawsonalize.wings.out_of_core.parts import LogParts
from pawsonalize.wings.out_of_core.training_table import TrainingTable

_BATCH = 50_000
_END_OF_TIME = 2**62
_TRIES = 2


@dataclass(frozen=True, slots=True)
class TableReading:
    """Reads the training tables of all dataset groups."""

    scratch: Callable[[str], Path]
    """A folder for a purpose by name."""
    megabytes: int
    """How much memory counting may take."""
    table: Callable[[str, FacetReader], TrainingTable]
    """The table of a dataset group."""
    fetched: Callable[[Path, Sequence[TrainingFile]], list[str]]
    """Files as they are in a folder."""

    @contextmanager
    def counts(
        self,
        purpose: str,
        log: EventLog,
        catalogue: Catalogue,
        cut: Cut,
        selection: TrainingSelection,
        progress: Progress = silent,
    ) -> Iterator[PartedCounts]:
        """The counts of a part of the log, to be used while the block runs."""
        with self._opened(purpose, log, catalogue, cut, progress) as (folder, source):
            given = (catalogue, log.event_types, folder, self.megabytes)
            yield PartedCounts(LogParts.of(source, selection, cut.as_of, *given))

    def sample(self, log: EventLog, catalogue: Catalogue) -> "SampledLog":
        """A sample of visitors of what the log holds now; see `Sampling`."""
        cut = Cut(log.head(), _END_OF_TIME)
        purpose = f"sample-{log.dataset_group}-{cut.log_offset}"
        with self._opened(purpose, log, catalogue, cut, silent) as (_, source):
            return SampledLog(source.sample(MEASURED_EVENTS), log)

    @contextmanager
    def _opened(
        self, purpose: str, log: EventLog, catalogue: Catalogue, cut: Cut, progress: Progress
    ) -> Iterator[tuple[Path, LogSource]]:
        """A folder that goes with the block, and the rows up to the cut."""
        folder = self.scratch(purpose)
        shutil.rmtree(folder, ignore_errors=True)  # left by a process that died
        folder.mkdir(parents=True)
        try:
            table = self.table(log.dataset_group, FacetReader.of(catalogue))
            yield (
                folder,
                LogSource(
                    files=self._fetched(table, folder, cut, progress),
                    after=table.files.left_through(),
                    through=cut.log_offset,
                    until=cut.as_of,
                    sessions=table.sessions(),
                ),
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _fetched(
        self, table: TrainingTable, folder: Path, cut: Cut, progress: Progress
    ) -> list[str]:
        for again in range(_TRIES):
            files = table.bring_up_to(cut.log_offset, progress)
            try:
                return self.fetched(folder, files)
            except NotFound:  # another process joined files meanwhile
                if again:  # or somebody deleted one
                    table.remove()
        return self.fetched(folder, table.bring_up_to(cut.log_offset, progress))


class SampledLog:
    """A sample of visitors, read as the log is: see `TrainingLog`."""

    has_digests = True

    def __init__(self, columns: Columns, log: EventLog) -> None:
        """`columns` are rows of the training table in the order of the log."""
        self._columns = columns
        self._log = log

    @property
    def event_types(self) -> EventTypes:
        """What the types of its events mean."""
        return self._log.event_types

    def forgotten_through(self) -> int:
        """The offset up to which events have left the log."""
        return self._log.forgotten_through()

    def training_rows(
        self, through: int, until: int, after: int = 0
    ) -> Iterator[Sequence[TrainingRow]]:
        """Batches, in order, of events with `after < offset <= through` and `sent_at <= until`."""
        offset = self._columns["offset"]
        first, end = np.searchsorted(offset, [after, through], side="right")
        names = ("visitor", "item", "event_type", "time", "value", "told")
        for start in range(int(first), int(end), _BATCH):
            part = slice(start, min(start + _BATCH, int(end)))
            columns = (self._columns[name][part].tolist() for name in names)
            yield [
                (f"{visitor % 2**64:016x}", item, kind, sent_at, _value(value), told)
                for visitor, item, kind, sent_at, value, told in zip(*columns, strict=True)
                if sent_at <= until
            ]


def _value(value: float | None) -> float | None:
    return None if value is None or isnan(value) else value
