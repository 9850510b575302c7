"""Files of datasets: imports into the log and the catalogue, and exports."""

import csv
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO

import msgspec

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.errors import InvalidInput, NotReady, reason_of
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, NOTHING, Event
from pawsonalize.core.forms import csv_files
from pawsonalize.core.forms.csv_files import no_formula
from pawsonalize.core.schemas import REQUIRED_FIELDS, DatasetType, Schema
from pawsonalize.core.times import SECOND, iso
from pawsonalize.core.work.leases import Leases
from pawsonalize.events.datasets import (
    ANIMAL,
    Datasets,
    EventReader,
    FileColumns,
    item_reader,
    user_reader,
)
from pawsonalize.events.foreign_logs import LogOptions
from pawsonalize.events.job_files import Outputs, Sources
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.datasets import (
    ACTION_ID,
    ITEM_ID,
    Dataset,
    DatasetImportJob,
    ImportMode,
    as_items,
    data_group,
    is_of_actions,
)
from pawsonalize.resources.filters import number_text
from pawsonalize.resources.job_table import Progress, lease_of, silent
from pawsonalize.resources.jobs import DatasetExportJob, IngestionMode
from pawsonalize.resources.kind import Status, moved, new_resource_name
from pawsonalize.resources.registry import Registry

_ERRORS_KEPT = 20  # by report: if every row is wrong, the first few say why
_VALUE_CHARS = 80
CHUNK_ROWS = 10_000  # in one transaction, for which events that are sent wait


def load_rows(
    table: csv_files.CsvTable,
    dataset: DatasetType,
    convert: Callable[[csv_files.CsvRow], object],
    store: Callable[[list[object]], int | None],
    *,
    chunk_rows: int = CHUNK_ROWS,
    size: int = 0,
    on_error: csv_files.OnError = lambda _: None,
    on_progress: Progress = silent,
) -> csv_files.ImportReport:
    """Store what converts, in the file's order; `store` tells how many were new, if not all."""
    errors: list[csv_files.RowError] = []
    rejected = good = accepted = 0

    def converted() -> Iterator[object]:
        nonlocal rejected
        for row in table.rows():
            error = row
            if isinstance(row, csv_files.CsvRow):
                try:
                    yield convert(row)
                    continue
                except InvalidInput as wrong:  # it costs this row alone
                    name = wrong.field or ""
                    value = dict(zip(table.header, row.values, strict=True)).get(name)
                    value = value and value[:_VALUE_CHARS]
                    column = table.renamed.get(name, wrong.field)
                    error = csv_files.RowError(row.line, column, wrong.message, value)
            assert isinstance(error, csv_files.RowError)
            rejected += 1
            if rejected <= _ERRORS_KEPT:
                errors.append(error)
            on_error(error)

    rows = converted()
    while True:
        chunk = list(islice(rows, chunk_rows))
        good += len(chunk)
        new = store(chunk)
        accepted += len(chunk) if new is None else new
        on_progress(table.bytes_read, size)
        # Fewer rows than wanted: the file has ended.
        if len(chunk) < chunk_rows:
            columns = (table.renamed, table.note, dict(table.left_out))
            return csv_files.ImportReport(
                dataset, accepted, good - accepted, rejected, tuple(errors), *columns
            )


class DryRun(msgspec.Struct):
    """The users and items of the rows of a file, and the moments of its first and last event."""

    users: set[str] = msgspec.field(default_factory=set)
    items: set[str] = msgspec.field(default_factory=set)
    moments: list[int] = []

    def add(self, rows: list[Any]) -> None:
        """Count rows, and store nothing."""
        self.users.update(row.user_id for row in rows if not isinstance(row, Item))
        self.items.update(row.item_id for row in rows if not isinstance(row, User))
        moments = [*self.moments, *(row.sent_at for row in rows if isinstance(row, Event))]
        self.moments = [min(moments), max(moments)] if moments else []

    def reported(self, report: csv_files.ImportReport) -> csv_files.ImportReport:
        """Return the report of the file with these counts."""
        counts = (len(self.users), len(self.items), *map(iso, self.moments))
        names = ("users", "items", "first", "last")
        return msgspec.structs.replace(report, **dict(zip(names, counts, strict=False)))


@dataclass(frozen=True, slots=True)
class Importer:
    """Imports CSV, each chunk of rows in one transaction; run it again if it died.

    Without a catalogue and a log it stores nothing: a dry run.
    """

    log: EventLog | None
    catalogue: Catalogue | None
    _: KW_ONLY
    received_at: int
    chunk_rows: int = CHUNK_ROWS
    dataset_group: str = DEFAULT_DATASET_GROUP
    resolve: Callable[[list[Event]], list[Event]] = list
    """Returns the events about animals, where the items of some are those of the inventory."""

    def import_file(
        self, dataset: DatasetType, path: Path, schema: Schema | None = None, **options: Any
    ) -> csv_files.ImportReport:
        """Import a file; `options` as those of `import_stream`."""
        try:
            stream = path.open("rb")
        except OSError as error:
            raise InvalidInput(f"cannot open {path}: {error.strerror}", field="path") from error
        with stream:
            size = path.stat().st_size
            return self.import_stream(dataset, stream, schema, size=size, **options)

    def import_stream(
        self,
        dataset: DatasetType,
        stream: BinaryIO,
        schema: Schema | None = None,
        *,
        form: csv_files.TextForm = csv_files.DETECTED,
        log: LogOptions | None = None,
        **options: Any,
    ) -> csv_files.ImportReport:
        """Import a binary stream; `options` as `load_rows`. InvalidInput if it lacks a column.

        With `log`, columns may have other names than ours.
        """
        if log is None:
            table = csv_files.CsvTable(stream, form)
        else:
            table = log.open(stream, form, REQUIRED_FIELDS[dataset])
        if schema is not None and is_of_actions(dataset):
            schema = as_items(schema)
            dataset = schema.dataset
            table.rename(ACTION_ID, ITEM_ID)
        columns = FileColumns.match(table.header, dataset, schema)
        read: Callable[[csv_files.CsvRow], object]
        match dataset:
            case DatasetType.INTERACTIONS:
                read = EventReader(columns, self.received_at, self.dataset_group).read
            case DatasetType.ITEMS:
                read = item_reader(columns)
            case DatasetType.USERS:
                read = user_reader(columns)
            case _:
                raise InvalidInput(f"{dataset} are imported with their schema: give it")
        dry_run, store = DryRun(), self._store(dataset, schema)
        options["chunk_rows"] = self.chunk_rows
        report = load_rows(table, dataset, read, store or dry_run.add, **options)
        return report if store else dry_run.reported(report)

    def _store(
        self, dataset: DatasetType, schema: Schema | None
    ) -> Callable[[list[Any]], int | None] | None:
        """Return what stores rows; None in a dry run."""
        if self.log is None or self.catalogue is None:
            return None
        log, catalogue = self.log, self.catalogue.of(self.dataset_group)
        if schema is not None:
            catalogue.put_schema(schema)
        if dataset is DatasetType.INTERACTIONS:
            return lambda events: sum(log.append(self.resolve(events)))
        put = catalogue.put_items if dataset is DatasetType.ITEMS else catalogue.put_users
        return partial(put, imported=True)


class Imports(msgspec.Struct, frozen=True):
    """Does import jobs of any dataset, for the job table."""

    datasets: Datasets
    sources: Sources
    now: Callable[[], int]
    stopping: threading.Event = msgspec.field(default_factory=threading.Event)
    """Set when the server stops."""
    resolve: Callable[[list[Event]], list[Event]] = list

    def check(self, job: DatasetImportJob) -> None:
        """InvalidInput for a location out of reach."""
        self.sources.files(job.source)

    def perform(self, job: DatasetImportJob) -> dict[str, object]:
        """Import the files; returns the counts, and the first errors."""
        dataset = self.datasets.registry.get(Dataset, job.dataset)
        schema = self.datasets.schema(dataset)
        files = self.sources.files(job.source)
        for file in files:  # before anything is replaced
            with file.open() as stream:
                try:
                    FileColumns.match(
                        csv_files.CsvTable(stream).header, dataset.dataset_type, schema
                    )
                except InvalidInput as error:
                    message = f"{file.name}: {error.message}"
                    raise InvalidInput(message, field=error.field) from error
        if job.mode is ImportMode.FULL:  # what was sent one by one stays
            self.datasets.erase(dataset.dataset_group, dataset.dataset_type, imported_only=True)
        importer = Importer(
            self.datasets.log,
            self.datasets.catalogue,
            received_at=self.now(),
            dataset_group=data_group(dataset.dataset_group, dataset.dataset_type),
            resolve=self.resolve,
        )
        reports = []
        for file in files:
            with file.open() as stream:
                report = importer.import_stream(
                    dataset.dataset_type, stream, schema, on_progress=self._end_if_stopping
                )
            reports.append((file.name, report))
        return _outcome(reports)

    def _end_if_stopping(self, _done: int, _total: int) -> None:
        if self.stopping.is_set():
            raise NotReady("the server stops: the job is begun anew")


def _outcome(reports: Sequence[tuple[str, csv_files.ImportReport]]) -> dict[str, Any]:
    errors = tuple(
        f"{name}, line {error.line}{f', {error.column}' if error.column else ''}: {error.reason}"
        for name, report in reports
        for error in report.first_errors
    )[:_ERRORS_KEPT]
    good = sum(report.accepted + report.duplicates for _, report in reports)
    outcome: dict[str, object] = {
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
    work: Callable[[], csv_files.ImportReport],
    now: Callable[[], int],
) -> csv_files.ImportReport:
    """Do the work as an import job into the dataset of that name; raises its error."""
    job = DatasetImportJob(
        name=new_resource_name(f"{dataset}-import", now()),
        status=Status.CREATE_IN_PROGRESS,
        dataset=dataset,
        source=source,
    )
    # The lease shows that the job lives, or another server would settle it as dead.
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


Row = Mapping[str, str | float | None]


class Exports(msgspec.Struct, frozen=True):
    """Writes datasets as CSV, in batches, whatever their size."""

    datasets: Datasets
    outputs: Outputs

    def check(self, job: DatasetExportJob) -> None:
        """InvalidInput for a place where nothing may be written."""
        self.outputs.at(job.target)

    def perform(self, job: DatasetExportJob) -> dict[str, object]:
        """Write the dataset to `{target}/{job}/{dataset}.csv`; returns how many rows it has."""
        dataset = self.datasets.registry.get(Dataset, job.dataset)
        schema = self.datasets.schema(dataset)
        output = self.outputs.at(job.target)
        with output.file(f"{job.name}/{dataset.name}.csv") as file:
            return {"rows": _write(file, schema, _rows(self.datasets, dataset, job.mode))}


def _rows(datasets: Datasets, dataset: Dataset, mode: IngestionMode) -> Iterator[Row]:
    group = data_group(dataset.dataset_group, dataset.dataset_type)
    catalogue = datasets.catalogue.of(group)
    imported = None if mode is IngestionMode.ALL else mode is IngestionMode.BULK
    match dataset.dataset_type:
        case DatasetType.INTERACTIONS | DatasetType.ACTION_INTERACTIONS:
            return (_interaction(event) for event in _events(datasets.log, group, imported))
        case DatasetType.ITEMS | DatasetType.ACTIONS:
            return (_item(item) for item in catalogue.items(imported))
        case DatasetType.USERS:
            users = catalogue.users(imported)
            return ({"USER_ID": user.user_id, **user.attributes} for user in users)


def _events(log: EventLog, group: str, imported: bool | None) -> Iterator[Event]:
    for logged in log.read_all(0, log.head()):
        wanted = imported is None or logged.event.is_imported is imported
        # "None of these" has no item, and no other importer could take it.
        if logged.event.dataset_group == group and wanted and logged.event.item_id != NOTHING:
            yield logged.event


def _interaction(event: Event) -> Row:
    """An event's columns."""
    # An anonymous visitor is named by the session, as at AWS.
    properties = msgspec.json.decode(event.properties) if event.properties else {}
    return {
        **{name.upper(): _plain(value) for name, value in properties.items()},
        **({ANIMAL: event.animal_id} if event.animal_id else {}),
        "USER_ID": event.user_id or event.session_id,
        "ITEM_ID": event.item_id,
        "TIMESTAMP": event.sent_at // SECOND,  # whole seconds, as at AWS
        "EVENT_TYPE": event.event_type,
        "EVENT_VALUE": event.event_value,
        "RECOMMENDATION_ID": event.recommendation_id,
        "IMPRESSION": "|".join(event.impression) or None,
    }


def _item(item: Item) -> Row:
    created = None if item.created_at is None else item.created_at // SECOND
    return {**item.attributes, "ITEM_ID": item.item_id, "CREATION_TIMESTAMP": created}


def _write(file: IO[bytes], schema: Schema, rows: Iterable[Row]) -> int:
    """The columns of the schema, in its order; a row's other columns are left out."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(field.name for field in schema.fields)
    names = [field.name for field in as_items(schema).fields]
    written = 0
    for row in rows:
        writer.writerow([_text(row.get(name)) for name in names])
        written += 1
    # To close the text would close the file, which others go on with.
    text.detach()
    return written


def _text(value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return no_formula(value or "")
    return number_text(float(value))


def _plain(value: object) -> str | float | None:
    """A property as a column holds it: text and numbers as they are, the rest as JSON."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        return msgspec.json.encode(value).decode()
    return value
