"""CSV feeds: the columns that are asked for, and no others."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from io import BytesIO

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.feeds.dates import DateOrder, iso_date, order_of, settled
from pawsonalize.engine.ingest.feeds.feed import FeedRow
from pawsonalize.engine.ingest.feeds.table_form import TableForm
from pawsonalize.engine.ingest.importing.csv_rows import CsvTable
from pawsonalize.engine.ingest.importing.report import RowError
from pawsonalize.engine.ingest.importing.text_form import UTF8, TextForm

Record = dict[str, str]


def read_table(
    content: bytes,
    columns: Iterable[str],
    required: Iterable[str],
    dates: Iterable[str],
    form: TableForm,
) -> Iterator[tuple[int, Record] | FeedRow]:
    """The records as text by upper-case field name; a row that cannot be read is a bad one.

    `columns` are the fields, `dates` those among them that are dates: they are given in ISO 8601.
    InvalidInput if a required column is missing, or the order of the dates cannot be told.
    """
    table = _opened(content, form)
    form.check(columns, table.header)
    wanted = {
        name: table.header.index(form.column(name))
        for name in columns
        if form.column(name) in table.header
    }
    for name in required:
        if name not in wanted:
            raise InvalidInput(
                f"the file has no column {name}: say which of its columns holds it, as in --columns"
                f" {name.lower()}=COLUMN; there are {', '.join(table.header)[:500]}",
                field=name,
            )
    reads = _date_readers(content, form, {name: wanted[name] for name in dates if name in wanted})
    for row in table.rows():
        if isinstance(row, RowError):
            yield FeedRow(row.line, None, reason=row.reason)
            continue
        record = {name: row.values[place].strip() for name, place in wanted.items()}
        for name, read in reads.items():
            record[name] = read(record[name])
        yield row.line, record


def header_of(content: bytes, form: TableForm) -> tuple[str, ...]:
    """The columns of the file, upper-case."""
    return tuple(_opened(content, form).header)


def _opened(content: bytes, form: TableForm) -> CsvTable:
    return CsvTable(BytesIO(content), TextForm(UTF8, form.separator))


def _date_readers(
    content: bytes, form: TableForm, places: Mapping[str, int]
) -> dict[str, "partial[str]"]:
    """How each of the columns' dates is read, by all that stands in them."""
    if form.dates is not None or not places:
        order = form.dates or DateOrder.ISO
        return {name: partial(iso_date, order=order) for name in places}
    orders = {name: order_of(name, _values(content, form, place)) for name, place in places.items()}
    others = settled(orders.values())
    return {
        name: partial(iso_date, order=order if isinstance(order, DateOrder) else others)
        for name, order in orders.items()
    }


def _values(content: bytes, form: TableForm, place: int) -> Iterator[str]:
    for row in _opened(content, form).rows():
        if not isinstance(row, RowError):
            yield row.values[place].strip()
