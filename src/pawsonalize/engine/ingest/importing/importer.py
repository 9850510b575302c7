"""Imports files of the three datasets into the log and the catalogue."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, Event
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.engine.ingest.importing.columns import FileColumns
from pawsonalize.engine.ingest.importing.csv_rows import (
    DETECTED,
    CsvRow,
    CsvTable,
    ImportReport,
    OnError,
    RowError,
    unreported,
)
from pawsonalize.engine.ingest.importing.rows import EventReader, ItemReader, UserReader
from pawsonalize.engine.ingest.importing.text_form import TextForm
from pawsonalize.kinds.datasets import ACTION_ID, ITEM_ID, as_items, is_of_actions
from pawsonalize.kinds.job_table import Progress, silent
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
