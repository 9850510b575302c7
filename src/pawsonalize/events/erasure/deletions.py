"""Data deletion jobs: lists of users to erase. Each becomes erasures, which say how far it is."""

import gzip
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pawsonalize.core.errors import Conflict, InvalidInput, NoSuchBucket, NotFound
from pawsonalize.core.forms.csv_files import CsvRow, CsvTable
from pawsonalize.core.limits import parse_id
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.events.erasure.erased_archive import NamedErasure
from pawsonalize.events.erasure.tables import Erasure, ErasureTable, Trouble
from pawsonalize.events.job_files import CSV, JSON_LINES, Sources
from pawsonalize.resources.datasets import DatasetImportJob
from pawsonalize.resources.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.resource import Status

_KINDS = (DatasetExportJob, BatchInferenceJob, BatchSegmentJob)
_WORD = re.compile(rb"[^\s,;|\"'{}\[\]:]+")
_BREAKS = re.compile(rb"[\s,;|\"'{}\[\]:]")
_LOCATIONS = ("source", "target")


class VisitorFiles(msgspec.Struct, frozen=True):
    """The folders that jobs read and write, buckets `shared` for them, and the jobs."""

    registry: Registry
    folders: tuple[Path, ...]
    shared: tuple[tuple[str, ObjectStore], ...] = ()

    def find(self, one: NamedErasure) -> Iterator[str]:
        """Files in which a name stands, and the buckets that jobs name, which are not read."""
        names = {name.encode() for name in one.names.all}
        for folder in self.folders if names else ():
            for path in _files(folder):
                if _holds(path, names):
                    yield str(path)
        for url, store in self.shared if names else ():
            for key in list(store.list()):
                with tempfile.TemporaryDirectory() as scratch, suppress(NotFound):  # since deleted
                    file = Path(scratch) / key.rpartition("/")[2]
                    store.fetch(key, file)
                    if _holds(file, names):
                        yield f"{url}/{key}"
        yield from self._buckets()

    def jobs_at_work(self, erasures: Sequence[NamedErasure]) -> Iterator[Trouble]:
        """Jobs that may have read what was erased, and still write."""
        erased_at = max(one.erasure.tables_at or one.erasure.noted_at for one in erasures)
        for kind in _KINDS:
            for job in self.registry.all(kind):
                if not job.status.is_settled and job.created_at <= erased_at:
                    yield Trouble(job.name, f"the {kind.kind} must end first", waits=True)

    def _buckets(self) -> set[str]:
        return {
            f"{location} (not looked into)"
            for kind in (*_KINDS, DatasetImportJob, DataDeletionJob)
            for job in self.registry.all(kind)
            for name in _LOCATIONS
            if (location := str(getattr(job, name, None) or "")).startswith("s3://")
            and not any(f"{location}/".startswith(f"{url}/") for url, _ in self.shared)
        }


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _holds(path: Path, names: set[bytes]) -> bool:
    """True if a line has one of the names as a whole word; a name may have several words."""
    if path.suffix == ".parquet":
        return True  # no line of text: what was exported before is for people to write again
    several = [name for name in names if _BREAKS.search(name)]
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            return any(
                not names.isdisjoint(_WORD.findall(line)) or any(one in line for one in several)
                for line in lines
            )
    except (OSError, EOFError):
        return True  # people have to look at a file that cannot be read


_USERS_AT_ONCE = 10_000  # of one erasure, which is written down in one transaction
_RECENT = 50


class Deletions(msgspec.Struct, frozen=True):
    """Turns the jobs into erasures, whichever process looks, and settles them."""

    registry: Registry
    sources: Sources
    table: ErasureTable
    now: Callable[[], int]

    def check(self, job: DataDeletionJob) -> None:
        """InvalidInput for a location out of reach."""
        if job.source is not None:
            self.sources.files(job.source, CSV + JSON_LINES)

    def catch_up(self) -> None:
        """Begin what was left undone, however long ago."""
        # A job of old has names in it, and has failed for good if its process was killed.
        self._look(self.registry.all(DataDeletionJob))

    def look(self) -> None:
        """Begin new jobs, and settle those whose erasures are done."""
        self._look(self.registry.page(DataDeletionJob, _RECENT))

    def _look(self, jobs: Iterable[DataDeletionJob]) -> None:
        for job in [one for one in jobs if not one.status.is_settled or one.user_ids]:
            parts = self.table.of_job(_prefix(job))
            if parts and not job.user_ids and job.status is Status.CREATE_IN_PROGRESS:
                self._settle(job, parts)
            else:
                self._begin(job)

    def _begin(self, job: DataDeletionJob) -> None:
        """Note every user of the job; if a file cannot be read, none, and the job has failed."""
        status, reason = Status.CREATE_IN_PROGRESS, None
        try:
            # All files are good before anybody is noted.
            if not sum(map(len, self._users(job))):
                status = Status.ACTIVE
            for place, users in enumerate(self._users(job)):
                erasure_id = f"{_prefix(job)}{place:06d}"
                self.table.note(erasure_id, job.dataset_group, self.now(), users=users)
        except (InvalidInput, NoSuchBucket) as error:
            status, reason = Status.CREATE_FAILED, error.message
        begun = msgspec.structs.replace(job, status=status, failure_reason=reason, user_ids=())
        with suppress(Conflict):  # another server did the same
            self.registry.update(begun, self.now())

    def _settle(self, job: DataDeletionJob, parts: Sequence[Erasure]) -> None:
        deleted = sum(one.deleted for one in parts)
        is_done = all(one.done_at is not None for one in parts)
        if is_done or deleted != job.deleted:
            status = Status.ACTIVE if is_done else job.status
            settled = msgspec.structs.replace(job, status=status, deleted=deleted)
            with suppress(Conflict):
                self.registry.update(settled, self.now())

    def _users(self, job: DataDeletionJob) -> Iterator[list[str]]:
        if job.user_ids:
            yield list(job.user_ids)
        for file in self.sources.files(job.source, CSV + JSON_LINES) if job.source else ():
            with file.open() as stream:
                reading = _of_csv if file.name.lower().endswith(CSV) else _of_json_lines
                users = reading(file.name, stream)
                while part := list(islice(users, _USERS_AT_ONCE)):
                    yield part


def _prefix(job: DataDeletionJob) -> str:
    """Return the prefix of its erasures' ids."""
    # With the moment, as another job may get the name once this one is deleted.
    return f"{job.name}-{job.created_at}-"


def _of_csv(name: str, stream: BinaryIO) -> Iterator[str]:
    table = CsvTable(stream)
    if "USER_ID" not in table.header:
        raise InvalidInput(f"{name} lacks the column USER_ID", field="USER_ID")
    place = table.header.index("USER_ID")
    for row in table.rows():
        if not isinstance(row, CsvRow):
            raise InvalidInput(f"{name}, line {row.line}: {row.reason}")
        yield parse_id(row.values[place].strip(), f"{name}, line {row.line}: USER_ID")


def _of_json_lines(name: str, stream: BinaryIO) -> Iterator[str]:
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        where = f"{name}, line {line}"
        try:
            given = msgspec.json.decode(text, type=Mapping[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{where}: must be a JSON object with a userId") from error
        yield parse_id(given.get("userId", given.get("USER_ID")), f"{where}: userId")
