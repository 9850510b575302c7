"""Our own formats: JSON Lines and CSV with the names of `PUT /v1/animals`."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.decoding import decode
from pawsonalize.engine.feeds.feed import FeedRow, read_rows
from pawsonalize.engine.feeds.table import Record, read_table
from pawsonalize.engine.feeds.words import amount, flag
from pawsonalize.engine.inventory.form import AnimalForm


class _Named(msgspec.Struct, frozen=True):
    """What is read of a line first: even of a bad one it is known whose it is."""

    id: str | int | None = None


_NAMED = msgspec.json.Decoder(_Named)
_FORM = msgspec.json.Decoder(AnimalForm)

_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(AnimalForm)}
# Names in CSV compare without regard to case and underscores: birthDate, BIRTH_DATE, birth_date.
_COLUMNS = {
    spelling: name
    for name in _FIELDS.values()
    for spelling in (name.upper(), name.upper().replace("_", ""))
}
_FLAGS = frozenset({"mixed", "altered", "house_trained", "special_needs"})
_NUMBERS = frozenset({"fee", "latitude", "longitude"})
_LISTS = frozenset({"photos", "colours"})
_HOUSEHOLD = frozenset({"good_with_kids", "good_with_dogs", "good_with_cats"})


def read_json_lines(content: bytes) -> Iterator[FeedRow]:
    """One JSON object a line; blank lines are none."""
    for place, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            named = decode(_NAMED, line)
        except InvalidInput as error:
            yield FeedRow(place, None, reason=error.message)
            continue
        yield from read_rows([(place, (named, line))], _id_of, _decoded)


def _id_of(record: tuple[_Named, bytes]) -> str | int | None:
    return record[0].id


def _decoded(record: tuple[_Named, bytes]) -> AnimalForm:
    return decode(_FORM, record[1])


def read_own_csv(content: bytes) -> Iterator[FeedRow]:
    """Columns as in JSON; lists are separated by `|`, empty fields are not known."""
    for row in read_table(content, _COLUMNS, ("ID", "SPECIES")):
        if isinstance(row, FeedRow):
            yield row
        else:
            yield from read_rows([row], lambda record: record["ID"], _form)


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
