"""Reads the training table for trainings: its counts, or a sample of its visitors."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial, reduce, wraps
from math import isnan
from operator import add
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import NotFound
from pawsonalize.core.event import EventTypes
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.events.tables.event_log import EventLog, TrainingRow
from pawsonalize.events.tables.training_files import TrainingFile
from pawsonalize.models.recipes.counts.counting import EventCounts, item_marks, summary_of
from pawsonalize.models.recipes.counts.rows import Covisits, tidy
from pawsonalize.models.recipes.counts.weights import EventWeights, LogClock
from pawsonalize.models.recipes.data import Floats, Ints, TrainingData
from pawsonalize.models.recipes.late_scipy import sparse
from pawsonalize.recommend.query import FacetReader
from pawsonalize.resources.job_table import Progress, silent
from pawsonalize.resources.solutions import Cut, TrainingSelection
from pawsonalize.train.training_data import MEASURED_EVENTS
from pawsonalize_out_of_core.files import SCRATCH, Columns, LogSource
from pawsonalize_out_of_core.parts import LogParts
from pawsonalize_out_of_core.training_table import TrainingTable, training_table

_BATCH = 50_000
_END_OF_TIME = 2**62
_TRIES = 2
_Count = TypeVar("_Count", bound=Callable[..., object])


# Sums are of whole numbers on a grain, so those of the parts make the whole, to the bit.
def _summed(count: _Count) -> _Count:
    """Return the method that adds up what this one counts in each part."""

    @wraps(count)
    def summed(self: "PartedCounts", *args: object, **named: object) -> object:
        total: Any = reduce(add, (count(one, *args, **named) for one in self.parts()))
        return total if isinstance(total, np.ndarray) else tidy(total)

    return cast("_Count", summed)


class PartedCounts(EventCounts):
    """Counts of a log in parts; each method is that of `EventCounts`."""

    users = _summed(EventCounts.users)
    choices = _summed(EventCounts.choices)
    facets = _summed(EventCounts.facets)
    steps = _summed(EventCounts.steps)
    visit_steps = _summed(EventCounts.visit_steps)
    visits = _summed(EventCounts.visits)
    visits_by_time = _summed(EventCounts.visits_by_time)

    def __init__(self, parts: LogParts) -> None:
        super().__init__(parts.whole, LogClock.of(parts.times, parts.whole.as_of))
        self._log = parts
        marks = reduce(add, (item_marks(one.data) for one in self.parts()))
        self.summary = summary_of(parts.whole, parts.n_events, parts.times, marks)

    def sample(self, most: int) -> TrainingData:
        """See `EventCounts`."""
        found, users, events = [], 0, 0
        for number in range(len(self._log.files)):
            part = self._log.data(number)
            found.append(replace(part, user=part.user + np.int32(users)))
            users, events = users + part.n_users, events + len(part)
            if events > most:
                break
        columns: dict[str, object] = {
            name: np.concatenate([getattr(one, name) for one in found])
            for name in ("user", "item", "event_type", "value", "time", "visitors")
        }
        codes = np.concatenate([one.facets.codes for one in found])
        facets = replace(found[0].facets, codes=codes)
        data = replace(found[0], n_users=users, facets=facets, **columns)
        return EventCounts(data).sample(most)

    def first_events(self, nothing: int) -> Ints:
        """See `EventCounts`."""
        return reduce(np.minimum, (one.first_events(nothing) for one in self.parts()))

    def repeats(self, window: int) -> tuple[int, int]:
        """See `EventCounts`."""
        repeated, preceded = zip(*(one.repeats(window) for one in self.parts()), strict=True)
        return sum(repeated), sum(preceded)

    def hours(self, weights: EventWeights) -> tuple[Ints, Floats]:
        """See `EventCounts`."""
        found = [one.hours(weights) for one in self.parts()]
        hours, fades = (np.concatenate(column) for column in zip(*found, strict=True))
        distinct, place = np.unique(hours, return_inverse=True)
        return distinct, np.bincount(place, fades, len(distinct)).astype(np.float64)

    def covisits(self, weights: EventWeights, history: int) -> Covisits:
        """See `EventCounts`."""
        n_items = len(self.summary.data.item_ids)
        pairs, total = sparse.csr_array((n_items, n_items), dtype=np.float64), np.zeros(n_items)
        for one in self.parts():
            met = one.covisits(weights, history)
            pairs, total = sparse.csr_array(pairs + met.rows(0, len(total))), total + met.weights
        return Covisits(lambda start, end: sparse.csr_array(pairs[start:end]), total)

    def recent(self, step: int, count: int) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
        """See `EventCounts`."""
        found, users = [], 0
        for one in self.parts():
            steps, item, user = one.recent(step, count)
            found.append((steps, item, user + np.int32(users)))
            users += one.data.n_users
        steps, item, user = (np.concatenate(column) for column in zip(*found, strict=True))
        inside = steps > steps.max(initial=-(2**60)) - count
        numbered = np.unique(user[inside], return_inverse=True)[1]
        return steps[inside], item[inside], numbered.astype(np.int32)

    def by_period(self, period: int) -> tuple[Ints, NDArray[np.int32], Ints]:
        """See `EventCounts`."""
        found = [_together(*one.by_period(period)) for one in self.parts()]
        periods, item, count = (np.concatenate(column) for column in zip(*found, strict=True))
        return periods, item, count

    def parts(self) -> Iterator[EventCounts]:
        """Yield the counts of each part by itself."""
        for number in range(len(self._log.files)):
            yield EventCounts(self._log.data(number), self._clock)


def _together(
    period: Ints, item: NDArray[np.int32], count: Ints
) -> tuple[Ints, NDArray[np.int32], Ints]:
    (period, item), place = np.unique(np.stack([period, item]), axis=1, return_inverse=True)
    return period, item.astype(np.int32), np.bincount(place, count).astype(np.int64)


class TableReading(msgspec.Struct, frozen=True):
    """Reads the training tables of all dataset groups."""

    scratch: Callable[[str], Path]
    """Returns the folder for a purpose."""
    megabytes: int
    """Memory that counting may take."""
    table: Callable[[str, FacetReader], TrainingTable]
    fetched: Callable[[Path, Sequence[TrainingFile]], list[str]]
    """Copies files into a folder."""

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
            catalogue = catalogue.without(selection.without)
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
        folder = self.scratch(purpose)
        shutil.rmtree(folder, ignore_errors=True)  # left by a process that died
        folder.mkdir(parents=True)
        try:
            table = self.table(log.dataset_group, FacetReader.of(catalogue))
            source = LogSource(
                files=self._fetched(table, folder, cut, progress),
                after=table.files.left_through(),
                through=cut.log_offset,
                until=cut.as_of,
                sessions=table.sessions(),
            )
            yield folder, source
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


class SampledLog(msgspec.Struct):
    """A sample of visitors, read as the log is: see `TrainingLog`; `columns` are in its order."""

    has_digests = True

    columns: Columns
    log: EventLog

    @property
    def event_types(self) -> EventTypes:
        """Meanings of the types of its events."""
        return self.log.event_types

    def forgotten_through(self) -> int:
        """The offset up to which events have left the log."""
        return self.log.forgotten_through()

    def training_rows(
        self, through: int, until: int, after: int = 0
    ) -> Iterator[Sequence[TrainingRow]]:
        """Batches, in order, of events with `after < offset <= through` and `sent_at <= until`."""
        offset = self.columns["offset"]
        first, end = np.searchsorted(offset, [after, through], side="right")
        names = ("visitor", "item", "event_type", "time", "value", "facets")
        for start in range(int(first), int(end), _BATCH):
            part = slice(start, min(start + _BATCH, int(end)))
            rows = {name: self.columns[name][part].tolist() for name in names}
            rows["value"] = [None if one is None or isnan(one) else one for one in rows["value"]]
            yield [
                # Visitors are signed numbers in the table, and hexadecimal digests in the log.
                (f"{visitor % 2**64:016x}", item, kind, sent_at, value, facets)
                for visitor, item, kind, sent_at, value, facets in zip(*rows.values(), strict=True)
                if sent_at <= until
            ]


def open_reading(
    settings: Settings, megabytes: int, database: Database, objects: ObjectStore
) -> TableReading:
    """Open what reads the training table, in parts of so many megabytes."""
    return TableReading(
        lambda purpose: settings.data_dir.absolute() / SCRATCH / quote(purpose, safe=""),
        megabytes,
        partial(training_table, database, objects),
        partial(_fetched, settings, objects),
    )


def _fetched(
    settings: Settings, objects: ObjectStore, folder: Path, files: Sequence[TrainingFile]
) -> list[str]:
    archive, is_local = settings.archive, "://" not in settings.archive
    paths = []
    for number, file in enumerate(files):
        path = folder / f"{number}.parquet"
        # A training that died may have left one.
        path.unlink(missing_ok=True)
        with suppress(OSError):  # of another file system, or gone: then it is read
            if is_local:
                os.link(Path(archive) / file.key, path)
        if not path.exists():
            path.write_bytes(objects.get(file.key))
        paths.append(str(path))
    return paths
