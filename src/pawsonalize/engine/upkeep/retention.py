"""Answers, events and archived events are kept for a time, and then deleted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.times import DAY
from pawsonalize.engine.upkeep.archived_rows import ObjectName
from pawsonalize.engine.upkeep.verification import differences
from pawsonalize.kinds.resource import first_recommendation_id
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.impressions import Impressions
from pawsonalize.storage.events.log_start import LogStart

_YEAR = 365  # days; no session is used for longer
_AT_ONCE = 2_000  # in one transaction, so that events wait for none of them

log = structlog.get_logger()


class AnswerRetention:
    """Deletes answers that are older than so many days; 0 days keep them for ever."""

    def __init__(self, impressions: Impressions, days: int) -> None:
        self._impressions = impressions
        self._days = days

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; returns how many answers those were."""
        if not self._days:
            return 0
        before, deleted = now - self._days * DAY, 0
        first_id = first_recommendation_id(before)
        while found := self._impressions.forget(before, first_id, _AT_ONCE):
            deleted += found
        if deleted:
            log.info("old answers deleted", count=deleted, days=self._days)
        return deleted


@dataclass(frozen=True, slots=True)
class EventRetention:
    """Lets events leave the table that were received more than `days` ago; 0 keeps them for ever.

    They leave in the order of the log, object by object of the archive, and only after the object
    was read back and holds each of them. Those that a replay restored in part or read anew are not
    compared: they differ, and the archive has them as they came in.
    """

    log: EventLog
    start: LogStart
    ledger: ArchiveLedger
    objects: ObjectStore
    days: int
    stopped: Callable[[], bool] = lambda: False

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; returns how many events those were.

        CorruptArtefact if the archive does not hold what is next: that stays, with all after it.
        """
        deleted = self._forget_restored(now) if self.days else 0
        for segment in self._old(now) if self.days else ():
            for problem in differences(self.log, self.objects, segment, segment.first - 1):
                if not self.ledger.has(segment):  # it was written again or joined meanwhile
                    return deleted
                raise CorruptArtefact(
                    f"the archive's object {segment.key} {problem}. Events stay in the table until"
                    " it is whole: bring it back from a copy, or run `pawsonalize archive mend`"
                )
            deleted += self._forget(segment.last)
            if self.stopped():
                break
        if deleted:
            log.info("old events left the table", count=deleted, days=self.days)
        return deleted

    def _forget(self, through: int) -> int:
        deleted = 0
        while not self.stopped() and (found := self.start.forget(through, _AT_ONCE)):
            deleted += found
        return deleted

    def _forget_restored(self, now: int) -> int:
        forgotten = self.log.forgotten_through()
        if not self.log.read(0, forgotten, 1):
            return 0
        old = [one.last for one in self._old(now, after=0) if one.last <= forgotten]
        return self._forget(old[-1]) if old else 0

    def _old(self, now: int, after: int | None = None) -> Iterator[Segment]:
        """The archived segments that are wholly too old, up to the first that is not."""
        before = now - self.days * DAY
        after = self.log.forgotten_through() if after is None else after
        for segment in self.ledger.segments(after):
            name = ObjectName.parse(segment.key)
            if segment.sha256 is None or name is None or name.ends > before:
                return
            yield segment


@dataclass(frozen=True, slots=True)
class ArchiveRetention:
    """Deletes archived objects whose events were received more than `days` ago.

    0 keeps them for ever. No object goes while an event of it is in the table. The
    owner of each session that has events in it is kept for another year.
    """

    log: EventLog
    start: LogStart
    ledger: ArchiveLedger
    days: int

    def forget_old(self, now: int) -> int:
        """Delete the objects that are too old at `now`, and return their number."""
        if not self.days:
            return 0
        dropped, forgotten = 0, self.log.forgotten_through()
        # The last one stays: the ledger knows by it how far the log was archived.
        for segment in self.ledger.segments()[:-1]:
            name = ObjectName.parse(segment.key)
            if name is None or name.ends > now - self.days * DAY or segment.last > forgotten:
                break
            self.ledger.drop(segment, now)
            dropped += 1
        self.start.release_archived(now - (self.days + _YEAR) * DAY)
        if dropped:
            log.info("old archive objects let go", count=dropped, days=self.days)
        return dropped
