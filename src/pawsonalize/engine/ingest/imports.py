"""Imports files of the three datasets into the log and the catalogue."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pawsonalize.domain.errors import InvalidInput, NotReady, reason_of
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, Event
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.engine.ingest.csv_files import (
    DETECTED,
    CsvRow,
    CsvTable,
    ImportReport,
    OnError,
    RowError,
    TextForm,
    unreported,
)
from pawsonalize.engine.ingest.csv_rows import (
    IMPORTED,
    EventReader,
    FileColumns,
    ItemReader,
    UserReader,
)
from pawsonalize.engine.ingest.datasets import Datasets
from pawsonalize.engine.ingest.job_files import SourceFile, Sources
from pawsonalize.kinds.datasets import (
    ACTION_ID,
    ITEM_ID,
    Dataset,
    DatasetImportJob,
    ImportMode,
    as_items,
    data_group,
    is_of_actions,
)
from pawsonalize.kinds.job_table import Progress, lease_of, silent
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Status, moved, new_resource_name
from pawsonalize.storage.animals.catalogue import Catalogue, Item, User
from pawsonalize.storage.events.event_log import EventLog

_ERRORS_IN_REPORT = 20
T = TypeVar("T")


class Loading:
    """Loads a table; `size` is that of its file, for the progress."""

    def __init__(
        self, table: CsvTable, size: int, on_error: OnError, on_progress: Progress
    ) -> None:
        self._table = table
        self._size = size
        self._on_error = on_error
        self._on_progress = on_progress
        self._rejected = 0
        self._first_errors: list[RowError] = []

    def run(
        self,
        dataset: DatasetType,
        convert: Callable[[CsvRow], T],
        store: Callable[[list[T]], int],
        chunk_rows: int,
    ) -> ImportReport:
        """Store what converts, in the file's order; `store` tells how many rows were new."""
        good = accepted = 0
        for chunk in self._chunks(convert, chunk_rows):
            good += len(chunk)
            accepted += store(chunk)
            self._on_progress(self._table.bytes_read, self._size)
        duplicates = good - accepted
        return ImportReport(
            dataset, accepted, duplicates, self._rejected, tuple(self._first_errors)
        )

    def _chunks(self, convert: Callable[[CsvRow], T], chunk_rows: int) -> Iterator[list[T]]:
        chunk: list[T] = []
        for row in self._table.rows():
            if isinstance(row, RowError):
                self._reject(row)
                continue
            try:
                chunk.append(convert(row))
            except InvalidInput as error:
                self._reject(RowError(row.line, error.field, error.message))
            if len(chunk) == chunk_rows:
                yield chunk
                chunk = []
        yield chunk

    def _reject(self, error: RowError) -> None:
        self._rejected += 1
        if len(self._first_errors) < _ERRORS_IN_REPORT:
            self._first_errors.append(error)
        self._on_error(error)


CHUNK_ROWS = 10_000


class Importer:
    """Imports CSV; `received_at` is the moment of the import.

    Each chunk of rows is one transaction. An import that died is resumed by running it again:
    rows that are there already are counted as duplicates.
    """

    def __init__(
        self,
        log: EventLog,
        catalogue: Catalogue,
        *,
        received_at: int,
        chunk_rows: int = CHUNK_ROWS,
        dataset_group: str = DEFAULT_DATASET_GROUP,
    ) -> None:
        self._log = log
        self._catalogue = catalogue.of(dataset_group)
        self._dataset_group = dataset_group
        self._received_at = received_at
        self._chunk_rows = chunk_rows

    def import_file(
        self,
        dataset: DatasetType,
        path: Path,
        schema: Schema | None = None,
        *,
        form: TextForm = DETECTED,
        on_error: OnError = unreported,
        on_progress: Progress = silent,
    ) -> ImportReport:
        """Import a file; `on_progress` gets the bytes read and the file's size.

        InvalidInput if the file cannot be opened, is empty or lacks a required column. What is
        wrong with a row goes to `on_error` and costs that row alone.
        """
        try:
            stream = path.open("rb")
        except OSError as error:
            raise InvalidInput(f"cannot open {path}: {error.strerror}", field="path") from error
        with stream:
            return self.import_stream(
                dataset,
                stream,
                schema,
                form=form,
                size=path.stat().st_size,
                on_error=on_error,
                on_progress=on_progress,
            )

    def import_stream(
        self,
        dataset: DatasetType,
        stream: BinaryIO,
        schema: Schema | None = None,
        *,
        form: TextForm = DETECTED,
        size: int = 0,
        on_error: OnError = unreported,
        on_progress: Progress = silent,
    ) -> ImportReport:
        """Import what a binary stream holds; otherwise as `import_file`."""
        table = CsvTable(stream, form)
        if schema is not None and is_of_actions(dataset):
            schema = as_items(schema)
            dataset = schema.dataset
            table.rename(ACTION_ID, ITEM_ID)
        columns = FileColumns.match(table.header, dataset, schema)
        if schema is not None:
            self._catalogue.put_schema(schema)
        loading = Loading(table, size, on_error, on_progress)
        rows = self._chunk_rows
        match dataset:
            case DatasetType.INTERACTIONS:
                events = EventReader(columns, self._received_at, self._dataset_group)
                return loading.run(dataset, events.read, self._store_events, rows)
            case DatasetType.ITEMS:
                return loading.run(dataset, ItemReader(columns).read, self._store_items, rows)
            case DatasetType.USERS:
                return loading.run(dataset, UserReader(columns).read, self._store_users, rows)
            case _:
                raise InvalidInput(f"{dataset} are imported with their schema: give it")

    def _store_events(self, events: list[Event]) -> int:
        return sum(self._log.append(events))

    def _store_items(self, items: list[Item]) -> int:
        self._catalogue.put_items(items)
        return len(items)

    def _store_users(self, users: list[User]) -> int:
        self._catalogue.put_users(users)
        return len(users)


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
