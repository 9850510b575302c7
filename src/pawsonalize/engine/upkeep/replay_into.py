"""Appends archived events of one dataset group to another one, in a log that is in use."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pawsonalize.domain.events import ACTIONS, DEFAULT_DATASET_GROUP, Event, LoggedEvent, digest_of
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.engine.upkeep.archive_reading import ArchiveReader
from pawsonalize.engine.upkeep.rereading import MOST_NAMED, Rereading
from pawsonalize.kinds.job_table import Progress, silent
from pawsonalize.storage.erasures import ErasedLookup
from pawsonalize.storage.events.event_log import EventLog

_AT_ONCE = 1_000  # in one transaction, so that other events wait for none of them


@dataclass(slots=True)
class Appended:
    """Counts of the source's events that are in the archive."""

    stored: int = 0
    duplicates: int = 0
    erased: int = 0
    """Of visitors who were erased from the target since they came in."""
    refused: int = 0
    """Events refused because their item is no animal group, as the default dataset group needs."""
    named: list[str] = field(default_factory=list)
    """The first of the refused ones, with the reason."""
    damaged: list[str] = field(default_factory=list)
    """Reasons why objects could not be read, one sentence each."""

    @property
    def read(self) -> int:
        """Number of events that were read."""
        return self.stored + self.duplicates + self.erased + self.refused


@dataclass(frozen=True, slots=True)
class ReplayInto:
    """Appends the events of `source` to `target`, with its actions.

    An event keeps its id and when it happened; it comes in now. One whose id the target has changes
    nothing, so to repeat it changes nothing.
    """

    source: str
    target: str
    log: EventLog
    reader: ArchiveReader
    erased: ErasedLookup
    now: Callable[[], int]
    rereading: Rereading | None = None

    def replay(self, on_progress: Progress = silent) -> Appended:
        """Do it; `on_progress` gets the objects done and their total.

        Objects that are damaged are left out and named.
        """
        found = Appended()
        for rows in self.reader.in_log_order(on_progress, found.damaged):
            mine = [row for row in rows if row.event.dataset_group in self._groups]
            for start in range(0, len(mine), _AT_ONCE):
                self._append(mine[start : start + _AT_ONCE], found)
        return found

    @property
    def _groups(self) -> dict[str, str]:
        return {self.source: self.target, self.source + ACTIONS: self.target + ACTIONS}

    def _append(self, rows: Sequence[LoggedEvent], found: Appended) -> None:
        kept = list(self._not_erased(rows))
        found.erased += len(rows) - len(kept)
        if self.rereading is not None:
            kept = self.rereading.rows(kept)
        stored = self.log.append(list(self._moved(kept, found)))
        found.stored += sum(stored)
        found.duplicates += len(stored) - sum(stored)

    def _not_erased(self, rows: Iterable[LoggedEvent]) -> Iterator[LoggedEvent]:
        noted = self.erased.noted_since(-1, self.target)
        for row in rows:
            if row.event.received_at > noted.get(digest_of(row), -1):
                yield row

    def _moved(self, rows: Iterable[LoggedEvent], found: Appended) -> Iterator[Event]:
        now = self.now()
        for row in rows:
            group = self._groups[row.event.dataset_group]
            if group == DEFAULT_DATASET_GROUP and AnimalGroup.parse(row.event.item_id) is None:
                found.refused += 1
                if len(found.named) < MOST_NAMED:
                    found.named.append(f"offset {row.offset}: its item is no animal group")
                continue
            yield replace(row.event, dataset_group=group, received_at=now)
