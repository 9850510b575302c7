"""CSV feeds: how the file is written, and the columns that are read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path

import yaml

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.importing.csv_rows import CsvTable, RowError
from pawsonalize.engine.ingest.importing.text_form import UTF8, TextForm
from pawsonalize.wings.feeds.dates import DateOrder, iso_date, order_of, settled
from pawsonalize.wings.feeds.feed import FeedRow


@dataclass(frozen=True, slots=True)
class TableForm:
    """The separator and the order of dates (None: detected), and the columns by our names.

    `columns` has upper-case names. A field's name without underscores leads to the column that
    holds it, or to "" if no column does, whatever its name.
    """

    separator: str | None = None
    dates: DateOrder | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """The column of a field."""
        return self.columns.get(_plain(name), name)

    def reads(self, column: str, fields: Iterable[str]) -> bool:
        """Whether one of the fields is in that column of the file."""
        return any(self.column(name) == column for name in fields)

    def check(self, fields: Iterable[str], header: Sequence[str]) -> None:
        """InvalidInput if a field or a column that `columns` names is not there."""
        known = {_plain(name) for name in fields}
        for name, column in self.columns.items():
            if name not in known:
                raise InvalidInput(
                    f"there is no field {name.lower()} to give a column to: there are"
                    f" {', '.join(sorted(known)).lower()}",
                    field="columns",
                )
            if column and column not in header:
                raise InvalidInput(
                    f"the file has no column {column} for {name.lower()}: it has"
                    f" {', '.join(header)[:500]}",
                    field="columns",
                )


AS_USUAL = TableForm()


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """`field=column` pairs with commas between, or YAML files of them, by upper-case names."""
    columns: dict[str, str] = {}
    for text in given:
        if "=" in text:
            columns |= dict(_pair(part) for part in text.split(",") if part.strip())
        else:
            columns |= _file(Path(text))
    return by_upper_names(columns)


def by_upper_names(columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of fields, named as `TableForm` has them."""
    return {_plain(name): column.strip().upper() for name, column in columns.items()}


def read_date_order(text: str | None) -> DateOrder | None:
    """The order by its name; InvalidInput names all."""
    if text is None:
        return None
    try:
        return DateOrder(text.strip().lower())
    except ValueError as error:
        raise InvalidInput(
            f"--dates must be {', '.join(DateOrder)}, not {text}", field="dates"
        ) from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not name.strip() or not equals:
        raise InvalidInput(
            f"--columns takes field=column pairs with commas between, not {text}: names with"
            " commas go into a YAML file",
            field="columns",
        )
    return name, column


def _file(path: Path) -> dict[str, str]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(
            f"--columns takes field=column pairs or a YAML file; {path} cannot be read: {error}",
            field="columns",
        ) from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} must hold `field: column` lines", field="columns")
    return {str(name): "" if column is None else str(column) for name, column in content.items()}


def _plain(name: str) -> str:
    return name.strip().upper().replace("_", "")


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
