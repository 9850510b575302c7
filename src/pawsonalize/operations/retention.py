"""Deletes stored data after its time: answers, events, archived events, job records and files."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from pawsonalize.core.errors import Conflict, CorruptArtefact, NotFound, StorageUnavailable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.times import DAY, SECOND
from pawsonalize.events.archive.reading import differences
from pawsonalize.events.archive.rows import ObjectName
from pawsonalize.events.archive.tables import ArchiveLedger, Segment
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import LogStart
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.jobs import DataDeletionJob
from pawsonalize.resources.kind import Resource, first_recommendation_id
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion

_YEAR = 365  # days; no session is used for longer
_AT_ONCE = 2_000  # in one transaction, so that events wait for none of them

log = get_logger()


def keep_days(
    days: int, done: str, delete: Callable[[int], int], **about: str
) -> Callable[[int], int]:
    """Return what deletes, at a moment, all older than so many days; 0 days keep it for ever."""

    # `delete` gets the moment before which all is too old, and returns how much there was. That is
    # logged as `done`.
    def delete_old(now: int) -> int:
        deleted = delete(now - days * DAY) if days else 0
        if deleted:
            log.info(done, count=deleted, days=days, **about)
        return deleted

    return delete_old


def delete_answers(impressions: Impressions, before: int) -> int:
    """Delete the answers that were given before."""
    first_id = first_recommendation_id(before)
    return sum(iter(lambda: impressions.forget(before, first_id, _AT_ONCE), 0))


class EventRetention(msgspec.Struct, frozen=True):
    """Lets events leave the table that were received more than `days` ago; 0 keeps them."""

    log: EventLog
    start: LogStart
    ledger: ArchiveLedger
    objects: ObjectStore
    days: int
    stopped: Callable[[], bool] = lambda: False

    def forget_old(self, now: int) -> int:
        """Delete what is too old by now; CorruptArtefact if the archive lacks what is next."""
        return keep_days(self.days, "old events left the table", self._forget_before)(now)

    def _forget_before(self, before: int) -> int:
        deleted = self._forget_restored(before)
        for segment in self.whole_ones(self.log.forgotten_through(), before):
            deleted += self._forget(segment.last)
        return deleted

    def _forget(self, through: int) -> int:
        deleted = 0
        while not self.stopped() and (found := self.start.forget(through, _AT_ONCE)):
            deleted += found
        return deleted

    def _forget_restored(self, before: int) -> int:
        # What a replay restored in part or read anew differs from the archive: it is not compared.
        forgotten = self.log.forgotten_through()
        if not self.log.read(0, forgotten, 1):
            return 0
        old = [one.last for one in self._old(0, before) if one.last <= forgotten]
        return self._forget(old[-1]) if old else 0

    def whole_ones(self, after: int, before: int) -> Iterator[Segment]:
        """The old segments whose objects hold all that the log has of them, until `stopped`."""
        for segment in self._old(after, before):
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

    def _old(self, after: int, before: int) -> Iterator[Segment]:
        """The archived segments that are wholly too old, up to the first that is not."""
        for segment in self.ledger.segments(after):
            name = ObjectName.parse(segment.key)
            if segment.sha256 is None or name is None or name.ends > before:
                return
            yield segment


def forget_early(events: EventRetention, registry: Registry, now: int) -> int:
    """Let events of dataset groups leave the table earlier than all, if their limits say so."""
    by_days: defaultdict[int, list[str]] = defaultdict(list)
    for group in registry.all(DatasetGroup):
        days = group.limits.event_days
        if days is not None and (events.days == 0 or days < events.days):
            by_days[days].append(group.name)
    done = "old events left the table early"
    return sum(
        keep_days(days, done, partial(_forget_of, events, groups))(now)
        for days, groups in by_days.items()
    )


def _forget_of(events: EventRetention, groups: list[str], before: int) -> int:
    early, deleted = events.log.left_early(), 0
    through = {group: early.get(group, 0) for group in groups}
    after = max(min(through.values()), events.log.forgotten_through())
    for segment in events.whole_ones(after, before):
        for group in (one for one in groups if through[one] < segment.last):
            while not events.stopped():
                found = events.start.forget_of(group, through[group], segment.last, _AT_ONCE)
                deleted += found
                if found < _AT_ONCE:
                    break
            through[group] = segment.last
    return deleted


def delete_archived(
    log: EventLog, start: LogStart, ledger: ArchiveLedger, days: int, before: int
) -> int:
    """Delete the archived objects whose events came in before, `days` ago; returns how many."""
    dropped, forgotten = 0, log.forgotten_through()
    # The last one stays: the ledger knows by it how far the log was archived.
    for segment in ledger.segments()[:-1]:
        name = ObjectName.parse(segment.key)
        # None goes while an event of it is in the table.
        if name is None or name.ends > before or segment.last > forgotten:
            break
        ledger.drop(segment, now=before + days * DAY)
        dropped += 1
    start.release_archived(before - _YEAR * DAY)
    return dropped


def delete_jobs(registry: Registry, kinds: Sequence[type[Resource]], before: int) -> int:
    """Delete the records of jobs that ended before; returns how many those were."""
    created = (version.created_at for version in registry.all(SolutionVersion))
    # An update of an older version would bring back what was erased, but for its record.
    oldest, deleted = min(created, default=before), 0
    for kind in kinds:
        limit = min(before, oldest) if kind is DataDeletionJob else before
        for job in list(registry.all(kind)):
            if job.status.is_settled and job.updated_at < limit:
                with suppress(Conflict, NotFound):  # another server was faster
                    registry.delete(kind, job.name)
                    deleted += 1
    return deleted


def delete_files(folder: Path, before: int) -> int:
    """Delete files, but no links, that came below a folder before, and folders empty then."""
    deleted, failed = 0, ""
    for top, _, names in os.walk(folder, topdown=False):
        for file in (Path(top) / name for name in names):
            try:
                # The last change, since a copy may have its original's time of writing.
                if not file.is_symlink() and file.lstat().st_ctime * SECOND < before:
                    file.unlink()
                    deleted += 1
            except FileNotFoundError:  # another server was faster
                continue
            except OSError as error:
                failed = f"{file} cannot be deleted: {error.strerror}"
        if deleted and Path(top) != folder:
            with suppress(OSError):  # it holds something
                Path(top).rmdir()
    if failed:  # after all else is deleted
        raise StorageUnavailable(failed)
    return deleted


def delete_objects(objects: ObjectStore, before: int) -> int:
    """Delete the objects that came into a store before; returns how many."""
    old = [one.key for one in objects.stored() if one.changed_at < before]
    for key in old:
        objects.delete(key)
    return len(old)
