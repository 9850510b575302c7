"""Our own formats: JSON Lines and CSV with the names of `PUT /v1/animals`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.decoder import decode
from pawsonalize.engine.ingest.decoding.unknown_fields import UnknownFields, meant
from pawsonalize.engine.ingest.feeds.feed import FeedRow, amount, flag, named_in, read_rows
from pawsonalize.engine.ingest.feeds.table import AS_USUAL, Record, TableForm, header_of, read_table
from pawsonalize.engine.ingest.inventory.form import AnimalForm

_FORM = msgspec.json.Decoder(AnimalForm)

_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(AnimalForm)}
# Names in CSV compare without regard to case and underscores: birthDate, BIRTH_DATE, birth_date.
_COLUMNS = {
    spelling: name
    for name in _FIELDS.values()
    for spelling in (name.upper(), name.upper().replace("_", ""))
}
_FLAGS = frozenset({"mixed", "altered", "house_trained", "special_needs"})
_NUMBERS = frozenset({"fee", "latitude", "longitude", "priority"})
_LISTS = frozenset({"photos", "colours"})
_DATES = [name for name, field in _COLUMNS.items() if field.endswith(("_at", "_date"))]
_HOUSEHOLD = frozenset({"good_with_kids", "good_with_dogs", "good_with_cats"})


def read_json_lines(content: bytes) -> Iterator[FeedRow]:
    """One JSON object a line; blank lines are none."""
    for place, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        unknown = UnknownFields()
        try:
            record = decode(_FORM, line, unknown)
        except InvalidInput as error:
            yield FeedRow(place, named_in(line), reason=error.message)
            continue
        for row in read_rows([(place, record)], lambda one: one.id, lambda one: one):
            yield replace(row, unread=tuple(unknown)) if unknown else row


def read_own_csv(content: bytes, form: TableForm = AS_USUAL) -> Iterator[FeedRow]:
    """Columns as in JSON; lists are separated by `|`, an empty field is unknown.

    InvalidInput for a column that looks like a misspelt one of ours, unless `form.columns` names
    the columns.
    """
    unread = _unread(header_of(content, form), form)
    for row in read_table(content, _COLUMNS, ("ID", "SPECIES"), _DATES, form):
        if isinstance(row, FeedRow):
            yield row
            continue
        for read in read_rows([row], lambda record: record["ID"], _form):
            yield replace(read, unread=unread)


def _unread(header: tuple[str, ...], form: TableForm) -> tuple[str, ...]:
    """The columns that are not ours."""
    unread = tuple(name for name in header if not form.reads(name, _COLUMNS))
    for name in () if form.columns else unread:
        right = meant(name, [one for one in map(str.upper, _FIELDS.values()) if one not in header])
        if right is not None:
            raise InvalidInput(
                f"there is no column {name}: write {right.lower()}, or, if it is something else,"
                " say with --columns which columns hold what",
                field=name,
            )
    return unread


def _form(row: Record) -> AnimalForm:
    told = {_COLUMNS[column]: value for column, value in row.items() if value}
    if "species" not in told:
        raise InvalidInput("species is missing: fill it in", field="species")
    values: dict[str, Any] = {name: _value(name, text) for name, text in told.items()}
    return AnimalForm(**values)


def _value(name: str, text: str) -> object:
    if name in _FLAGS:
        return flag(text, name)
    if name in _NUMBERS:
        return amount(text, name)
    if name in _LISTS:
        return [part for part in text.split("|") if part.strip()]
    if name in _HOUSEHOLD and text.lower() not in {"selective", "unknown"}:
        return flag(text, name)
    return text
