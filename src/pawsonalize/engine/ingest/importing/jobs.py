"""Imports as resources: what was imported when, and the result."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pawsonalize.domain.errors import InvalidInput, NotReady, reason_of
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.engine.ingest.datasets import Datasets
from pawsonalize.engine.ingest.importing.columns import FileColumns
from pawsonalize.engine.ingest.importing.csv_rows import CsvTable, ImportReport
from pawsonalize.engine.ingest.importing.importer import Importer
from pawsonalize.engine.ingest.importing.rows import IMPORTED
from pawsonalize.engine.ingest.job_files import SourceFile, Sources
from pawsonalize.kinds.datasets import Dataset, DatasetImportJob, ImportMode, data_group
from pawsonalize.kinds.job_table import lease_of
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Status, moved, new_resource_name

_ERRORS_KEPT = 20


@dataclass(frozen=True, slots=True)
class Imports:
    """Does import jobs of any dataset, for the job table."""

    datasets: Datasets
    sources: Sources
    now: Callable[[], int]
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the server stops."""

    def check(self, job: DatasetImportJob) -> None:
        """InvalidInput for a location out of reach."""
        self.sources.files(job.source)

    def perform(self, job: DatasetImportJob) -> dict[str, Any]:
        """Import the files; returns the counts, and the first errors."""
        return _outcome(self._imported(job))

    def _imported(self, job: DatasetImportJob) -> list[tuple[str, ImportReport]]:
        dataset = self.datasets.registry.get(Dataset, job.dataset)
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
            dataset_group=data_group(dataset.dataset_group, dataset.dataset_type),
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
        """Delete what was imported before; events that were sent stay."""
        group = data_group(dataset.dataset_group, dataset.dataset_type)
        catalogue = self.datasets.catalogue.of(group)
        match dataset.dataset_type:
            case DatasetType.INTERACTIONS | DatasetType.ACTION_INTERACTIONS:
                self.datasets.log.of(group).erase(IMPORTED)
            case DatasetType.ITEMS | DatasetType.ACTIONS:
                catalogue.erase_items()
            case DatasetType.USERS:
                catalogue.erase_users()

    def _end_if_stopping(self, _done: int, _total: int) -> None:
        if self.stopping.is_set():
            raise NotReady("the server stops: the job is begun anew")


def _check_header(file: SourceFile, dataset_type: DatasetType, schema: Schema) -> None:
    with file.open() as stream:
        try:
            FileColumns.match(CsvTable(stream).header, dataset_type, schema)
        except InvalidInput as error:
            raise InvalidInput(f"{file.name}: {error.message}", field=error.field) from error


def _outcome(reports: Sequence[tuple[str, ImportReport]]) -> dict[str, Any]:
    """The result of the rows; the job failed if not one of them was good."""
    errors = tuple(
        f"{name}, line {error.line}{f', {error.column}' if error.column else ''}: {error.reason}"
        for name, report in reports
        for error in report.first_errors
    )[:_ERRORS_KEPT]
    good = sum(report.accepted + report.duplicates for _, report in reports)
    outcome: dict[str, Any] = {
        "accepted": sum(report.accepted for _, report in reports),
        "duplicates": sum(report.duplicates for _, report in reports),
        "rejected": sum(report.rejected for _, report in reports),
        "errors": errors,
    }
    if errors and not good:
        outcome["status"] = Status.CREATE_FAILED
        outcome["failure_reason"] = f"no row is good; {errors[0]}"
    return outcome


def run_import_job(
    registry: Registry,
    leases: Leases,
    dataset: str,
    source: str,
    work: Callable[[], ImportReport],
    now: Callable[[], int],
) -> ImportReport:
    """Do the work as an import job into the dataset of that name; raises its error."""
    job = DatasetImportJob(
        name=new_resource_name(f"{dataset}-import", now()),
        status=Status.CREATE_IN_PROGRESS,
        dataset=dataset,
        source=source,
    )
    with leases.held(lease_of(job)):
        job = registry.create(job, now())
        try:
            report = work()
        except BaseException as error:  # an interruption ends it as well
            reason = reason_of(error)
            registry.update(moved(job, Status.CREATE_FAILED, failure_reason=reason), now())
            raise
        outcome = _outcome([(Path(source).name, report)])
        status = outcome.pop("status", Status.ACTIVE)
        registry.update(moved(job, status, **outcome), now())
    return report
