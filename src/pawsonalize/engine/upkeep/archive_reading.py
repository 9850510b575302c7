"""Reads the archive's events while the archive is in use, by the time at which they came in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pawsonalize.domain.errors import CorruptArtefact, InvalidInput, NotFound
from pawsonalize.domain.events import LoggedEvent
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode
from pawsonalize.engine.upkeep.erased_archive import ErasedArchive
from pawsonalize.kinds.job_table import Progress
from pawsonalize.storage.archive_ledger import Segment


@dataclass(frozen=True, slots=True)
class Period:
    """Moments from `since` on and before `until`; None: without a bound."""

    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidInput("the time range is empty: --since must lie before --until")

    def holds(self, row: LoggedEvent) -> bool:
        """Whether the event came in then."""
        at = row.event.received_at
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)

    def touches(self, name: ObjectName) -> bool:
        """Whether an object may have events of it."""
        begins_in_time = self.until is None or name.begins < self.until
        return begins_in_time and (self.since is None or name.ends > self.since)


ALWAYS = Period()


@dataclass(frozen=True, slots=True)
class ArchiveReader:
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
        """The events of the period that a segment has beyond an offset.

        NotFound or CorruptArtefact if its object cannot be read.
        """
        name = ObjectName.parse(segment.key)
        assert name is not None
        rows = decode(name, self.archive.objects.get(segment.key))
        wanted = [row for row in rows if row.offset > after and self.period.holds(row)]
        return self.archive.without_erased(wanted)

    def in_log_order(
        self, on_progress: Progress, damaged: list[str]
    ) -> Iterator[Sequence[LoggedEvent]]:
        """The events, object by object; `on_progress` gets the objects done and their total.

        An object that cannot be read is left out, and `damaged` gets the reason.
        """
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
