"""One pass over a file: convert its rows, store them in chunks, account for every one."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.engine.ingest.importing.csv_rows import CsvRow, CsvTable
from pawsonalize.engine.ingest.importing.report import OnError, Report, RowError
from pawsonalize.engine.resources.progress import Progress

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
    ) -> Report:
        """Store what converts, in the file's order; `store` tells how many rows were new."""
        good = accepted = 0
        for chunk in self._chunks(convert, chunk_rows):
            good += len(chunk)
            accepted += store(chunk)
            self._on_progress(self._table.bytes_read, self._size)
        duplicates = good - accepted
        return Report(dataset, accepted, duplicates, self._rejected, tuple(self._first_errors))

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
