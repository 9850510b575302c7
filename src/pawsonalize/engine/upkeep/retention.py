"""Deletes stored data after its time: answers, events, archived events, job records and files."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import Conflict, CorruptArtefact, NotFound, StorageUnavailable
from pawsonalize.domain.times import DAY, SECOND
from pawsonalize.engine.upkeep.archived_rows import ObjectName
from pawsonalize.engine.upkeep.verification import differences
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.jobs import DataDeletionJob
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource, first_recommendation_id
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.impressions import Impressions
from pawsonalize.storage.events.log_start import LogStart

_YEAR = 365  # days; no session is used for longer
_AT_ONCE = 2_000  # in one transaction, so that events wait for none of them

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AnswerRetention:
    """Deletes answers that are older than so many days; 0 days keep them for ever."""

    impressions: Impressions
    days: int

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; returns how many answers those were."""
        if not self.days:
            return 0
        before, deleted = now - self.days * DAY, 0
        first_id = first_recommendation_id(before)
        while found := self.impressions.forget(before, first_id, _AT_ONCE):
            deleted += found
        if deleted:
            log.info("old answers deleted", count=deleted, days=self.days)
        return deleted


@dataclass(frozen=True, slots=True)
class EventRetention:
    """Lets events leave the table that were received more than `days` ago; 0 keeps them."""

    log: EventLog
    start: LogStart
    ledger: ArchiveLedger
    objects: ObjectStore
    days: int
    stopped: Callable[[], bool] = lambda: False

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; CorruptArtefact if the archive lacks what is next."""
        if not self.days:
            return 0
        deleted = self._forget_restored(now)
        for segment in self.whole_ones(self.log.forgotten_through(), self.days, now):
            deleted += self._forget(segment.last)
        if deleted:
            log.info("old events left the table", count=deleted, days=self.days)
        return deleted

    def _forget(self, through: int) -> int:
        deleted = 0
        while not self.stopped() and (found := self.start.forget(through, _AT_ONCE)):
            deleted += found
        return deleted

    def _forget_restored(self, now: int) -> int:
        # What a replay restored in part or read anew differs from the archive: it is not compared.
        forgotten = self.log.forgotten_through()
        if not self.log.read(0, forgotten, 1):
            return 0
        old = [one.last for one in self._old(0, self.days, now) if one.last <= forgotten]
        return self._forget(old[-1]) if old else 0

    def whole_ones(self, after: int, days: int, now: int) -> Iterator[Segment]:
        """The old segments whose objects hold all that the log has of them, until `stopped`."""
        for segment in self._old(after, days, now):
            for problem in differences(self.log, self.objects, segment, segment.first - 1):
                if not self.ledger.has(segment):  # it was written again or joined meanwhile
                    return
                raise CorruptArtefact(
                    f"the archive's object {segment.key} {problem}. Events stay in the table until"
                    " it is whole: bring it back from a copy, or run `pawsonalize archive mend`"
                )
            yield segment
            if self.stopped():
                return

    def _old(self, after: int, days: int, now: int) -> Iterator[Segment]:
        """The archived segments that are wholly too old, up to the first that is not."""
        for segment in self.ledger.segments(after):
            name = ObjectName.parse(segment.key)
            if segment.sha256 is None or name is None or name.ends > now - days * DAY:
                return
            yield segment


@dataclass(frozen=True, slots=True)
class GroupEventRetention:
    """Lets events of a dataset group leave the table earlier than all, if its limits say so."""

    events: EventRetention
    registry: Registry

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; otherwise as `EventRetention.forget_old`."""
        by_days: defaultdict[int, list[str]] = defaultdict(list)
        for group in self.registry.all(DatasetGroup):
            days = group.limits.event_days
            if days is not None and (self.events.days == 0 or days < self.events.days):
                by_days[days].append(group.name)
        return sum(self._forget(groups, days, now) for days, groups in by_days.items())

    def _forget(self, groups: list[str], days: int, now: int) -> int:
        events = self.events
        early, deleted = events.log.left_early(), 0
        through = {group: early.get(group, 0) for group in groups}
        after = max(min(through.values()), events.log.forgotten_through())
        for segment in events.whole_ones(after, days, now):
            for group in (one for one in groups if through[one] < segment.last):
                while not events.stopped():
                    found = events.start.forget_of(group, through[group], segment.last, _AT_ONCE)
                    deleted += found
                    if found < _AT_ONCE:
                        break
                through[group] = segment.last
        if deleted:
            log.info("old events left the table early", count=deleted, days=days)
        return deleted


@dataclass(frozen=True, slots=True)
class ArchiveRetention:
    """Deletes archived objects whose events are older than `days`; 0 keeps them."""

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
            # None goes while an event of it is in the table.
            if name is None or name.ends > now - self.days * DAY or segment.last > forgotten:
                break
            self.ledger.drop(segment, now)
            dropped += 1
        self.start.release_archived(now - (self.days + _YEAR) * DAY)
        if dropped:
            log.info("old archive objects let go", count=dropped, days=self.days)
        return dropped


@dataclass(frozen=True, slots=True)
class JobRetention:
    """Deletes records of jobs that ended more than `days` ago; 0 keeps them."""

    registry: Registry
    kinds: Sequence[type[Resource]]
    days: int

    def delete_old(self, now: int) -> int:
        """Delete what is too old by now; returns how many records those were."""
        if not self.days:
            return 0
        before, deleted = now - self.days * DAY, 0
        created = (version.created_at for version in self.registry.all(SolutionVersion))
        oldest_version = min(created, default=now)
        for kind in self.kinds:
            # An update of an older version would bring back what was erased, but for its record.
            limit = min(before, oldest_version) if kind is DataDeletionJob else before
            for job in list(self.registry.all(kind)):
                if job.status.is_settled and job.updated_at < limit:
                    with suppress(Conflict, NotFound):  # another server was faster
                        self.registry.delete(kind, job.name)
                        deleted += 1
        if deleted:
            log.info("old records of jobs deleted", count=deleted, days=self.days)
        return deleted


@dataclass(frozen=True, slots=True)
class FileRetention:
    """Deletes files, but no links, that came below a folder more than `days` ago; 0 keeps them."""

    folder: Path
    days: int

    def delete_old(self, now: int) -> int:
        """Delete old files and folders that are empty then; returns how many files."""
        if not self.days or not self.folder.is_dir():
            return 0
        deleted, failed = 0, ""
        for top, _, names in os.walk(self.folder, topdown=False):
            for name in names:
                try:
                    deleted += self._delete(Path(top) / name, now)
                except OSError as error:
                    failed = f"{Path(top) / name} cannot be deleted: {error.strerror}"
            if deleted and Path(top) != self.folder:
                with suppress(OSError):  # it holds something
                    Path(top).rmdir()
        if deleted:
            log.info("old files deleted", folder=self.folder.name, count=deleted, days=self.days)
        if failed:  # after all else is deleted
            raise StorageUnavailable(failed)
        return deleted

    def _delete(self, file: Path, now: int) -> bool:
        try:
            # The last change, since a copy may have its original's time of writing.
            came_at = file.lstat().st_ctime * SECOND
        except FileNotFoundError:  # another server was faster
            return False
        if file.is_symlink() or came_at >= now - self.days * DAY:
            return False
        file.unlink(missing_ok=True)
        return True


@dataclass(frozen=True, slots=True)
class ObjectRetention:
    """Deletes objects that came into a store more than `days` ago; 0 keeps them."""

    objects: ObjectStore
    kind: str
    days: int

    def delete_old(self, now: int) -> int:
        """Delete what is too old by now; returns how many objects."""
        if not self.days:
            return 0
        before = now - self.days * DAY
        old = [key for key, changed_at in self.objects.changes() if changed_at < before]
        for key in old:
            self.objects.delete(key)
        if old:
            log.info("old files deleted", folder=self.kind, count=len(old), days=self.days)
        return len(old)
