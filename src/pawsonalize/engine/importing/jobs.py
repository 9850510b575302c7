"""An import as a resource: what was imported when, and what became of it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pawsonalize.domain.errors import Conflict, InvalidInput, NotReady
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.engine.datasets import Datasets
from pawsonalize.engine.importing.columns import Columns
from pawsonalize.engine.importing.csv_rows import CsvTable
from pawsonalize.engine.importing.importer import Importer
from pawsonalize.engine.importing.interactions import IMPORTED
from pawsonalize.engine.importing.report import Report
from pawsonalize.engine.importing.sources import SourceFile, Sources
from pawsonalize.engine.names import new_resource_name
from pawsonalize.engine.resources.datasets import Dataset, DatasetImportJob, ImportMode
from pawsonalize.engine.resources.defaults import dataset_name
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.resource import moved
from pawsonalize.engine.resources.status import Status
from pawsonalize.engine.solutions.locks import held, is_held

_PATIENCE_SECONDS = 0.2
_RECENT = 50
_ERRORS_KEPT = 20


@dataclass(frozen=True, slots=True)
class ImportJobs:
    """Import jobs of any dataset, done one after the other by whoever calls `work`.

    Who does one holds the lock of its name in `folder`, so that a dead one is recognised.
    """

    datasets: Datasets
    sources: Sources
    folder: Path
    now: Callable[[], int]
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def _registry(self) -> Registry:
        return self.datasets.registry

    def create(
        self,
        name: str,
        dataset: str,
        location: str,
        mode: ImportMode = ImportMode.FULL,
        *,
        tags: Mapping[str, str] | None = None,
        asked: Mapping[str, Any] | None = None,
    ) -> DatasetImportJob:
        """Write down what to import; CREATE PENDING. InvalidInput for a location out of reach."""
        self.sources.files(location)
        job = DatasetImportJob(
            name=name,
            status=Status.CREATE_PENDING,
            dataset=dataset,
            source=location,
            mode=mode,
            tags=tags or {},
            asked=asked or {},
        )
        return self._registry.create(job, self.now())

    def work(self) -> bool:
        """Do the job that waits for longest, if one does; those that died have failed from now on.

        What goes wrong is said by the job. True if one was done.
        """
        open_ones = [
            job
            for job in self._registry.page(DatasetImportJob, _RECENT)
            if not job.status.is_settled
        ]
        for job in reversed(open_ones):
            if job.status is Status.CREATE_PENDING and not self.stopping.is_set():
                return self._done(job)
            settle_dead(self._registry, self.folder, job, self.now())
        return False

    def _done(self, job: DatasetImportJob) -> bool:
        with lock_of(self.folder, job.name) as taken:
            if not taken:
                return False
            try:
                job = self._registry.update(moved(job, Status.CREATE_IN_PROGRESS), self.now())
            except Conflict:  # another server was faster
                return False
            try:
                reports = self._imported(job)
            except Exception as error:  # noqa: BLE001 - the job says what it was
                reason = str(error) or repr(error)
                failed = moved(job, Status.CREATE_FAILED, failure_reason=reason)
                self._registry.update(failed, self.now())
            else:
                self._registry.update(_settled(job, reports), self.now())
        return True

    def _imported(self, job: DatasetImportJob) -> list[tuple[str, Report]]:
        dataset = self._registry.get(Dataset, job.dataset)
        schema = self.datasets.schema(dataset)
        files = self.sources.files(job.source)
        for file in files:  # before anything is replaced
            _check_header(file, dataset.dataset_type, schema)
        if job.mode is ImportMode.FULL:
            self._erase(dataset)
        importer = Importer(
            self.datasets.log,
            self.datasets.catalogue,
            received_at=self.now(),
            dataset_group=dataset.dataset_group,
        )
        reports = []
        for file in files:
            with file.open() as stream:
                report = importer.import_stream(
                    dataset.dataset_type, stream, schema, on_progress=self._end_if_stopping
                )
            reports.append((file.name, report))
        return reports

    def _erase(self, dataset: Dataset) -> None:
        """What was imported before; events that were sent stay."""
        catalogue = self.datasets.catalogue.of(dataset.dataset_group)
        match dataset.dataset_type:
            case DatasetType.INTERACTIONS:
                self.datasets.log.of(dataset.dataset_group).erase(IMPORTED)
            case DatasetType.ITEMS:
                catalogue.erase_items()
            case DatasetType.USERS:
                catalogue.erase_users()

    def _end_if_stopping(self, _done: int, _total: int) -> None:
        if self.stopping.is_set():
            raise NotReady("the server was stopped meanwhile: create the import job again")


def _check_header(file: SourceFile, dataset_type: DatasetType, schema: Schema) -> None:
    with file.open() as stream:
        try:
            Columns.match(CsvTable(stream).header, dataset_type, schema)
        except InvalidInput as error:
            raise InvalidInput(f"{file.name}: {error.message}", field=error.field) from error


def _settled(job: DatasetImportJob, reports: Sequence[tuple[str, Report]]) -> DatasetImportJob:
    """The job with what became of its rows; it failed if not one of them was good."""
    errors = tuple(
        f"{name}, line {error.line}{f', {error.column}' if error.column else ''}: {error.reason}"
        for name, report in reports
        for error in report.first_errors
    )[:_ERRORS_KEPT]
    good = sum(report.accepted + report.duplicates for _, report in reports)
    status = Status.ACTIVE if good or not errors else Status.CREATE_FAILED
    return moved(
        job,
        status,
        accepted=sum(report.accepted for _, report in reports),
        duplicates=sum(report.duplicates for _, report in reports),
        rejected=sum(report.rejected for _, report in reports),
        errors=errors,
        failure_reason=None if status is Status.ACTIVE else f"no row is good; {errors[0]}",
    )


@contextmanager
def lock_of(folder: Path, job: str) -> Iterator[bool]:
    """The job's lock, held while the block runs; False if somebody else does the job."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{job}.lock"
    with held(path, patience=_PATIENCE_SECONDS) as lock:
        try:
            yield lock is not None
        finally:
            if lock is not None:
                path.unlink(missing_ok=True)


def settle_dead(registry: Registry, folder: Path, job: DatasetImportJob, now: int) -> None:
    """A job in work that nobody does any more has failed."""
    if is_held(folder / f"{job.name}.lock"):
        return
    job = registry.get(DatasetImportJob, job.name)  # it may have ended in between
    if job.status is Status.CREATE_IN_PROGRESS:
        reason = "the import's process ended without a word: import it again"
        with suppress(Conflict):  # somebody else looked at the same moment
            registry.update(moved(job, Status.CREATE_FAILED, failure_reason=reason), now)


def run_import_job(
    registry: Registry,
    folder: Path,
    dataset_type: DatasetType,
    source: str,
    work: Callable[[], Report],
    now: Callable[[], int],
) -> Report:
    """Do the work as an import job into the default dataset of the type; its failure is raised."""
    dataset = dataset_name(dataset_type)
    name = new_resource_name(f"{dataset}-import", now())
    with lock_of(folder, name):
        job = registry.create(
            DatasetImportJob(
                name=name, status=Status.CREATE_IN_PROGRESS, dataset=dataset, source=source
            ),
            now(),
        )
        try:
            report = work()
        except BaseException as error:  # an interruption ends it as well
            reason = str(error) or repr(error)
            registry.update(moved(job, Status.CREATE_FAILED, failure_reason=reason), now())
            raise
        done = moved(
            job,
            Status.ACTIVE,
            accepted=report.accepted,
            duplicates=report.duplicates,
            rejected=report.rejected,
        )
        registry.update(done, now())
    return report
