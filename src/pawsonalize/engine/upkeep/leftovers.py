"""Deletion of what work leaves behind: records of jobs, and files that jobs read or wrote."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import Conflict, NotFound, StorageUnavailable
from pawsonalize.domain.times import DAY, SECOND
from pawsonalize.kinds.jobs import DataDeletionJob
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.solutions import SolutionVersion

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobRetention:
    """Deletes records of jobs that ended more than `days` ago; 0 keeps them.

    The record of an erasure stays as long as there is a version that was created before: an update
    of that version would bring back what was erased.
    """

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
    """Deletes files below a folder that came there more than `days` ago; 0 keeps them.

    The time of the last change says when; a copy may have its original's time of writing. Links are
    left alone, and so is all that they lead to.
    """

    folder: Path
    days: int

    def delete_old(self, now: int) -> int:
        """Delete what is too old by now, and folders that are empty then; returns how many files.

        StorageUnavailable if something cannot be deleted, after all else is.
        """
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
        if failed:
            raise StorageUnavailable(failed)
        return deleted

    def _delete(self, file: Path, now: int) -> bool:
        try:
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
