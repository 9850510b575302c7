"""Erases visitors: what is written down once is done step by step, until all of it is done."""

import gzip
import os
import re
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from pawsonalize.core.errors import (
    Conflict,
    InvalidInput,
    LeaseLost,
    NoSuchBucket,
    NotFound,
    PawsonalizeError,
)
from pawsonalize.core.forms.csv_files import CsvRow, CsvTable
from pawsonalize.core.limits import parse_id
from pawsonalize.core.logs import get_logger
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.times import HOUR, MINUTE, SECOND
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.problems import Problems
from pawsonalize.events.erasure import erased_archive
from pawsonalize.events.erasure.erased_archive import NamedErasure
from pawsonalize.events.erasure.tables import STEPS, Erasure, ErasureTable, Trouble, VisitorRows
from pawsonalize.events.job_files import CSV, JSON_LINES, Sources
from pawsonalize.resources.datasets import DatasetImportJob
from pawsonalize.resources.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.resources.kind import Status, new_resource_name
from pawsonalize.resources.registry import Registry

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


_AT_ONCE = 100
ERASING = "erasing"
"""The lease that is held while erasures are done."""
_PATIENCE_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 5 * SECOND, HOUR
_WAIT = 10 * SECOND
_BEFORE_ANSWERS: Final = ("note", "tables")
# Steps that go by names, so these are forgotten after them.
_NEED_NAMES: Final = ("tables", "models", "files")

log = get_logger()


Purge = Callable[[Sequence[erased_archive.NamedErasure], erased_archive.Watch], Iterable[Trouble]]
"""Takes erased visitors out of files; yields what cannot be read."""


class ErasureSteps(msgspec.Struct, frozen=True):
    """Steps of erasures that other rooms and the tables do."""

    rows: VisitorRows
    archive: erased_archive.ErasedArchive
    plugins: Sequence[erased_archive.VisitorObjects]
    """Archived data of plugins."""
    notes: erased_archive.ErasureNotes
    purges: Sequence[Purge]
    """Function that takes visitors out of the data that trainings keep."""
    files: VisitorFiles
    remove_remains: Callable[[Collection[str] | None], object]
    """Removes what a database left of deleted names; of all names, for None."""


class _Stopped(Exception):
    """The process is to end."""


class Erasing:
    """Notes erasures and does them; any process of any server goes on where another one ended."""

    def __init__(
        self,
        table: ErasureTable,
        steps: ErasureSteps,
        problems: Problems,
        leases: Leases,
        now: Callable[[], int],
        *,
        watch: erased_archive.Watch = erased_archive.ignore_progress,
    ) -> None:
        self.table, self._steps, self._problems = table, steps, problems
        self._leases, self._now, self._report = leases, now, watch
        self._looked = self._swept = False
        self._fault: PawsonalizeError | None = None
        self._look_again_at = 0
        self._stopping = threading.Event()

    def erase_user(self, user_id: str, dataset_group: str) -> Erasure:
        """Note a user's erasure, with all sessions; it is done in the background."""
        return self._noted(dataset_group, users=(user_id,))

    def erase_session(self, session_id: str, dataset_group: str) -> Erasure:
        """Note the erasure of a visitor who has but a session; Conflict if it is a user's."""
        return self._noted(dataset_group, visits=(session_id,))

    def _noted(
        self, dataset_group: str, users: Sequence[str] = (), visits: Sequence[str] = ()
    ) -> Erasure:
        erasure_id = new_resource_name("erasure", self._now())
        self.table.note(erasure_id, dataset_group, self._now(), users=users, visits=visits)
        self._report("noted")
        noted = self.table.get(erasure_id)
        assert noted is not None
        return noted

    def stop(self) -> None:
        """Leave what is being done to the next process, within a moment."""
        self._stopping.set()

    def catch_up(self) -> None:
        """Before the first answer: take out of the tables whoever an older copy brought back."""
        if self._looked:
            return
        # Every answer waits for this, so a failure is repeated for a minute without a new look.
        if self._fault is not None and self._now() < self._look_again_at:
            raise self._fault.with_traceback(None)
        try:
            if erased_archive.reopen_undone(self.table, self._steps.notes, self._now):
                # The first steps of all that is due; the others are done in the background.
                due = [one for one in self.table.due(self._now()) if not one.has_done("tables")]
                for start in range(0, len(due), _AT_ONCE):
                    self._do(due[start : start + _AT_ONCE], _BEFORE_ANSWERS)
        except PawsonalizeError as error:
            self._fault, self._look_again_at = error, self._now() + MINUTE
            raise
        self._looked = True

    def work(self) -> bool:
        """Do the erasures that are due; True if there were any. Failures stand in their records."""
        is_caught_up = self._looked and self._swept
        if is_caught_up and not self.table.due(self._now(), 1):  # most often
            return False
        with self._leases.held(ERASING) as lease:
            if lease is None:
                return False
            try:
                was_due = self._attempt_due()
                if not is_caught_up:
                    self.catch_up()
                    self._sweep()
                    was_due |= self._attempt_due()
            except (_Stopped, LeaseLost):  # the next process goes on
                return True
        return was_due

    def _attempt_due(self) -> bool:
        due = self.table.due(self._now(), _AT_ONCE)
        self._attempt(due)
        return bool(due)

    def _sweep(self) -> None:
        """Once: clean objects that came back with an older copy of the archive."""
        erased = self._steps.archive.erased
        if not self._swept and erased.last_noted() >= 0:
            events = self._steps.archive.erase((), self._watch) if erased.through() else ()
            others = (one.erase((), (), self._watch) for one in self._steps.plugins)
            for trouble in chain(events, *others):
                log.warning("damaged", object=trouble.place)
        self._swept = True

    def attempt(self, erasure_id: str) -> Erasure | None:
        """Do one erasure here and now, unless another process is at it; as it is then."""
        with self._leases.held(ERASING, patience=_PATIENCE_SECONDS) as lease:
            if lease is not None:
                self._attempt(self.table.due(self._now(), only=erasure_id))
        return self.table.get(erasure_id)

    def _watch(self, done: str) -> None:
        if self._stopping.is_set():
            raise _Stopped
        self._report(done)

    def _attempt(self, due: Sequence[Erasure]) -> None:
        after, troubles = self._do(self.table.begin(due), STEPS)
        for one in after:
            self._settle(one, troubles.get(one.erasure_id, ()))

    def _do(
        self, claimed: Sequence[Erasure], steps: Sequence[str]
    ) -> tuple[list[Erasure], dict[str, list[Trouble]]]:
        """Do the steps that are not done, as far as they can be; the erasures then, and why not."""
        erasures = {one.erasure_id: one for one in claimed}
        troubles: dict[str, list[Trouble]] = {}
        forgotten: set[str] | None = set()
        for step in steps:
            due = [one for one in erasures.values() if not one.has_done(step)]
            if step == "names":
                due = [one for one in due if all(map(one.has_done, _NEED_NAMES))]
                forgotten = self._names_of(erasures.values(), due)
            elif step == "remains":
                due = [one for one in due if one.has_done("names")]
            if not due:
                continue
            found = self._try(step, due, forgotten)
            for one in due:
                if found:
                    troubles.setdefault(one.erasure_id, []).extend(found)
                else:
                    erasures[one.erasure_id] = one.after(step, self._now())
        return list(erasures.values()), troubles

    def _names_of(self, claimed: Iterable[Erasure], due: Iterable[Erasure]) -> set[str] | None:
        """The names about to be forgotten; None if some were forgotten and may yet remain."""
        if any(one.has_done("names") and not one.has_done("remains") for one in claimed):
            return None
        return {name for one in due for name in self.table.names(one.erasure_id).all}

    def _try(self, step: str, due: Sequence[Erasure], forgotten: set[str] | None) -> list[Trouble]:
        """Do a step and mark it as done; or why it is not."""
        try:
            found = list(self._perform(step, due, forgotten))
            if not found:
                self.table.mark(due, step, self._now())
                self._watch(step)
        except (_Stopped, LeaseLost):
            raise
        except PawsonalizeError as error:
            return [Trouble(step, error.message)]
        except Exception as error:
            log.error("an erasure failed", step=step, exc_info=error)
            return [Trouble(step, f"{type(error).__name__} (the log of the server has all of it)")]
        return found

    def _perform(
        self, step: str, due: Sequence[Erasure], forgotten: set[str] | None
    ) -> Iterable[Trouble]:
        match step:
            case "note":
                self._note(due)
            case "tables":
                self._find_names(due)
                for one in due:
                    self._steps.rows.erase(one, self.table.names(one.erasure_id))
                    self._report("rows deleted")
            case "archive":
                yield from self._erase_archived(due)
            case "models":
                named = self._named(due)
                yield from chain.from_iterable(
                    one(named, self._watch) for one in self._steps.purges
                )
            case "files":
                named = self._named(due)
                for about in named:
                    self.table.found_files(about.erasure, self._steps.files.find(about))
                yield from self._steps.files.jobs_at_work(named)
            case "names":
                self.table.forget_names(due, self._now())
            case "remains":
                self._steps.remove_remains(forgotten)

    def _note(self, due: Sequence[Erasure]) -> None:
        for one in due:
            visitors = self.table.visitors(one.erasure_id)
            note = erased_archive.ErasureNote(
                one.dataset_group, one.through, visitors, one.noted_at
            )
            self._steps.notes.put(one.erasure_id, note)
            self._report("note written")

    def _erase_archived(self, due: Sequence[Erasure]) -> Iterable[Trouble]:
        visitors = frozenset[str]().union(*(self.table.visitors(one.erasure_id) for one in due))
        named = [one for one in self._named(due) if one.names.all]
        yield from self._steps.archive.erase(visitors, self._watch)
        for one in self._steps.plugins:
            yield from one.erase(visitors, named, self._watch)

    def _find_names(self, due: Sequence[Erasure]) -> None:
        """Look in the tables for the names of those who came of a note, all in one go."""
        unnamed = {one.erasure_id: self.table.unnamed_hashes(one.erasure_id) for one in due}
        for group in {one.dataset_group for one in due if unnamed[one.erasure_id]}:
            mine = (one.erasure_id for one in due if one.dataset_group == group)
            wanted = {erasure_id: unnamed[erasure_id] for erasure_id in mine}
            found = self._steps.rows.find(group, set[str]().union(*wanted.values()))
            for erasure_id, visitors in wanted.items():
                self.table.learn(erasure_id, [one for one in found if one[2] in visitors])

    def _named(self, erasures: Iterable[Erasure]) -> list[erased_archive.NamedErasure]:
        return [
            erased_archive.NamedErasure(one, self.table.names(one.erasure_id)) for one in erasures
        ]

    def _settle(self, one: Erasure, troubles: Sequence[Trouble]) -> None:
        now, name = self._now(), f"erasure {one.erasure_id}"
        if all(map(one.has_done, STEPS)):
            self.table.settle(one, (), None, now)
            self._problems.clear(name, now)
            log.info("erased", erasure=one.erasure_id)
            self._report("done")
            return
        if all(trouble.waits for trouble in troubles):
            self.table.settle(one, troubles, now + _WAIT, now)
            return
        # After 16 doublings the pause is the longest in any case.
        pause = min(_FIRST_PAUSE * 2 ** min(one.attempts, 16), _LONGEST_PAUSE)
        self.table.settle(one, troubles, now + pause, now)
        reasons = "; ".join(f"{each.place}: {each.reason}" for each in troubles if not each.waits)
        message = (
            f"the erasure {one.erasure_id} is not complete: {reasons}. It is tried again; see"
            f" `pawsonalize erasures show {one.erasure_id}`"
        )
        self._problems.report(name, message, now)
