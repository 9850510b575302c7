"""Rows of a dataset's file as events, items and users."""

import json
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
from pawsonalize.domain.schemas import SchemaField
from pawsonalize.domain.times import LATEST, SECOND, parse_moment
from pawsonalize.engine.ingest.importing.columns import FileColumns, read_number, read_value
from pawsonalize.engine.ingest.importing.csv_rows import CsvRow
from pawsonalize.storage.animals.catalogue import Item, User

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
