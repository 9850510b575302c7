"""Rows of feeds: one for each animal, good or bad; and CSV files with their columns and dates.

`05/06/2024` is a day in May or in June. The whole column decides, by the days above 12 in it; if it
cannot, the user must.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from pawsonalize.animals.listings import AnimalForm
from pawsonalize.core.attributes import AGE_NAMES, says_nothing
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.csv_files import UTF8, CsvTable, RowError, TextForm
from pawsonalize.core.forms.decoder import decode


class DateOrder(StrEnum):
    """The first number of a date of three numbers: the month, the day, or only ever the year."""

    US = "us"
    EU = "eu"
    ISO = "iso"


_CLOCK = r"(?:[ T,]+(?P<time>\d{1,2}:\d{2}.*))?"
_NUMBERS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})" + _CLOCK)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + _CLOCK)
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?P<sign>[/.-])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})" + _CLOCK
)
_DAY_NAME = re.compile(
    r"(\d{1,2})(?:[ .-]+| de )([^\W\d_]{3,10})(?:[ .,-]+| de )(\d{4}|\d{2})" + _CLOCK
)
_NAME_DAY = re.compile(r"([A-Za-z]{3,9})\.? +(\d{1,2})(?:st|nd|rd|th)?,? +(\d{4})" + _CLOCK)
_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?")
_SERIAL_START = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's days are of no zone
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)? *(?:([ap])\.?m\.?)?", re.IGNORECASE)
# The first three letters in English, German and Spanish.
_MONTHS = [
    *("jan ene", "feb", "mar mär mrz", "apr abr", "may mai", "jun", "jul", "aug ago", "sep"),
    *("oct okt", "nov", "dec dez dic"),
]
_PIVOT = 69  # two digits below it are of this century, as POSIX has it


class Undecided(msgspec.Struct, frozen=True):
    """A column all of whose dates may be read both ways, with one of them."""

    column: str
    text: str


def order_of(column: str, texts: Iterable[str]) -> DateOrder | Undecided | None:
    """Return the first part of a column's dates; None if they are not of three numbers."""
    months_first = days_first = 0
    doubtful = ""
    for text in texts:
        found = _NUMBERS.fullmatch(text)
        if found is None or found[2] == ".":
            continue
        first, second = int(found[1]), int(found[3])
        days_first += first > 12
        months_first += second > 12
        if first <= 12 and second <= 12 and (first != second or not doubtful):
            doubtful = text
    if months_first != days_first:
        return DateOrder.US if months_first > days_first else DateOrder.EU
    return Undecided(column, doubtful) if doubtful or months_first else None


def settled(orders: Iterable[DateOrder | Undecided | None]) -> DateOrder:
    """Return the order for columns that do not show it: the others'. InvalidInput without any."""
    known = list(orders)
    found = {order for order in known if isinstance(order, DateOrder)}
    doubtful = [order for order in known if isinstance(order, Undecided)]
    if doubtful and len(found) != 1:
        one = doubtful[0]
        raise InvalidInput(
            f"{one.column}: {one.text} may begin with the month or with the day: name the order"
            " with --dates us (month first) or --dates eu (day first)",
            field=one.column,
        )
    return found.pop() if len(found) == 1 else DateOrder.ISO


def iso_date(text: str, order: DateOrder) -> str:
    """The date, with its time if it has one, in ISO 8601; a text that is no date stays as it is."""
    if _SERIAL.fullmatch(text):  # as Excel keeps it, from 1954 to 2091
        moment = _SERIAL_START + timedelta(days=float(text))
        return moment.isoformat(timespec="seconds") if "." in text else moment.date().isoformat()
    parts = _parts(text, order)
    if parts is None:
        return text
    year, month, day, time = parts
    if (clock := _clock(time or "00:00")) is None:
        return text
    try:
        moment = datetime(year, month, day, *clock)  # noqa: DTZ001 - it names no zone
    except ValueError:
        return text
    return moment.isoformat() if time else moment.date().isoformat()


def _parts(text: str, order: DateOrder) -> tuple[int, int, int, str | None] | None:
    if found := _COMPACT.fullmatch(text) or _YEAR_FIRST.fullmatch(text):
        return int(found["year"]), int(found["month"]), int(found["day"]), found["time"]
    if found := _NUMBERS.fullmatch(text):
        dotted = found[2] == "." and order is not DateOrder.US
        if order is DateOrder.ISO and not dotted:
            return None
        first, second = int(found[1]), int(found[3])
        day, month = (second, first) if order is DateOrder.US else (first, second)
        return _year(found[4]), month, day, found["time"]
    if (found := _DAY_NAME.fullmatch(text)) and (month := _month(found[2])):
        return _year(found[3]), month, int(found[1]), found["time"]
    if (found := _NAME_DAY.fullmatch(text)) and (month := _month(found[1])):
        return _year(found[3]), month, int(found[2]), found["time"]
    return None


def _year(text: str) -> int:
    return int(text) + (0 if len(text) == 4 else 2000 if int(text) < _PIVOT else 1900)


def _month(name: str) -> int:
    return next((at for at, names in enumerate(_MONTHS, 1) if name[:3].lower() in names.split()), 0)


def _clock(text: str) -> tuple[int, int, int] | None:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    hour, half = int(found[1]), (found[4] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, int(found[2]), int(found[3] or 0)


def read_date_order(text: str | None) -> DateOrder | None:
    """The order by its name; InvalidInput names all."""
    try:
        return None if text is None else DateOrder(text.strip().lower())
    except ValueError as error:
        wrong = f"--dates must be {', '.join(DateOrder)}, not {text}"
        raise InvalidInput(wrong, field="dates") from error


class FeedRow(msgspec.Struct, frozen=True):
    """One animal of a feed: its form, or the reason why there is none.

    `place` is its line or number in the file, from 1. Most bad rows have an `external_id` too, so
    that their animals do not count as gone. `unread` are its unknown fields, and the columns of its
    table that are left out with a value of each. `says_status` is false if no column of its table
    says whether its animal is still there.
    """

    place: int
    external_id: str | None
    form: AnimalForm | None = None
    reason: str = ""
    unread: Mapping[str, str] = {}
    says_status: bool = True


T = TypeVar("T")
IdOf = Callable[[T], str | int | float | None]


class _Named(msgspec.Struct, frozen=True):
    id: str | int | None = None
    ID: str | int | None = None


_NAMED = msgspec.json.Decoder(_Named)


def named_in(raw: bytes | msgspec.Raw) -> str | None:
    """The id in a JSON record that is otherwise bad; None if that cannot be read either."""
    try:
        named = decode(_NAMED, raw)
    except InvalidInput:
        return None
    return str(named.id if named.id is not None else named.ID or "").strip() or None


def read_records(
    raws: Iterable[bytes | msgspec.Raw],
    decoder: msgspec.json.Decoder[T],
    id_of: IdOf[T],
    form_of: Callable[[T], AnimalForm],
    reason: str = "",
) -> Iterator[FeedRow]:
    """Yield the rows of JSON records; `reason` replaces errors that might quote a record."""
    for place, raw in enumerate(raws, 1):
        try:
            record = decode(decoder, raw)
        except InvalidInput as error:
            yield FeedRow(place, named_in(raw), reason=reason or error.message)
        else:
            yield from read_rows([(place, record)], id_of, form_of)


def read_rows(
    records: Iterable[tuple[int, T] | FeedRow], id_of: IdOf[T], form_of: Callable[[T], AnimalForm]
) -> Iterator[FeedRow]:
    """Yield the rows of a format's records; a row is passed on."""
    for row in records:
        if isinstance(row, FeedRow):
            yield row
            continue
        place, record = row
        external_id = str(id_of(record) or "").strip()
        if says_nothing(external_id):
            yield FeedRow(place, None, reason="it has no id")
            continue
        if _ROUNDED.fullmatch(external_id):  # then many animals have the same
            wrong = f"a spreadsheet has rounded its id to {external_id}: format that column as text"
            yield FeedRow(place, None, reason=f"{wrong}, and export the file again")
            continue
        try:
            yield FeedRow(place, external_id, form_of(record))
        except InvalidInput as error:
            yield FeedRow(place, external_id, reason=error.message)


_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)


def first_of(*texts: str | None) -> str | None:
    """Return the first text that is not empty; None if all are."""
    return next((text for text in texts if text and text.strip()), None)


def all_of(*texts: str | None) -> list[str]:
    """Return the texts that are not empty."""
    return [text.strip() for text in texts if text and text.strip()]


class TableForm(msgspec.Struct, frozen=True):
    """Separator and order of dates (None: detected), and the columns by our names.

    `columns` maps a field, upper-case and without underscores, to its column, or to "" for none.
    """

    separator: str | None = None
    dates: DateOrder | None = None
    columns: Mapping[str, str] = msgspec.field(default_factory=dict)

    def column(self, name: str) -> str:
        """Return the column of a field."""
        return self.columns.get(_plain(name), name)

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
_EXAMPLES, _LOOKED_AT = 3, 1_000  # values of a column, in the first rows


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """`field=column` pairs with commas between, or YAML files of them, by upper-case names."""
    columns: dict[str, str] = {}
    for text in given:
        if "=" not in text:
            what = "--columns takes field=column pairs or a YAML file;"
            columns |= read_yaml(Path(text), what, "`field: column` lines", "columns", texts=True)
            continue
        for part in filter(str.strip, text.split(",")):
            name, equals, column = part.partition("=")
            if not name.strip() or not equals:
                raise InvalidInput(
                    f"--columns takes field=column pairs with commas between, not {part}: names"
                    " with commas go into a YAML file",
                    field="columns",
                )
            columns[name] = column
    return by_upper_names(columns)


def by_upper_names(columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of fields, named as `TableForm` has them."""
    return {_plain(name): str(column).strip().upper() for name, column in columns.items()}


def read_yaml(path: Path, what: str, has: str, field: str, *, texts: bool = False) -> Any:
    """Return the map in a YAML file, perhaps with all values as texts; InvalidInput for no map."""
    loader = yaml.BaseLoader if texts else yaml.SafeLoader
    try:
        content = yaml.load(path.read_text("utf-8-sig"), loader) or {}  # noqa: S506 - both are safe
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{what} {path} cannot be read: {error}", field=field) from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} must have {has}", field=field)
    return content


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
    """Yield the records as text by upper-case field name; an unreadable row is a bad one.

    `dates` are given in ISO 8601. InvalidInput if a required column is missing, or the order of the
    dates cannot be found.
    """
    table = _opened(content, form)
    form.check(columns, table.header)
    places = {name: table.header.index(name) for name in table.header}
    wanted = {name: places[form.column(name)] for name in columns if form.column(name) in places}
    for name in required:
        if name not in wanted:
            raise InvalidInput(
                f"the file has no column {name}: say which of its columns holds it, as in --columns"
                f" {name.lower()}=COLUMN; there are {', '.join(table.header)[:500]}",
                field=name,
            )
    dated = {name: form.column(name) for name in dates if name in wanted}
    orders = date_orders(content, form, {dated[name]: wanted[name] for name in dated})
    for row in table.rows():
        if isinstance(row, RowError):
            yield FeedRow(row.line, None, reason=row.reason)
            continue
        record = {name: _cell(row.values[place]) for name, place in wanted.items()}
        for name, column in dated.items():
            record[name] = iso_date(record[name], orders[column])
        yield row.line, record


def _cell(value: str) -> str:
    """The text of a value; `="0012"` keeps a spreadsheet from taking it for a number."""
    text = value.strip()
    return text[2:-1].strip() if text.startswith('="') and text.endswith('"') else text


def separator_in(content: bytes, form: TableForm) -> str:
    """The separator of the file, as it is named or looks."""
    return _opened(content, form).separator


def header_of(content: bytes, form: TableForm) -> tuple[str, ...]:
    """The columns of the file, upper-case."""
    return tuple(_opened(content, form).header)


def _opened(content: bytes, form: TableForm) -> CsvTable:
    return CsvTable(BytesIO(content), TextForm(UTF8, form.separator), names_all=True)


def examples_of(
    content: bytes, form: TableForm, most: int = _EXAMPLES, rows: int = _LOOKED_AT
) -> dict[str, list[str]]:
    """The columns of the file, each with its first values that differ."""
    table = _opened(content, form)
    found: dict[str, dict[str, None]] = {name: {} for name in table.header}
    for row in islice(table.rows(), rows):
        for some, value in zip(found.values(), getattr(row, "values", ()), strict=False):
            if len(some) < most and (text := _cell(value)):
                some[text] = None
    return {name: list(some) for name, some in found.items()}


def date_orders(content: bytes, form: TableForm, places: Mapping[str, int]) -> dict[str, DateOrder]:
    """The order of the dates in each of these columns; InvalidInput if one cannot be found."""
    if form.dates is not None or not places:
        return dict.fromkeys(places, form.dates or DateOrder.ISO)
    found = {name: order_of(name, _values(content, form, place)) for name, place in places.items()}
    others = settled(found.values())
    return {name: one if isinstance(one, DateOrder) else others for name, one in found.items()}


def has_years(content: bytes, form: TableForm) -> bool:
    """True if plain numbers in the column of ages are years: some are no ids of age bands."""
    table = _opened(content, form)
    if (column := form.column("AGE")) not in table.header:
        return False
    values = _values(content, form, table.header.index(column))
    return any(is_number(one) and one not in AGE_NAMES for one in values)


def is_number(text: str) -> bool:
    """True for a plain number, in digits."""
    return re.fullmatch(r"\d{1,3}(?:[.,]\d+)?", text) is not None


def _values(content: bytes, form: TableForm, place: int) -> Iterator[str]:
    for row in _opened(content, form).rows():
        if not isinstance(row, RowError):
            yield _cell(row.values[place])
