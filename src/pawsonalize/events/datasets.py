"""Datasets: their schemas, their data, and their deletion."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound, PawsonalizeError
from pawsonalize.core.forms.decoder import Rejected, read_each
from pawsonalize.core.limits import parse_id
from pawsonalize.core.schemas import REQUIRED_FIELDS, DatasetType, Schema, SchemaField
from pawsonalize.events.csv_rows import read_created_at
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

_MOST = 2**63
CREATED = "CREATION_TIMESTAMP"
Attributes = dict[str, str | float | None]
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
                f" take the key back first, with `pawsonalize keys rm {key.name}`"
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
