"""Items and users that are put one by one, each checked against the schema of its dataset."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.schemas import REQUIRED_FIELDS, Field, Schema
from pawsonalize.engine.ingest.events import Rejection
from pawsonalize.engine.ingest.importing.attributes import read_created_at
from pawsonalize.storage.base import Catalogue, Item, User

_MOST = 2**63
CREATED = "CREATION_TIMESTAMP"
Attributes = dict[str, str | float | None]


@dataclass(frozen=True, slots=True)
class Record:
    """An item or user as it was sent: its id, and its attributes by name.

    Names are those of the schema in any case, with or without underscores (`ageGroup`).
    """

    record_id: object
    attributes: Mapping[str, object]


def put_items(
    catalogue: Catalogue, schema: Schema, records: Sequence[Record]
) -> tuple[Rejection, ...]:
    """Store the good ones, each replacing the item of its id whole, and report on the bad ones."""
    items: list[Item] = []
    rejected: list[Rejection] = []
    for index, record in enumerate(records):
        try:
            items.append(_item(schema, record))
        except InvalidInput as error:
            rejected.append(Rejection(index, error.code, error.message, error.field))
    if items:
        catalogue.put_items(items)
    return tuple(rejected)


def put_users(
    catalogue: Catalogue, schema: Schema, records: Sequence[Record]
) -> tuple[Rejection, ...]:
    """The same with users."""
    users: list[User] = []
    rejected: list[Rejection] = []
    for index, record in enumerate(records):
        try:
            user_id = parse_id(record.record_id, "userId")
            users.append(User(user_id, _attributes(schema, record)))
        except InvalidInput as error:
            rejected.append(Rejection(index, error.code, error.message, error.field))
    if users:
        catalogue.put_users(users)
    return tuple(rejected)


def _item(schema: Schema, record: Record) -> Item:
    item_id = parse_id(record.record_id, "itemId")
    attributes = _attributes(schema, record)
    created = attributes.pop(CREATED, None)
    return Item(item_id, attributes, None if created is None else read_created_at(str(created)))


def _attributes(schema: Schema, record: Record) -> Attributes:
    """Every column of the schema but the id; InvalidInput names one that does not fit."""
    columns = [
        field for field in schema.fields if field.name not in REQUIRED_FIELDS[schema.dataset]
    ]
    given = {_plain(name): value for name, value in record.attributes.items()}
    unknown = given.keys() - {_plain(field.name) for field in columns}
    for name in record.attributes:
        if _plain(name) in unknown:
            raise InvalidInput(
                f"{name} is not in the schema of the {schema.dataset} dataset: leave it out, or"
                " create a dataset whose schema has it",
                field=name,
            )
    return {field.name: _value(field, given.get(_plain(field.name))) for field in columns}


def _plain(name: str) -> str:
    return name.replace("_", "").upper()


def _value(field: Field, value: object) -> str | float | None:
    if value is None:
        if field.nullable:
            return None
        raise InvalidInput(f"{field.name} is missing: send it", field=field.name)
    if isinstance(value, bool):
        if "boolean" in field.types:
            return str(value).lower()
    elif isinstance(value, str):
        if "string" in field.types:
            return value
    elif isinstance(value, int | float) and field.numeric:
        return _number(field, value)
    allowed = " or ".join(field.types)
    raise InvalidInput(f"{field.name} must be of the type {allowed}", field=field.name)


def _number(field: Field, value: int | float) -> float:
    whole = not {"float", "double"} & set(field.types)
    number = float(value) if abs(value) < _MOST else math.inf
    if not math.isfinite(number):
        raise InvalidInput(f"{field.name} must be a finite number", field=field.name)
    if whole and not number.is_integer():
        raise InvalidInput(f"{field.name} must be a whole number", field=field.name)
    return number
