"""Dates in the columns of tables.

`05/06/2024` is a day in May or in June. The whole column decides, by the days above 12 in it; if it
cannot, the user must.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from pawsonalize.domain.errors import InvalidInput


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
