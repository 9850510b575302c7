"""Datasets: their schemas, the rows of their files and calls, and their deletion."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound, PawsonalizeError
from pawsonalize.core.event import (
    DEFAULT_DATASET_GROUP,
    DEFAULT_EVENT_TYPE,
    IMPORTED,
    MAX_IMPRESSION_ITEMS,
    MAX_PROPERTIES_CHARS,
    NO_PICK,
    NOTHING,
    Event,
)
from pawsonalize.core.forms.csv_files import CsvRow
from pawsonalize.core.forms.decoder import Rejected, read_each
from pawsonalize.core.limits import parse_id
from pawsonalize.core.schemas import REQUIRED_FIELDS, DatasetType, Schema, SchemaField
from pawsonalize.core.times import LATEST, SECOND, parse_moment
from pawsonalize.events.event_form import pick_of
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    EventTracker,
    as_items,
    check_type,
    data_group,
    dataset_name,
    new_schema,
)
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.kind import is_name
from pawsonalize.resources.registry import Registry

_INT64 = 2**63


class FileColumns(msgspec.Struct, frozen=True):
    """The columns of a file in its order; a row must fill the `required` ones."""

    fields: tuple[SchemaField, ...]
    required: tuple[str, ...]

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
        known = {} if schema is None else {field.name: field for field in schema.fields}
        plain = (known.get(name) or SchemaField(name, ("null", "string")) for name in header)
        return cls(tuple(plain), tuple(name for name in header if name in required))

    def others(self, known: Sequence[str]) -> list[SchemaField]:
        """The columns that have a name, and are not among the known ones."""
        return [field for field in self.fields if field.name and field.name not in known]

    def texts(self, row: CsvRow) -> dict[str, str]:
        """The row's texts by column; InvalidInput if it leaves a required column empty."""
        columns = zip(self.fields, row.values, strict=True)
        texts = {field.name: text.strip() for field, text in columns}
        for name in self.required:
            if not texts[name]:
                raise InvalidInput("must not be empty", field=name)
        return texts


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
    others = columns.others(("ITEM_ID", _CREATED.name))

    def read(row: CsvRow) -> Item:
        texts = columns.texts(row)
        return Item(
            item_id=parse_id(texts["ITEM_ID"], "ITEM_ID"),
            attributes=_columns_of(others, texts),
            created_at=read_created_at(texts.get(_CREATED.name, "")),
        )

    return read


def user_reader(columns: FileColumns) -> Callable[[CsvRow], User]:
    """Return what makes a user of a row; it raises InvalidInput with the wrong column."""
    others = columns.others(("USER_ID",))

    def read(row: CsvRow) -> User:
        texts = columns.texts(row)
        return User(parse_id(texts["USER_ID"], "USER_ID"), _columns_of(others, texts))

    return read


def _columns_of(columns: Sequence[SchemaField], texts: Mapping[str, str]) -> Attributes:
    values = {field.name: read_value(field, texts[field.name]) for field in columns}
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


ANIMAL = "ANIMAL_ID"  # of picks alone: other rows are about groups
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
        self._others = columns.others(_KNOWN)
        values = (field for field in columns.fields if field.name == "EVENT_VALUE")
        self._value = next(values, SchemaField("EVENT_VALUE", ("double",)))
        self._hash = blake2b(json.dumps([f.name for f in columns.fields]).encode(), digest_size=16)

    def read(self, row: CsvRow) -> Event:
        """The event of a row; InvalidInput names the column that is wrong."""
        texts = self._columns.texts(row)
        user, item, moment, kind, value, recommendation, shown = (
            texts.get(name, "") for name in _KNOWN
        )
        # Of the row and its line: the same file gives the same ids, rows that repeat stay distinct,
        # a file that grew adds its new rows, and a corrected row adds itself alone.
        hashed = self._hash.copy()
        hashed.update(json.dumps([row.line, *row.values]).encode())
        picked = self._pick_of(texts, kind, recommendation)
        is_none = picked == NO_PICK
        return Event(
            event_id=f"{IMPORTED}{hashed.hexdigest()}",
            user_id=parse_id(user, "USER_ID"),
            session_id=None,
            event_type=picked or (parse_id(kind, "EVENT_TYPE") if kind else DEFAULT_EVENT_TYPE),
            item_id=NOTHING if is_none else parse_id(item, "ITEM_ID"),
            sent_at=parse_moment(moment, "TIMESTAMP"),
            received_at=self._received_at,
            event_value=float(read_number(self._value, value)) if value else None,
            recommendation_id=(
                parse_id(recommendation, "RECOMMENDATION_ID") if recommendation else None
            ),
            impression=_impression(shown) if shown else (),
            properties=self._properties(texts) if self._others else None,
            animal_id=(NOTHING if is_none else parse_id(texts[ANIMAL], ANIMAL)) if picked else None,
            dataset_group=self._dataset_group,
        )

    def _pick_of(self, texts: Mapping[str, str], kind: str, board: str) -> str | None:
        """The type of an answer to a board, in a file that names animals; None of other rows."""
        picked = pick_of(kind, self._dataset_group) if ANIMAL in texts else None
        if picked is not None and not board:
            raise InvalidInput(
                f"must be the board of the {picked}: fill it in, or leave the row out",
                field="RECOMMENDATION_ID",
            )
        if picked not in {None, NO_PICK} and not texts[ANIMAL]:
            raise InvalidInput(
                f"must be the animal of the {picked}: fill it in, or leave the row out",
                field=ANIMAL,
            )
        return picked

    def _properties(self, texts: Mapping[str, str]) -> str | None:
        found = {field.name: read_value(field, texts[field.name]) for field in self._others}
        present = {name: value for name, value in found.items() if value is not None}
        if not present:
            return None
        text = msgspec.json.encode(present).decode()
        if len(text) > MAX_PROPERTIES_CHARS:
            raise InvalidInput(
                f"the columns beyond Personalize's own make {len(text):,} characters of JSON, at"
                f" most {MAX_PROPERTIES_CHARS:,} are kept: drop some of them",
                field=self._others[0].name,
            )
        return text


def _impression(text: str) -> tuple[str, ...]:
    shown = text.split("|")
    if len(shown) > MAX_IMPRESSION_ITEMS:
        raise InvalidInput(
            f"lists {len(shown)} items, at most {MAX_IMPRESSION_ITEMS} may be", field="IMPRESSION"
        )
    return tuple(parse_id(item, "IMPRESSION") for item in shown)


_MOST = 2**63
CREATED = "CREATION_TIMESTAMP"
T = TypeVar("T")


class DatasetRow(msgspec.Struct, frozen=True):
    """An item or user as it was sent; its attributes are named as in the schema, in any case."""

    record_id: object
    attributes: Mapping[str, object]


def _put(
    records: Sequence[DatasetRow], read: Callable[[DatasetRow], T], put: Callable[[list[T]], object]
) -> tuple[Rejected, ...]:
    good, rejected = read_each(records, read)
    if good:
        put(list(good.values()))
    return tuple(rejected)


def _item(schema: Schema, record: DatasetRow) -> Item:
    item_id = parse_id(record.record_id, "itemId")
    attributes = _attributes(schema, record)
    created = attributes.pop(CREATED, None)
    return Item(item_id, attributes, None if created is None else read_created_at(str(created)))


def _user(schema: Schema, record: DatasetRow) -> User:
    return User(parse_id(record.record_id, "userId"), _attributes(schema, record))


def _attributes(schema: Schema, record: DatasetRow) -> Attributes:
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


def _value(field: SchemaField, value: object) -> str | float | None:
    if value is None:
        if field.nullable:
            return None
        raise InvalidInput(f"{field.name} is missing: send it", field=field.name)
    if isinstance(value, bool) and "boolean" in field.types:
        return str(value).lower()
    if isinstance(value, str) and "string" in field.types:
        return value
    if isinstance(value, str) and field.numeric:
        # Amazon documents numbers as text: {"numberOfRatings": "12"}.
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not (isinstance(value, int | float) and field.numeric):
        allowed = " or ".join(field.types)
        raise InvalidInput(f"{field.name} must be of the type {allowed}", field=field.name)
    number = float(value) if abs(value) < _MOST else math.inf
    if not math.isfinite(number):
        raise InvalidInput(f"{field.name} must be a finite number", field=field.name)
    if not {"float", "double"} & set(field.types) and not number.is_integer():
        raise InvalidInput(f"{field.name} must be a whole number", field=field.name)
    return number


class Datasets(msgspec.Struct, frozen=True):
    """The datasets of every dataset group."""

    registry: Registry
    log: EventLog
    catalogue: Catalogue

    def of(self, dataset_group: str, dataset_type: DatasetType) -> Dataset:
        """The group's dataset of the type; NotFound if it has none."""
        for dataset in self.registry.all(Dataset, parent=dataset_group):
            if dataset.dataset_type is dataset_type:
                return dataset
        raise NotFound(f"dataset group {dataset_group} has no {dataset_type} dataset: create one")

    def schema(self, dataset: Dataset) -> Schema:
        """The dataset's schema."""
        described = self.registry.get(DatasetSchema, dataset.schema)
        return Schema.parse(described.avro, described.dataset_type)

    def schema_of(self, place: tuple[str, DatasetType]) -> Schema | None:
        """The schema of a group's dataset of a type; None if it has no such dataset."""
        try:
            return self.schema(self.of(*place))
        except NotFound:
            return None

    def create(self, dataset: Dataset, now: int) -> Dataset:
        """Create a dataset; trainings and queries know its columns from now on."""
        created = self.registry.create(dataset, now)
        self._described(created)
        return created

    def update(self, dataset: Dataset, now: int) -> Dataset:
        """Replace a dataset by one with another schema; InvalidInput for one of another type."""
        check_type(dataset, self.registry.get(DatasetSchema, dataset.schema))
        updated = self.registry.update(dataset, now)
        self._described(updated)
        return updated

    def describe(
        self, group: str, dataset_type: DatasetType, schema: str | None, now: int, **fields: Any
    ) -> Dataset:
        """Create the group's dataset of the type, with the schema named or given as Avro JSON."""
        name, own = dataset_name(group, dataset_type), None
        if schema is None:  # the columns of the default dataset group's
            schema = dataset_name(DATASET_GROUP, dataset_type)
        elif not is_name(schema):
            own = self.registry.create(new_schema(name, schema, dataset_type), now)
            schema = own.name
        dataset = Dataset(
            name=name, dataset_group=group, dataset_type=dataset_type, schema=schema, **fields
        )
        try:
            return self.create(dataset, now)
        except PawsonalizeError:
            # A schema that was made for this dataset alone is of no use without it.
            if own is not None:
                self.registry.delete(DatasetSchema, own.name)
            raise

    def tracker(self, tracking_id: str) -> EventTracker:
        """The event tracker of that tracking id; NotFound if there is none."""
        for tracker in self.registry.all(EventTracker):
            if tracker.tracking_id == tracking_id:
                return tracker
        raise NotFound(f"there is no event tracker with the tracking id {tracking_id}: create one")

    def put(self, dataset: Dataset, records: Sequence[DatasetRow]) -> tuple[Rejected, ...]:
        """Put items, actions or users into the dataset; a bad one costs no good one."""
        catalogue, schema = self._described(dataset)
        if schema.dataset is DatasetType.USERS:
            return _put(records, partial(_user, schema), catalogue.put_users)
        return _put(records, partial(_item, schema), catalogue.put_items)

    def _described(self, dataset: Dataset) -> tuple[Catalogue, Schema]:
        """The catalogue of the dataset's group, and its schema."""
        # Trainings ask the catalogue for the schema as well.
        group = data_group(dataset.dataset_group, dataset.dataset_type)
        catalogue, schema = self.catalogue.of(group), as_items(self.schema(dataset))
        # Written only if it changed, as nearly every call just puts records.
        if catalogue.schema(schema.dataset) != schema:
            catalogue.put_schema(schema)
        return catalogue, schema

    def delete(self, name: str) -> None:
        """Delete a dataset with its data; Conflict while something is imported into it."""
        dataset = self.registry.get(Dataset, name)
        self.registry.check_unneeded(dataset)
        # Interrupted after this, it remains with none of its data, and can be deleted again.
        self.erase(dataset.dataset_group, dataset.dataset_type)
        for job in list(self.registry.all(DatasetImportJob, parent=name)):
            self.registry.delete(DatasetImportJob, job.name)
        self.registry.delete(Dataset, name)

    def delete_group(self, name: str) -> None:
        """Delete a dataset group with what is left of its data; Conflict names what goes first."""
        self.registry.check_unneeded(self.registry.get(DatasetGroup, name))
        for key in self.registry.page(AccessKey, 1, parent=name):
            raise Conflict(
                f"dataset group {name} is all that access key {key.name} ({key.note}) reaches:"
                f" take the key back first, with `pawsonalize keys delete {key.name}`"
            )
        for dataset_type in DatasetType:
            self.erase(name, dataset_type)
        self.registry.delete(DatasetGroup, name)

    def erase(
        self, dataset_group: str, dataset_type: DatasetType, *, imported_only: bool = False
    ) -> None:
        """Delete a dataset's data, or only what was imported into it."""
        group = data_group(dataset_group, dataset_type)
        match dataset_type:
            case DatasetType.INTERACTIONS | DatasetType.ACTION_INTERACTIONS:
                self.log.of(group).erase(imported_only=imported_only)
            case DatasetType.ITEMS | DatasetType.ACTIONS:
                self.catalogue.of(group).erase_items(imported_only or None)
            case DatasetType.USERS:
                self.catalogue.of(group).erase_users(imported_only or None)
