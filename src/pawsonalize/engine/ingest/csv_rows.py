"""Rows of a dataset's file as events, items and users."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import (
    DEFAULT_DATASET_GROUP,
    DEFAULT_EVENT_TYPE,
    MAX_IMPRESSION_ITEMS,
    MAX_PROPERTIES_CHARS,
    Event,
)
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.schemas import REQUIRED_FIELDS, DatasetType, Schema, SchemaField
from pawsonalize.domain.times import LATEST, SECOND, parse_moment
from pawsonalize.engine.ingest.csv_files import CsvRow
from pawsonalize.storage.animals.catalogue import Item, User

_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The place of each column of a file; `fields` and values have the same order.

    `required` are the places of columns that a row must fill.
    """

    fields: tuple[SchemaField, ...]
    required: tuple[int, ...]

    @classmethod
    def match(
        cls, header: Sequence[str], dataset: DatasetType, schema: Schema | None
    ) -> "FileColumns":
        """Type the header's columns by the schema, or plainly where it names none.

        InvalidInput for a required column that the header lacks.
        """
        required = set(REQUIRED_FIELDS[dataset])
        if schema is not None:
            required |= {field.name for field in schema.fields if not field.nullable}
        missing = sorted(required - set(header))
        if missing:
            raise InvalidInput(
                f"the {dataset} file lacks the column {missing[0]}; its first line names"
                f" {', '.join(header)[:200]}. Separate columns by commas, semicolons or"
                " tabs",
                field=missing[0],
            )
        places = tuple(at for at, name in enumerate(header) if name in required)
        return cls(tuple(_field(name, schema) for name in header), places)

    def place(self, name: str) -> int | None:
        """The index of a column, None if the file has none of that name."""
        names = [field.name for field in self.fields]
        return names.index(name) if name in names else None

    def others(self, known: Sequence[str]) -> list[tuple[int, SchemaField]]:
        """The columns that are not among the known ones, with their indexes."""
        return [(at, field) for at, field in enumerate(self.fields) if field.name not in known]

    def refuse_empty(self, row: CsvRow) -> None:
        """InvalidInput if the row leaves a required column empty."""
        for at in self.required:
            if not row.values[at].strip():
                raise InvalidInput("must not be empty", field=self.fields[at].name)


def read_schema(text: str) -> Schema:
    """Read Avro JSON whose `name` says the dataset: Interactions, Items or Users."""
    try:
        name = json.loads(text)["name"]
        dataset = DatasetType(str(name).strip().capitalize())
    except (ValueError, RecursionError, KeyError, TypeError, IndexError) as error:
        raise InvalidInput(
            'the schema must be Avro JSON with "name": "Interactions", "Items" or "Users"',
            field="schema",
        ) from error
    return Schema.parse(text, dataset)


def read_value(field: SchemaField, text: str) -> str | int | float | None:
    """A value in its schema's type, None if empty; InvalidInput if it does not fit."""
    text = text.strip()
    if not text:
        return None
    if field.numeric and "string" not in field.types:
        return read_number(field, text)
    if "boolean" in field.types and "string" not in field.types:
        if text.lower() not in {"true", "false"}:
            raise InvalidInput("must be true or false", field=field.name)
        return text.lower()
    return text


def read_number(field: SchemaField, text: str) -> int | float:
    """A finite number, whole where the schema knows only whole ones; InvalidInput otherwise."""
    try:
        if "_" in text:  # Python's spelling, nobody else's
            raise ValueError
        fractional = not field.numeric or {"float", "double"} & set(field.types)
        if not fractional and "." not in text:
            whole = int(text)
        else:
            number = float(text)
            if not math.isfinite(number):
                raise ValueError
            if fractional:
                return number
            if not number.is_integer():
                raise InvalidInput("must be a whole number", field=field.name)
            whole = int(number)
        if not -_INT64 <= whole < _INT64:
            raise ValueError
    except ValueError as error:
        raise InvalidInput("must be a number", field=field.name) from error
    return whole


def _field(name: str, schema: Schema | None) -> SchemaField:
    given = schema.field(name) if schema is not None else None
    return given or SchemaField(name, ("null", "string"))


_CREATED = SchemaField("CREATION_TIMESTAMP", ("double",))
Attributes = dict[str, str | float | None]


class ItemReader:
    """Makes items of the rows of one file."""

    def __init__(self, columns: FileColumns) -> None:
        self._columns = columns
        self._id = columns.place("ITEM_ID")
        self._created = columns.place("CREATION_TIMESTAMP")
        self._others = columns.others(("ITEM_ID", "CREATION_TIMESTAMP"))

    def read(self, row: CsvRow) -> Item:
        """The item of a row; InvalidInput names the column that is wrong."""
        self._columns.refuse_empty(row)
        assert self._id is not None, "a required column"
        return Item(
            item_id=parse_id(row.values[self._id], "ITEM_ID"),
            attributes=_attributes(self._others, row),
            created_at=None
            if self._created is None
            else read_created_at(row.values[self._created]),
        )


class UserReader:
    """Makes users of the rows of one file."""

    def __init__(self, columns: FileColumns) -> None:
        self._columns = columns
        self._id = columns.place("USER_ID")
        self._others = columns.others(("USER_ID",))

    def read(self, row: CsvRow) -> User:
        """The user of a row; InvalidInput names the column that is wrong."""
        self._columns.refuse_empty(row)
        assert self._id is not None, "a required column"
        return User(parse_id(row.values[self._id], "USER_ID"), _attributes(self._others, row))


def _attributes(columns: list[tuple[int, SchemaField]], row: CsvRow) -> Attributes:
    return {field.name: _attribute(field, row.values[at]) for at, field in columns}


def _attribute(field: SchemaField, text: str) -> str | float | None:
    value = read_value(field, text)
    return float(value) if isinstance(value, int) else value


def read_created_at(text: str) -> int | None:
    """Epoch seconds as milliseconds; any past moment will do: catalogues hold placeholders."""
    text = text.strip()
    if not text:
        return None
    moment = round(read_number(SchemaField("CREATION_TIMESTAMP", ("double",)), text) * SECOND)
    if abs(moment) >= LATEST:
        raise InvalidInput(
            "must be epoch seconds, before the year 2100", field="CREATION_TIMESTAMP"
        )
    return moment


IMPORTED = "import-"  # how the ids of imported events begin
_KNOWN = (
    "USER_ID",
    "ITEM_ID",
    "TIMESTAMP",
    "EVENT_TYPE",
    "EVENT_VALUE",
    "RECOMMENDATION_ID",
    "IMPRESSION",
)


class EventReader:
    """Makes events of the rows of one file; `received_at` is the moment of the import.

    An event's id is a hash of the row's content and its line. So the same file gives the same
    ids, rows that repeat stay distinct, a file that grew at its end adds its new rows, and a row
    that was corrected in place adds itself alone: nothing has to be remembered.
    """

    def __init__(
        self,
        columns: FileColumns,
        received_at: int,
        dataset_group: str = DEFAULT_DATASET_GROUP,
    ) -> None:
        self._dataset_group = dataset_group
        self._columns = columns
        self._received_at = received_at
        self._places = tuple(columns.place(name) for name in _KNOWN)
        self._others = columns.others(_KNOWN)
        self._hash = blake2b(json.dumps([f.name for f in columns.fields]).encode(), digest_size=16)

    def read(self, row: CsvRow) -> Event:
        """The event of a row; InvalidInput names the column that is wrong."""
        self._columns.refuse_empty(row)
        texts = ["" if at is None else row.values[at].strip() for at in self._places]
        user, item, moment, kind, value, recommendation, shown = texts
        return Event(
            event_id=self._id(row),
            user_id=parse_id(user, "USER_ID"),
            session_id=None,
            event_type=parse_id(kind, "EVENT_TYPE") if kind else DEFAULT_EVENT_TYPE,
            item_id=parse_id(item, "ITEM_ID"),
            sent_at=parse_moment(moment, "TIMESTAMP"),
            received_at=self._received_at,
            event_value=self._value(value) if value else None,
            recommendation_id=(
                parse_id(recommendation, "RECOMMENDATION_ID") if recommendation else None
            ),
            impression=_impression(shown) if shown else (),
            properties=self._properties(row) if self._others else None,
            dataset_group=self._dataset_group,
        )

    def _id(self, row: CsvRow) -> str:
        hashed = self._hash.copy()
        hashed.update(json.dumps([row.line, *row.values]).encode())
        return f"{IMPORTED}{hashed.hexdigest()}"

    def _value(self, text: str) -> float:
        place = self._places[_KNOWN.index("EVENT_VALUE")]
        assert place is not None, "a value comes from a column"
        return float(read_number(self._columns.fields[place], text))

    def _properties(self, row: CsvRow) -> str | None:
        found = {field.name: read_value(field, row.values[at]) for at, field in self._others}
        present = {name: value for name, value in found.items() if value is not None}
        if not present:
            return None
        text = msgspec.json.encode(present).decode()
        if len(text) > MAX_PROPERTIES_CHARS:
            raise InvalidInput(
                f"the columns beyond Personalize's own make {len(text):,} characters of JSON, at"
                f" most {MAX_PROPERTIES_CHARS:,} are kept: drop some of them",
                field=self._others[0][1].name,
            )
        return text


def _impression(text: str) -> tuple[str, ...]:
    shown = text.split("|")
    if len(shown) > MAX_IMPRESSION_ITEMS:
        raise InvalidInput(
            f"lists {len(shown)} items, at most {MAX_IMPRESSION_ITEMS} may be", field="IMPRESSION"
        )
    return tuple(parse_id(item, "IMPRESSION") for item in shown)
