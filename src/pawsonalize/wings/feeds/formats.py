"""The formats by name, which one a file is in, and its bytes into rows."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from io import BytesIO
from typing import Any

import msgspec
from msgspec.structs import replace

from pawsonalize.domain.errors import InputTooLarge, InvalidInput
from pawsonalize.engine.ingest.animal_form import FIELDS, AnimalForm
from pawsonalize.engine.ingest.csv_files import SEPARATORS, UTF8, as_text, read_text_form
from pawsonalize.engine.ingest.decoder import UnknownFields, decode, likely_name
from pawsonalize.wings.feeds.asm3 import READ_FIELDS, image_service, read_asm3_csv, read_asm3_json
from pawsonalize.wings.feeds.dates import read_date_order
from pawsonalize.wings.feeds.petfinder import read_petfinder_json
from pawsonalize.wings.feeds.presets import bare_name, known_names, preset_of, presets, read_preset
from pawsonalize.wings.feeds.rescuegroups import read_rescuegroups
from pawsonalize.wings.feeds.rows import (
    AS_USUAL,
    FeedRow,
    Record,
    TableForm,
    by_upper_names,
    has_years,
    header_of,
    is_number,
    named_in,
    read_rows,
    read_table,
)


class _Body(msgspec.Struct, frozen=True):
    animals: list[msgspec.Raw]


_FORM = msgspec.json.Decoder(AnimalForm)
_WHOLE = msgspec.json.Decoder(list[msgspec.Raw] | _Body)

# Names in CSV compare without regard to case and underscores: birthDate, BIRTH_DATE, birth_date.
_COLUMNS = {
    spelling: name
    for name in FIELDS.values()
    for spelling in (name.upper(), name.upper().replace("_", ""))
}
_OF_ANIMAL = re.compile(r"^(ANIMAL|PET)[\W_]*(?=\w)")  # `Animal Status` is a status
_LISTS = frozenset({"photos", "colours"})
_DATES = [name for name, field in _COLUMNS.items() if field.endswith(("_at", "_date"))]


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
            yield replace(row, unread=tuple(unknown.values())) if unknown else row


def read_own_csv(content: bytes, form: TableForm = AS_USUAL) -> Iterator[FeedRow]:
    """Yield the rows of our own columns; lists are separated by `|`, an empty field is unknown."""
    read = set(form.columns.values())
    unread = tuple(name for name in header_of(content, form) if name not in read)
    table = read_table(content, _COLUMNS, ("ID", "SPECIES"), _DATES, form)
    if has_years(content, form):
        table = map(_with_years, table)
    for row in read_rows(table, lambda record: record["ID"], _form):
        yield replace(row, unread=unread)


def _with_years(row: tuple[int, Record] | FeedRow) -> tuple[int, Record] | FeedRow:
    """The record with its age in years, where that is a plain number."""
    if isinstance(row, FeedRow) or not is_number(row[1]["AGE"]):
        return row
    return row[0], {**row[1], "AGE": f"{row[1]['AGE']} years"}


def _id_columns(header: tuple[str, ...]) -> dict[str, str]:
    """Find columns that public files name as ids: `animal_id`, `_id`, `breed_id`."""
    # Of several the longest name counts: where a table has its own `_id`, that numbers the rows.
    found: dict[str, str] = {}
    for name in sorted(header, key=len):
        plain = "".join(letter for letter in name if letter.isalnum())
        field = plain.removesuffix("ID").removeprefix("ANIMAL").removeprefix("PRIMARY") or "ID"
        if plain.endswith("ID") and field in _COLUMNS and field not in header:
            found[field] = name
    return found


def _form(row: Record) -> AnimalForm:
    given = {_COLUMNS[column]: value for column, value in row.items() if value}
    if "species" not in given:
        raise InvalidInput("species is missing: fill it in", field="species")
    values: dict[str, Any] = given | {
        name: [part for part in given[name].split("|") if part.strip()]
        for name in _LISTS & {*given}
    }
    return AnimalForm(**values)


_READERS: Mapping[str, Callable[..., Iterator[FeedRow]]] = {
    "jsonl": read_json_lines,
    "csv": read_own_csv,
    "petfinder-json": read_petfinder_json,
    "asm3-json": read_asm3_json,
    "asm3-csv": read_asm3_csv,
    "rescuegroups": read_rescuegroups,
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
    options: dict[str, Any] = {}
    reader = formats()[found]
    if is_table(found, content):
        reader, options["form"] = partial(_read_table, found), form
    elif form != AS_USUAL:
        raise InvalidInput(f"--columns, --dates and --separator are of CSV: this is {found}")
    if found.startswith("asm3"):
        options["service"] = image_service(address)
    return partial(reader, **options)


def _read_table(name: str, content: bytes, form: TableForm, **options: str) -> Iterator[FeedRow]:
    columns = named_columns(name, header_of(content, form), form.columns)
    return formats()[name](content, form=replace(form, columns=columns), **options)


def is_table(name: str, content: bytes) -> bool:
    """True if a file of that format is a table, whose columns can be named."""
    return name.endswith("csv") or (name in presets() and content.lstrip()[:1] not in b"[{<")


def slots_of(name: str) -> Mapping[str, str]:
    """Return what columns of a format may hold: names for `TableForm.columns`, and words."""
    if name in presets():
        return presets()[name].slots()
    if name == "csv":
        return {bare_name(attribute): field for field, attribute in FIELDS.items()}
    return {field.upper(): field for field in READ_FIELDS} if name == "asm3-csv" else {}


def usual_columns(name: str, header: tuple[str, ...], *, guesses: bool = True) -> dict[str, str]:
    """Return what each column of a file is taken for by its name: a slot, or nothing.

    With `guesses`, in our own CSV a name that another system has, or that looks misspelt, counts
    as well.
    """
    slots, ids = slots_of(name), _id_columns(header) if name == "csv" else {}
    found = {one: bare_name(one) for one in header}
    # Where a table has an `id`, its `_id` numbers the rows.
    exact = {slot for one, slot in found.items() if one == slot or one in _COLUMNS}
    for one, slot in found.items():
        is_second = slot in exact and one != slot and one not in _COLUMNS
        if slot not in slots or slot in ids or is_second:
            found[one] = ""
    found |= {column: slot for slot, column in ids.items()}
    if name == "csv" and guesses:
        fields = {one.upper(): bare_name(one) for one in FIELDS.values()}
        for column in (one for one in header if not found[one]):
            used = set(found.values())
            left = {one: slot for one, slot in fields.items() if slot not in used}
            for own in (column, _OF_ANIMAL.sub("", column)):
                other, near = known_names().get(bare_name(own)), likely_name(own, left) or ""
                guess = other if other in left.values() else left.get(near)
                found[column] = found[column] or guess or ""
    return found


def named_columns(name: str, header: tuple[str, ...], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each slot, "" for none: that which was chosen, else the usual one.

    Nothing is guessed beside columns that were chosen by hand.
    """
    usual = usual_columns(name, header, guesses=not chosen)
    free = {
        column: slot
        for column, slot in usual.items()
        if slot not in chosen and column not in chosen.values()
    }
    return {**column_of_slots(name, free), **chosen}


def column_of_slots(name: str, by_column: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each slot, "" for none; InvalidInput if two are taken for the same."""
    slots = slots_of(name)
    found = dict.fromkeys(slots, "")
    for column, slot in by_column.items():
        if slot and found.get(slot):
            both, field = f"{found[slot]} and {column}", slots.get(slot, slot)
            raise InvalidInput(
                f"{both} are both taken for {field}: choose one, and leave the other out",
                field=column,
            )
        if slot:
            found[slot] = column
    return found


def _guessed(name: str, content: bytes, form: TableForm) -> list[str]:
    """Return a note on columns that are taken for what their names look like."""
    if name != "csv" or form.columns:
        return []
    header, slots = header_of(content, form), slots_of(name)
    sure = usual_columns(name, header, guesses=False)
    found = [
        f"{column} for {slots[slot]}"
        for column, slot in usual_columns(name, header).items()
        if slot != sure[column]
    ]
    return [f"taken by their names: {', '.join(found)}; --columns says otherwise"] if found else []


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
        if b'"data"' in start and b'"attributes"' in start:
            return "rescuegroups"
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
    read = [decoded(page, form.encoding) for page in pages]
    texts = [text for text, _ in read]
    feed = feed_of(texts[0], form.format, form.table, address)
    notes = []
    if (encoding := read[0][1]) not in {UTF8, form.encoding}:
        notes.append(f"read as {encoding}, as it looks: --encoding names another")
    above = texts[0][: len(texts[0]) - len(texts[0].lstrip())].count(b"\n")
    if "form" in feed.keywords:
        if above:
            notes.append(f"line {above + 1} names its columns: what stands above was left out")
        notes += _guessed(feed.args[0], texts[0], form.table)

    def rows() -> Iterator[FeedRow]:
        place = 0
        for text in texts:
            before = place
            for row in feed(text):
                place = before + row.place
                yield replace(row, place=place) if before else row

    return rows, notes


def decoded(content: bytes, encoding: str | None, most: int = MAX_FEED_BYTES) -> tuple[bytes, str]:
    """Return the text of a file, unpacked and in UTF-8, and its encoding."""
    stream, found = as_text(BytesIO(content), encoding)
    text = stream.read(most + 1).encode(UTF8, "surrogateescape")
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
    return _untitled(text), found


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
