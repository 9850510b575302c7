"""Our own formats: JSON Lines and CSV with the names of `PUT /v1/animals`."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.decoder import decode
from pawsonalize.engine.ingest.decoding.unknown_fields import UnknownFields, likely_name
from pawsonalize.engine.ingest.inventory.form import FIELDS, AnimalForm
from pawsonalize.wings.feeds.feed import FeedRow, named_in, read_rows
from pawsonalize.wings.feeds.table import AS_USUAL, Record, TableForm, header_of, read_table

_FORM = msgspec.json.Decoder(AnimalForm)

# Names in CSV compare without regard to case and underscores: birthDate, BIRTH_DATE, birth_date.
_COLUMNS = {
    spelling: name
    for name in FIELDS.values()
    for spelling in (name.upper(), name.upper().replace("_", ""))
}
_LISTS = frozenset({"photos", "colours"})
_DATES = [name for name, field in _COLUMNS.items() if field.endswith(("_at", "_date"))]


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
    header = header_of(content, form)
    read_as = replace(form, columns={**_id_columns(header), **form.columns})
    unread = tuple(name for name in header if not read_as.reads(name, _COLUMNS))
    if not form.columns:
        _check_spelling(unread, {*header, *read_as.columns})
    for row in read_table(content, _COLUMNS, ("ID", "SPECIES"), _DATES, read_as):
        if isinstance(row, FeedRow):
            yield row
            continue
        for read in read_rows([row], lambda record: record["ID"], _form):
            yield replace(read, unread=unread)


def _id_columns(header: tuple[str, ...]) -> dict[str, str]:
    """The columns of fields that public files name as ids: `animal_id`, `_id`, `breed_id`.

    Of several the longest name has it: where a table has its own `_id`, it numbers the rows.
    """
    found: dict[str, str] = {}
    for name in sorted(header, key=len):
        plain = "".join(letter for letter in name if letter.isalnum())
        field = plain.removesuffix("ID").removeprefix("ANIMAL").removeprefix("PRIMARY") or "ID"
        if plain.endswith("ID") and field in _COLUMNS and field not in header:
            found[field] = name
    return found


def _check_spelling(unread: tuple[str, ...], there: set[str]) -> None:
    for name in unread:
        right = likely_name(
            name, [one for one in map(str.upper, FIELDS.values()) if one not in there]
        )
        if right is not None:
            raise InvalidInput(
                f"there is no column {name}: write {right.lower()}, or, if it is something else,"
                " say with --columns which columns hold what",
                field=name,
            )


def _form(row: Record) -> AnimalForm:
    told = {_COLUMNS[column]: value for column, value in row.items() if value}
    if "species" not in told:
        raise InvalidInput("species is missing: fill it in", field="species")
    values: dict[str, Any] = told | {
        name: [part for part in told[name].split("|") if part.strip()] for name in _LISTS & {*told}
    }
    return AnimalForm(**values)
