"""The formats by name, which one a file is in, and its bytes into rows."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from io import BytesIO
from typing import Any

import msgspec
from msgspec.structs import replace

from pawsonalize.animals.animal import AnimalStatus, status_in_words
from pawsonalize.animals.listings import MOST, AnimalForm
from pawsonalize.core.attributes import GoodWith, read_answer
from pawsonalize.core.errors import InputTooLarge, InvalidInput
from pawsonalize.core.forms.csv_files import SEPARATORS, UTF8, as_text, read_text_form
from pawsonalize.core.forms.decoder import UnknownFields, decode
from pawsonalize.plugins.feeds.asm3 import image_service, read_asm3_csv, read_asm3_json
from pawsonalize.plugins.feeds.presets import (
    COLUMNS,
    SECOND_STATUS,
    STATUS_SLOTS,
    guessed_columns,
    named_columns,
    preset_of,
    presets,
    read_preset,
    says_status,
    values_of,
)
from pawsonalize.plugins.feeds.rows import (
    AS_USUAL,
    FeedRow,
    Record,
    TableForm,
    by_upper_names,
    has_years,
    is_number,
    named_in,
    read_date_order,
    read_rows,
    read_table,
)
from pawsonalize.plugins.feeds.workbooks import ZIP, read_workbook


class _Body(msgspec.Struct, frozen=True):
    animals: list[msgspec.Raw]


_FORM = msgspec.json.Decoder(AnimalForm)
_WHOLE = msgspec.json.Decoder(list[msgspec.Raw] | _Body)

_ADOPTED = ("ADOPTED", "ADOPTED2", "ADOPTED3")
_ABOUT = re.compile(r"(?:[a-z]+\.? *)?(?:(\d{1,2})[./-])?((?:19|20)\d\d)", re.IGNORECASE)
_UNIT = re.compile("KG|LB")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATES = [name for name, field in COLUMNS.items() if field.endswith(("_at", "_date"))]


def read_json_lines(content: bytes) -> Iterator[FeedRow]:
    """One JSON object a line, a list of them, or a body of `PUT /v1/animals`."""
    try:
        whole = _WHOLE.decode(content)
        lines: Iterable[bytes] = map(bytes, whole.animals if isinstance(whole, _Body) else whole)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        lines = BytesIO(content)
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        unknown = UnknownFields()
        try:
            record = decode(_FORM, line, unknown)
        except InvalidInput as error:
            yield FeedRow(place, named_in(line), reason=error.message)
            continue
        for row in read_rows([(place, record)], lambda one: one.id, lambda one: one):
            yield replace(row, unread=dict.fromkeys(unknown.values(), "")) if unknown else row


def read_own_csv(content: bytes, form: TableForm = AS_USUAL) -> Iterator[FeedRow]:
    """Yield the rows of our own columns; lists are separated by `|`, an empty field is unknown."""
    columns = (*COLUMNS, *STATUS_SLOTS)
    table = read_table(content, columns, ("ID", "SPECIES"), (*_DATES, *_ADOPTED), form)
    if has_years(content, form):
        table = map(_with_years, table)
    unit = _UNIT.search(form.column("WEIGHT"))
    form_of = partial(_form, unit=unit[0].lower() if unit else "")
    return read_rows(table, lambda record: record["ID"], form_of)


def _with_years(row: tuple[int, Record] | FeedRow) -> tuple[int, Record] | FeedRow:
    """The record with its age in years, where that is a plain number."""
    if isinstance(row, FeedRow) or not is_number(row[1]["AGE"]):
        return row
    return row[0], {**row[1], "AGE": f"{row[1]['AGE']} years"}


def _form(row: Record, unit: str) -> AnimalForm:
    given = {COLUMNS[column]: value for column, value in row.items() if value and column in COLUMNS}
    if "species" not in given:
        raise InvalidInput("species is missing: fill it in", field="species")
    values: dict[str, Any] = given | {
        name: [part for part in given[name].split("|") if part.strip()]
        for name in MOST.keys() & given
    }
    if about := _ABOUT.fullmatch(given.get("birth_date", "")):
        month, year = about.groups()
        values["birth_date"] = f"{year}-{int(month):02}-15" if month else f"{year}-07-01"
    if is_number(given.get("weight", "")):
        values["weight"] = f"{given['weight']} {unit}".strip()
    if states := list(_states_in(row)):
        values["status"] = max(states, key=_shows_less)
    adopted = next(filter(_ISO_DAY.match, (row.get(slot, "") for slot in _ADOPTED)), "")
    if adopted and "outcome_at" not in values:
        values |= {"outcome": AnimalStatus.ADOPTED, "outcome_at": adopted}
    return AnimalForm(**values)


def _states_in(row: Record) -> Iterator[str]:
    """Yield all that the columns of a row say of the animal's status."""
    yield from filter(None, (row.get("STATUS"), row.get(SECOND_STATUS)))
    for slot in (one for one in STATUS_SLOTS if one in row and one != SECOND_STATUS):
        cell, status = row[slot], AnimalStatus(slot.rstrip("23").lower())
        has_answer = bool(cell) and read_answer(cell) not in {GoodWith.NO, GoodWith.UNKNOWN}
        if has_answer is (status is not AnimalStatus.AVAILABLE):
            yield status if has_answer else AnimalStatus.HOLD


def _shows_less(status: str) -> int:
    """Rank of a status: what is known to have left comes last, and nobody's word before that."""
    state = status_in_words(status) or AnimalStatus.HOLD
    return min(list(AnimalStatus).index(state), 3)  # available, pending, hold, others


_READERS: Mapping[str, Callable[..., Iterator[FeedRow]]] = {
    "jsonl": read_json_lines,
    "csv": read_own_csv,
    "asm3-json": read_asm3_json,
    "asm3-csv": read_asm3_csv,
}


@cache
def formats() -> Mapping[str, Callable[..., Iterator[FeedRow]]]:
    """The readers of all formats by name: our own, those of code and those of presets."""
    return {**_READERS, **{name: partial(read_preset, name) for name in presets()}}


def feed_of(
    content: bytes, name: str | None, form: TableForm = AS_USUAL, address: str = ""
) -> "partial[Iterator[FeedRow]]":
    """Return the reader of a format by its name, or the one that a file's beginning looks like.

    `address` is the origin of a feed that is no file.
    """
    # Columns by our names are of our own CSV, unless it is said to be another.
    found = ("csv" if form.columns else detected(content)) if name is None else name
    if found not in formats():
        raise InvalidInput(f"--format must be one of {', '.join(formats())}", field="format")
    options: dict[str, object] = {}
    reader = formats()[found]
    if is_table(found, content):
        reader, options["form"] = partial(_read_table, found), form
    elif form != AS_USUAL:
        raise InvalidInput(f"--columns, --dates and --separator are of CSV: this is {found}")
    if found.startswith("asm3"):
        options["service"] = image_service(address)
    return partial(reader, **options)


def _read_table(name: str, content: bytes, form: TableForm, **options: str) -> Iterator[FeedRow]:
    values = values_of(content, form)
    columns = named_columns(name, values, form.columns)
    left_out = {
        column: some[0] if some else ""
        for column, some in values.items()
        if name == "csv" and column not in columns.values()
    }
    has_status = says_status(name, columns)
    rows = formats()[name](content, form=replace(form, columns=columns), **options)
    return (replace(row, unread=left_out, says_status=has_status) for row in rows)


def is_table(name: str, content: bytes) -> bool:
    """True if a file of that format is a table, whose columns can be named."""
    return name.endswith("csv") or (name in presets() and content.lstrip()[:1] not in b"[{<")


def detected(content: bytes) -> str:
    """Return the format that a file's beginning looks like."""
    start = content[:20_000].removeprefix(b"\xef\xbb\xbf").lstrip()
    if (name := preset_of(start)) is not None:
        return name
    # What has `type` or `breeds` is Petfinder's; ours has `species` and `breed`.
    listed = "petfinder-json" if b'"breeds"' in start or b'"type"' in start else "jsonl"
    if start[:1] == b"[":
        return "asm3-json" if b'"SPECIESNAME"' in start.upper() else listed
    if start[:1] == b"{":
        first = start.partition(b"\n")[0]
        return listed if b'"animals"' in first or first == b"{" else "jsonl"
    header = start.partition(b"\n")[0].upper()
    return "asm3-csv" if all(one in header for one in _OF_ASM3) else "csv"


_OF_ASM3 = (b"SHELTERCODE", b"SPECIESNAME", b"ANIMALNAME")
MAX_FEED_BYTES = 512 << 20  # also of what a small gzip file may unpack to

Rows = Callable[[], Iterator[FeedRow]]


class FeedForm(msgspec.Struct, frozen=True):
    """Form of a feed; None means that it is detected."""

    format: str | None = None
    encoding: str | None = None
    table: TableForm = AS_USUAL

    @classmethod
    def read(
        cls,
        format: str | None,  # noqa: A002  # the option's name
        encoding: str | None,
        separator: str | None,
        columns: Mapping[str, str],
        dates: str | None,
    ) -> "FeedForm":
        """Return the form that options name; InvalidInput for those that name none."""
        text, order = read_text_form(encoding, separator), read_date_order(dates)
        return cls(format, text.encoding, TableForm(text.separator, order, by_upper_names(columns)))


DETECTED = FeedForm()


def read_feed(
    pages: Sequence[bytes], form: FeedForm = DETECTED, address: str = ""
) -> tuple[Rows, list[str]]:
    """Return a function that yields the rows at each call, and notes on the reading."""
    notes: list[str] = []
    read = [decoded(page, form.encoding, notes=notes) for page in pages]
    texts = [text for text, _ in read]
    feed = feed_of(texts[0], form.format, form.table, address)
    if (encoding := read[0][1]) not in {UTF8, form.encoding}:
        notes.append(f"read as {encoding}, as it looks: --encoding names another")
    above = texts[0][: len(texts[0]) - len(texts[0].lstrip())].count(b"\n")
    if "form" in feed.keywords:
        if above:
            notes.append(f"line {above + 1} names its columns: what stands above was left out")
        notes += guessed_columns(feed.args[0], texts[0], form.table)

    def rows() -> Iterator[FeedRow]:
        place = 0
        for text in texts:
            before = place
            for row in feed(text):
                place = before + row.place
                yield replace(row, place=place) if before else row

    return rows, notes


def decoded(
    content: bytes, encoding: str | None, most: int = MAX_FEED_BYTES, notes: list[str] | None = None
) -> tuple[bytes, str]:
    """Return the text of a file, unpacked and in UTF-8, and its encoding; of a workbook, as CSV.

    To `notes` it adds the sheets of a workbook that were left out.
    """
    if content.startswith(ZIP):
        (content, others), encoding = read_workbook(content, most), UTF8
        if others and notes is not None:
            notes.append(f"the first sheet alone was read; left out: {', '.join(others)}")
    stream, found = as_text(BytesIO(content), encoding)
    # A Mac may write ü as u with two dots behind it.
    whole = unicodedata.normalize("NFC", stream.read(most + 1))
    text = whole.encode(UTF8, "surrogateescape")
    if len(text) > most:
        raise InputTooLarge(f"a feed may have {most >> 20} MB: split it, with --delta")
    most_values = min(most // 32, max(_FEW_VALUES, len(text) // 8))
    if text.lstrip()[:1] in _JSON and text.count(b",") > most_values:
        raise InputTooLarge(f"this has more than {most_values:,} values: split it, with --delta")
    if text[:_SAMPLE].lstrip().lower().startswith(_WEB_PAGE):
        raise InvalidInput(
            "this is a web page, and no feed. Some systems call such a file .xls: open it in Excel,"
            " and save it as CSV. Of an address, look whether it asks to sign in"
        )
    # Spreadsheets write a million empty rows below the last one.
    end = text.find(b"\n", len(text.rstrip(b" ,;|\t\r\n")))
    return _untitled(text if end < 0 else text[: end + 1]), found


_JSON = (b"[", b"{")
# In JSON a value takes seventy bytes of memory, and may take two of the file; one of an animal with
# its name takes twelve at least.
_FEW_VALUES = 100_000
_WEB_PAGE = (b"<!doctype html", b"<html", b"<table")
_SAMPLE, _MOST_TITLES = 4_096, 20


def _untitled(text: bytes) -> bytes:
    """Return the text, with blank lines for titles of a report and Excel's `sep=;` at its top.

    A table of animals has two columns or more, a title has one value.
    """
    lines = text[:_SAMPLE].splitlines(keepends=True)[:_MOST_TITLES]
    first = next((at for at, line in enumerate(lines) if _values_of(line) > 1), 0)
    if not first or text.lstrip()[:1] in b"[{<":
        return text
    # Lines keep their numbers.
    blank = b"".join(line[len(line.rstrip(b"\r\n")) :] for line in lines[:first])
    return blank + text[sum(map(len, lines[:first])) :]


def _values_of(line: bytes) -> int:
    """Number of values that a line may have, with the separator that gives the most."""
    text = [line.decode(UTF8, "replace").strip()]
    # Those that are named by hand count as well, else a line of such a file had one value.
    separators = (*SEPARATORS.values(), *"|^~")
    rows = (next(csv.reader(text, delimiter=one), []) for one in separators)
    return max(sum(map(bool, map(str.strip, row))) for row in rows)
