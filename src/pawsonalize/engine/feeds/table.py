"""CSV feeds: the columns that are asked for, and no others."""

from collections.abc import Iterable, Iterator
from io import BytesIO

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.feeds.feed import FeedRow
from pawsonalize.engine.importing.csv_rows import CsvTable
from pawsonalize.engine.importing.report import RowError

Record = dict[str, str]


def read_table(
    content: bytes, columns: Iterable[str], required: Iterable[str]
) -> Iterator[tuple[int, Record] | FeedRow]:
    """The records as text by upper-case column name; a row that cannot be read is a bad one.

    InvalidInput if a required column is missing.
    """
    table = CsvTable(BytesIO(content))
    for name in required:
        if name not in table.header:
            raise InvalidInput(f"the file has no column {name}: see docs/how-to", field=name)
    wanted = [(place, name) for name in columns for place in _places(table.header, name)]
    for row in table.rows():
        if isinstance(row, RowError):
            yield FeedRow(row.line, None, reason=row.reason)
        else:
            yield row.line, {name: row.values[place].strip() for place, name in wanted}


def _places(header: tuple[str, ...], name: str) -> list[int]:
    return [place for place, found in enumerate(header) if found == name]
