"""Events of dataset groups that keep them for a shorter time than the service does."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.times import DAY
from pawsonalize.engine.upkeep.archived_rows import ObjectName
from pawsonalize.engine.upkeep.verification import differences
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.registry import Registry
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.log_start import LogStart

_AT_ONCE = 2_000  # in one transaction, so that events wait for none of them

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GroupEventRetention:
    """Lets events of a dataset group leave the table earlier than `days`, if its limits say so.

    They leave as all do: object by object of the archive, and only after the object was read back
    and holds each of them. `days` is the service's own number; 0: for ever.
    """

    log: EventLog
    start: LogStart
    ledger: ArchiveLedger
    objects: ObjectStore
    registry: Registry
    days: int
    stopped: Callable[[], bool] = lambda: False

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; returns how many events those were.

        CorruptArtefact if the archive does not hold what is next: that stays, with all after it.
        """
        by_days: defaultdict[int, list[str]] = defaultdict(list)
        for group in self.registry.all(DatasetGroup):
            days = group.limits.event_days
            if days is not None and (self.days == 0 or days < self.days):
                by_days[days].append(group.name)
        return sum(self._forget(groups, days, now) for days, groups in by_days.items())

    def _forget(self, groups: list[str], days: int, now: int) -> int:
        early, deleted = self.log.left_early(), 0
        through = {group: early.get(group, 0) for group in groups}
        for segment in self._old(min(through.values()), now - days * DAY):
            for problem in differences(self.log, self.objects, segment, segment.first - 1):
                if not self.ledger.has(segment):  # it was written again or joined meanwhile
                    return deleted
                raise CorruptArtefact(
                    f"the archive's object {segment.key} {problem}. Events stay in the table until"
                    " it is whole: bring it back from a copy, or run `pawsonalize archive mend`"
                )
            for group in (one for one in groups if through[one] < segment.last):
                while not self.stopped():
                    found = self.start.forget_of(group, through[group], segment.last, _AT_ONCE)
                    deleted += found
                    if found < _AT_ONCE:
                        break
                through[group] = segment.last
            if self.stopped():
                break
        if deleted:
            log.info("old events left the table early", count=deleted, days=days)
        return deleted

    def _old(self, after: int, before: int) -> Iterator[Segment]:
        """The archived segments that are wholly too old, up to the first that is not."""
        for segment in self.ledger.segments(max(after, self.log.forgotten_through())):
            name = ObjectName.parse(segment.key)
            if segment.sha256 is None or name is None or name.ends > before:
                return
            yield segment
