"""Rows of a dataset's file as events, items and users."""

import json
import math
from collections.abc import Callable, Sequence
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
    """The columns of a file in its order; `required` are the places of those a row must fill."""

    fields: tuple[SchemaField, ...]
    required: tuple[int, ...]

    @classmethod
    def match(
        cls, header: Sequence[str], dataset: DatasetType, schema: Schema | None
    ) -> "FileColumns":
        """Type the header's columns by the schema, else plainly; InvalidInput if one is missing."""
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
        known = {} if schema is None else {field.name: field for field in schema.fields}
        plain = (known.get(name) or SchemaField(name, ("null", "string")) for name in header)
        return cls(tuple(plain), places)

    def place(self, name: str) -> int | None:
        """The index of a column, None if the file has none of that name."""
        names = [field.name for field in self.fields]
        return names.index(name) if name in names else None

    def required_place(self, name: str) -> int:
        """The index of a column that `match` requires."""
        found = self.place(name)
        assert found is not None
        return found

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


_CREATED = SchemaField("CREATION_TIMESTAMP", ("double",))
Attributes = dict[str, str | float | None]


def item_reader(columns: FileColumns) -> Callable[[CsvRow], Item]:
    """Return what makes an item of a row; it raises InvalidInput with the wrong column."""
    item_id, created = columns.required_place("ITEM_ID"), columns.place("CREATION_TIMESTAMP")
    others = columns.others(("ITEM_ID", "CREATION_TIMESTAMP"))

    def read(row: CsvRow) -> Item:
        columns.refuse_empty(row)
        return Item(
            item_id=parse_id(row.values[item_id], "ITEM_ID"),
            attributes=_attributes(others, row),
            created_at=None if created is None else read_created_at(row.values[created]),
        )

    return read


def user_reader(columns: FileColumns) -> Callable[[CsvRow], User]:
    """Return what makes a user of a row; it raises InvalidInput with the wrong column."""
    user_id, others = columns.required_place("USER_ID"), columns.others(("USER_ID",))

    def read(row: CsvRow) -> User:
        columns.refuse_empty(row)
        return User(parse_id(row.values[user_id], "USER_ID"), _attributes(others, row))

    return read


def _attributes(columns: list[tuple[int, SchemaField]], row: CsvRow) -> Attributes:
    values = {field.name: read_value(field, row.values[at]) for at, field in columns}
    return {name: float(one) if isinstance(one, int) else one for name, one in values.items()}


def read_created_at(text: str) -> int | None:
    """Epoch seconds as milliseconds; any past moment will do: catalogues hold placeholders."""
    text = text.strip()
    if not text:
        return None
    moment = round(read_number(_CREATED, text) * SECOND)
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
    """Makes events of the rows of one file; `received_at` is the moment of the import."""

    def __init__(
        self, columns: FileColumns, received_at: int, dataset_group: str = DEFAULT_DATASET_GROUP
    ) -> None:
        self._dataset_group = dataset_group
        self._columns = columns
        self._received_at = received_at
        self._places = tuple(columns.place(name) for name in _KNOWN)
        self._others = columns.others(_KNOWN)
        values = (field for field in columns.fields if field.name == "EVENT_VALUE")
        self._value = next(values, SchemaField("EVENT_VALUE", ("double",)))
        self._hash = blake2b(json.dumps([f.name for f in columns.fields]).encode(), digest_size=16)

    def read(self, row: CsvRow) -> Event:
        """The event of a row; InvalidInput names the column that is wrong."""
        self._columns.refuse_empty(row)
        texts = ["" if at is None else row.values[at].strip() for at in self._places]
        user, item, moment, kind, value, recommendation, shown = texts
        # Of the row and its line: the same file gives the same ids, rows that repeat stay distinct,
        # a file that grew adds its new rows, and a corrected row adds itself alone.
        hashed = self._hash.copy()
        hashed.update(json.dumps([row.line, *row.values]).encode())
        return Event(
            event_id=f"{IMPORTED}{hashed.hexdigest()}",
            user_id=parse_id(user, "USER_ID"),
            session_id=None,
            event_type=parse_id(kind, "EVENT_TYPE") if kind else DEFAULT_EVENT_TYPE,
            item_id=parse_id(item, "ITEM_ID"),
            sent_at=parse_moment(moment, "TIMESTAMP"),
            received_at=self._received_at,
            event_value=float(read_number(self._value, value)) if value else None,
            recommendation_id=(
                parse_id(recommendation, "RECOMMENDATION_ID") if recommendation else None
            ),
            impression=_impression(shown) if shown else (),
            properties=self._properties(row) if self._others else None,
            dataset_group=self._dataset_group,
        )

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
