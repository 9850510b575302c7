"""Schemas, dataset groups and their datasets, event trackers, filters and metric attributions."""

import json
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import ACTIONS
from pawsonalize.core.schemas import REQUIRED_FIELDS, DatasetType, Schema
from pawsonalize.resources.group_limits import NO_LIMITS, GroupLimits, read_limits
from pawsonalize.resources.kind import (
    Block,
    Commands,
    Field,
    Kind,
    Native,
    Need,
    Param,
    Quota,
    Resource,
    Status,
    Values,
    Wire,
    new_tracking_id,
)

_TYPES = ", ".join(DatasetType)


class DatasetSchema(Resource, frozen=True, kw_only=True):
    """The columns of a dataset, as Avro record JSON."""

    kind: ClassVar[str] = "schema"

    dataset_type: DatasetType
    avro: str


def new_schema(
    name: str,
    avro: str,
    dataset_type: DatasetType | None = None,
    extras: Mapping[str, object] | None = None,
) -> DatasetSchema:
    """A schema of Avro record JSON; InvalidInput says what is missing or malformed."""
    # Without a type the name of the record tells which it is, or else its fields.
    dataset_type = dataset_type or _type_of(avro)
    Schema.parse(avro, dataset_type)
    return DatasetSchema(name=name, dataset_type=dataset_type, avro=avro, extras=extras or {})


def dataset_type_named(name: str) -> DatasetType:
    """The type of that name, in any case; InvalidInput lists those there are."""
    for dataset_type in DatasetType:
        if dataset_type.lower() == name.lower():
            return dataset_type
    raise InvalidInput(
        f"datasetType {name} is none of this service's: {_TYPES}", field="datasetType"
    )


def _type_of(text: str) -> DatasetType:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the schema is not JSON: {error}", field="schema") from error
    record = document if isinstance(document, dict) else {}
    for dataset_type in DatasetType:
        if dataset_type.lower() == str(record.get("name")).lower():
            return dataset_type
    listed = record.get("fields")
    fields = listed if isinstance(listed, list) else []
    names = {str(field.get("name")).upper() for field in fields if isinstance(field, dict)}
    for dataset_type, required in REQUIRED_FIELDS.items():
        if names.issuperset(required):
            return dataset_type
    raise InvalidInput(f"name the schema's record after its dataset: {_TYPES}", field="schema")


ITEMS_OF_A_SHOP: dict[str, Any] = {
    "type": "record",
    "name": "Items",
    "fields": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "GENRE", "type": ["null", "string"], "categorical": True},
    ],
}
"""A schema for examples."""


def avro_text(schema: object) -> Any:
    """Return Avro record JSON as text, if it came as an object."""
    return json.dumps(schema) if isinstance(schema, Mapping) else schema


def _create(parts: Any, values: Values, now: int) -> Any:
    named = values.get("dataset_type")
    dataset_type = None if named is None else dataset_type_named(named)
    schema = new_schema(
        values["name"], avro_text(values["schema"]), dataset_type, values.get("extras")
    )
    return parts.registry.create(schema, now)


SCHEMA_KIND = Kind(
    resource=DatasetSchema,
    quota=Quota(limit=500, scope=""),
    of_group=False,
    create=_create,
    native=Native(
        list="The columns of datasets, newest first.",
        create="Create a schema from Avro record JSON.",
        delete="Delete a schema that no dataset has.",
        request=(
            "name",
            Field("schema", dict[str, Any]),
            Field("dataset_type", str | None, default=None),
        ),
        answer=(
            "dataset_type",
            Field("schema", dict[str, Any], of=lambda one: json.loads(one.avro)),
        ),
        docs={
            "request": "A schema to create: Avro record JSON, as an object.\n\n`datasetType`"
            " may be left out where the name of the record, or its fields, tell it.",
            "answer": "The columns of a dataset.",
        },
        examples={"items of a shop": {"name": "shop-items", "schema": ITEMS_OF_A_SHOP}},
    ),
    wire=Wire(
        creates="Stores a schema; the name of its Avro record, or its fields, tell which"
        " dataset it is of.",
        deletes="Deletes a schema that no dataset has.",
        members={"schema": "schema"},
        stored=("domain",),
        shown={"schema": lambda one: one.avro},
    ),
)


# Actions lie as the items of a group of their own, beside those of their dataset group. So the log,
# the archive, erasure and training treat actions as they treat items, and neither is ever taken for
# the other. No dataset group can have such a name.
class DatasetGroup(Resource, frozen=True, kw_only=True):
    """Datasets, solutions and event trackers that belong together."""

    kind: ClassVar[str] = "dataset group"

    limits: GroupLimits = NO_LIMITS


class Dataset(Resource, frozen=True, kw_only=True):
    """Interactions, items or users of a dataset group."""

    kind: ClassVar[str] = "dataset"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    dataset_type: DatasetType
    schema: str


def dataset_name(dataset_group: str, dataset_type: DatasetType) -> str:
    """The name of the group's dataset of that type among all datasets."""
    return f"{dataset_group}-{dataset_type.lower()}"


class ImportMode(StrEnum):
    """FULL replaces what was imported before, INCREMENTAL adds to it."""

    FULL = "FULL"
    INCREMENTAL = "INCREMENTAL"


class DatasetImportJob(Resource, frozen=True, kw_only=True):
    """One import into a dataset: from where, and how many rows were good.

    `errors` are the reasons of the first rejected rows.
    """

    kind: ClassVar[str] = "dataset import job"
    owner: ClassVar[str | None] = "dataset"

    dataset: str
    source: str
    mode: ImportMode = ImportMode.INCREMENTAL
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    errors: tuple[str, ...] = ()


_ITEMS_OF = {
    DatasetType.ACTIONS: DatasetType.ITEMS,
    DatasetType.ACTION_INTERACTIONS: DatasetType.INTERACTIONS,
}
ACTION_ID = "ACTION_ID"
ITEM_ID = "ITEM_ID"


def actions_of(dataset_group: str) -> str:
    """The group that holds the dataset group's actions and their interactions."""
    return f"{dataset_group}{ACTIONS}"


def is_of_actions(dataset_type: DatasetType) -> bool:
    """True if the dataset is one of actions, or of interactions with them."""
    return dataset_type in _ITEMS_OF


def data_group(dataset_group: str, dataset_type: DatasetType) -> str:
    """The group that holds the data of such a dataset."""
    return actions_of(dataset_group) if is_of_actions(dataset_type) else dataset_group


def as_items(schema: Schema) -> Schema:
    """The schema of actions in the words of items; any other as it is."""
    if not is_of_actions(schema.dataset):
        return schema
    fields = tuple(
        replace(field, name=ITEM_ID) if field.name == ACTION_ID else field
        for field in schema.fields
    )
    return Schema(_ITEMS_OF[schema.dataset], fields)


DATASET_GROUPS = 5
IMPORTS_IN_WORK = 5
PANEL = "Several shelters, datasets and filters"
_OTHER_GROUP = "shelter-b"


def check_type(dataset: Dataset, schema: DatasetSchema) -> None:
    """InvalidInput for a schema of another type of dataset."""
    if schema.dataset_type is not dataset.dataset_type:
        raise InvalidInput(
            f"schema {schema.name} is of {schema.dataset_type}, and the dataset of"
            f" {dataset.dataset_type}: choose another schema",
            field="schema",
        )


_LIMITS = Param(
    "limits",
    type=list[str],
    flag="--limit",
    help="name=value, or name= for none: requests_per_minute, events_per_minute, events_per_day,"
    " stored_events, trainings_per_day, event_days, retrain_schedule, weight; may be repeated.",
    read=read_limits,
)
DATASET_GROUP_KIND = Kind(
    resource=DatasetGroup,
    quota=Quota(limit=DATASET_GROUPS, scope="", advice=", or raise the setting max_dataset_groups"),
    of_group=False,
    create=lambda parts, values, now: parts.dataset_groups.create(now=now, **values),
    change=lambda parts, name, changes, now: parts.dataset_groups.change(
        name, changes.get("limits", {}), now
    ),
    delete=lambda parts, name, _now: parts.datasets.delete_group(name),
    native=Native(
        list="What belongs together, newest first.",
        create="Create a dataset group.",
        change="Change the limits of a dataset group.",
        delete="Delete a dataset group with what is left of its data; 409 names what goes first.",
        request=("name", "limits", "tags"),
        changes=(Field("limits", GroupLimits),),
        answer=("limits",),
        docs={
            "request": "A dataset group to create.",
            "change": "What to change of a dataset group.",
            "answer": "Datasets, solutions and event trackers that belong together, and their"
            " limits.",
        },
        examples={"a second shelter": {"name": _OTHER_GROUP, "limits": {"eventsPerDay": 100_000}}},
        change_examples={
            "limits": {"limits": {"eventsPerDay": 250_000, "requestsPerMinute": None}}
        },
    ),
    wire=Wire(
        creates="Creates a dataset group; its domain says which recommenders it has, role and key"
        " are kept.",
        deletes="Deletes a dataset group that is empty: its solutions, filters, datasets… go"
        " first.",
        stored=("domain", "roleArn", "kmsKeyArn"),
    ),
    commands=Commands(
        panel=PANEL,
        about="Dataset groups: datasets and solutions that belong together.",
        columns=("name", "status", "created_at", "limits"),
        filter="",
        show=("Show a dataset group.", _OTHER_GROUP),
        create=(
            "Create a dataset group; running servers know it at once.",
            f"{_OTHER_GROUP} --limit events_per_day=100000",
        ),
        params=("name", _LIMITS),
        begins=True,
        update=(
            "Change limits of a dataset group; running servers keep to them within a second.",
            f"{_OTHER_GROUP} --limit trainings_per_day=4",
        ),
        changes=(_LIMITS,),
        delete=(
            "Delete a dataset group with what is left of its data; what is in it goes first.",
            _OTHER_GROUP,
        ),
    ),
)


def _create_dataset(parts: Any, values: Values, now: int) -> Any:
    return parts.datasets.describe(
        values["dataset_group"],
        dataset_type_named(values["dataset_type"]),
        avro_text(values.get("schema")),
        now,
        tags=values.get("tags", {}),
        extras=values.get("extras", {}),
    )


def _read_schema(given: str) -> str:
    """Return what the file of that name holds, or the name if there is no such file."""
    if not Path(given).is_file():
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{given} cannot be read: {error}", field="schema") from error


DATASET_KIND = Kind(
    resource=Dataset,
    parent=DatasetGroup,
    refers={"schema": DatasetSchema},
    needs=(Need("schema", DatasetSchema, check_type),),
    blocks=(Block(DatasetSchema, lambda one, schema: one.schema == schema.name, lambda _: None),),
    quota=Quota(limit=1, alike="dataset_type", scope=" of a type in a dataset group"),
    create=_create_dataset,
    delete=lambda parts, name, _now: parts.datasets.delete(name),
    native=Native(
        list="Interactions, items and users of dataset groups, newest first.",
        create="Create a dataset of a dataset group, with its schema.",
        delete="Delete a dataset with its data.",
        request=(
            Field("dataset_type", str),
            "dataset_group",
            Field("schema", str | dict[str, Any] | None, default=None),
        ),
        answer=("dataset_group", "dataset_type", "schema"),
        docs={
            "request": "A dataset to create: `Interactions`, `Items` or `Users` of a dataset"
            " group.\n\n`schema` is the name of one, or Avro record JSON as an object, which is"
            " stored under the\ndataset's name. Left out, the columns are those of the default"
            " dataset group's.",
            "answer": "A dataset, and the name of its schema.",
        },
        examples={
            "items": {
                "datasetGroup": _OTHER_GROUP,
                "datasetType": "Items",
                "schema": ITEMS_OF_A_SHOP,
            }
        },
    ),
    wire=Wire(
        creates="Creates the Interactions, Items or Users of a dataset group, which has one of"
        " each.",
        deletes="Deletes a dataset with its data, unless an import is running into it.",
        members={"datasetType": "dataset_type"},
        stored=("name",),
        shown={"datasetType": lambda one: one.dataset_type.upper()},
    ),
    commands=Commands(
        panel=PANEL,
        about="Datasets: interactions, items and users.",
        columns=("name", "dataset_group", "dataset_type", "schema", "status"),
        show=("Show a dataset.", "shelter-b-items"),
        create=(
            "Create a dataset; its name is its dataset group's and its type.",
            "Items --dataset-group shelter-b --schema items.avsc",
        ),
        params=(
            Param("dataset_type", "Interactions, Items or Users.", type=str, is_argument=True),
            "dataset_group",
            Param(
                "schema",
                "A file of Avro JSON, or the name of a schema that is there.",
                unset="the columns of the default dataset group",
                read=_read_schema,
            ),
        ),
        delete=(
            "Delete a dataset with its data, unless something is imported into it.",
            "shelter-b-items",
        ),
    ),
)
IMPORT_KIND = Kind(
    resource=DatasetImportJob,
    parent=Dataset,
    quota=Quota(limit=IMPORTS_IN_WORK, of_parent=False, of_group=True, in_work=True),
    is_job=True,
    of_group=False,
    wire=Wire(
        creates="Imports CSV from `s3://`, or `file://` below a folder that the settings name.",
        members={"dataSource.dataLocation": "source", "importMode": "mode"},
        stored=("roleArn",),
        defaults={"mode": ImportMode.FULL, "status": Status.CREATE_PENDING},
        shown={"publishAttributionMetricsToS3": lambda _one: False},
    ),
)


class AttributedMetric(msgspec.Struct, frozen=True):
    """A sum over the events of a type: `SAMPLECOUNT()` or `SUM(Interactions.…)`."""

    name: str
    event_type: str
    expression: str


class MetricAttribution(Resource, frozen=True, kw_only=True):
    """The metrics of a dataset group, reported below `target` if it is given.

    Reports hold what the log has up to the offset `reported`, each event once.
    """

    kind: ClassVar[str] = "metric attribution"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    metrics: tuple[AttributedMetric, ...]
    target: str | None = None
    reported: int = 0
    reported_at: int = 0


METRIC_ATTRIBUTION_KIND = Kind(
    resource=MetricAttribution,
    parent=DatasetGroup,
    quota=Quota(limit=1),
    of_group=False,
    create=lambda parts, values, now: parts.attributions.create(MetricAttribution(**values), now),
    wire=Wire(
        creates="Adds up events by source or recommending solution; reports as CSV every hour, if"
        " asked to.",
        deletes="Deletes a metric attribution; its reports stay.",
    ),
)


class EventTracker(Resource, frozen=True, kw_only=True):
    """Permission to send events into a dataset group, by its tracking id."""

    kind: ClassVar[str] = "event tracker"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    tracking_id: str


EVENT_TRACKER_KIND = Kind(
    resource=EventTracker,
    parent=DatasetGroup,
    quota=Quota(limit=1),
    create=lambda parts, values, now: parts.registry.create(
        EventTracker(**values, tracking_id=new_tracking_id()), now
    ),
    native=Native(
        list="Who may send events over the Personalize API, newest first.",
        create="Create the event tracker of a dataset group.",
        delete="Delete an event tracker; its events stay.",
        request=("name", "dataset_group", "tags"),
        answer=("dataset_group", "tracking_id"),
        docs={
            "request": "An event tracker to create; a dataset group has one.",
            "answer": "Permission to send events into a dataset group over the Personalize API.",
        },
        examples={"of a second shelter": {"name": "shelter-b", "datasetGroup": "shelter-b"}},
    ),
    wire=Wire(
        creates="Creates the event tracker of a dataset group, which has one, with a new"
        " tracking id.",
        shown={"trackingId": lambda one: one.tracking_id},
    ),
    commands=Commands(
        panel=PANEL,
        about="Event trackers: ids to send events with.",
        columns=("name", "dataset_group", "tracking_id", "status"),
        show=("Show a event tracker.", "shelter-b"),
        create=(
            "Create the event tracker of a dataset group, which has one, and print its tracking"
            " id.",
            "shelter-b --dataset-group shelter-b",
        ),
        params=("name", "dataset_group"),
        delete=(
            "Delete an event tracker: its tracking id takes no more events, those there are stay.",
            "shelter-b",
        ),
    ),
)


class Filter(Resource, frozen=True, kw_only=True):
    """An expression that says which items an answer may hold."""

    kind: ClassVar[str] = "filter"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    expression: str


FILTER_KIND = Kind(
    resource=Filter,
    parent=DatasetGroup,
    quota=Quota(limit=10),
    create=lambda parts, values, now: parts.filters.create(now=now, **values),
    native=Native(
        tag="Filters",
        list="Which items answers may hold, by name, newest first.",
        create="Create a filter from an expression.",
        delete="Delete a filter.",
        request=("name", "expression", "dataset_group"),
        answer=("dataset_group", "expression"),
        docs={
            "request": "A filter to create: its name, and what it says in Amazon Personalize's"
            " filter language.",
            "answer": "An expression that says which items an answer may hold.",
        },
        examples={
            "no cats": {
                "name": "no-cats",
                "expression": 'EXCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")',
            }
        },
        by_address=True,
    ),
    wire=Wire(
        creates="Creates a filter in Amazon's language; it is ACTIVE at once.",
        deletes="Deletes a filter; requests that name it from then on are refused.",
        members={"filterExpression": "expression"},
        plural="Filters",
    ),
    commands=Commands(
        panel=PANEL,
        about="Filters: which items an answer may hold.",
        columns=("name", "dataset_group", "status", "expression"),
        show=("Show a filter.", "dogs-only"),
        create=(
            "Create a filter; running servers know it at once.",
            "dogs-only 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN (\"2\")'",
        ),
        params=(
            "name",
            Param("expression", "What passes: see docs/reference/filters.md.", is_argument=True),
            "dataset_group",
        ),
        delete=(
            "Delete a filter; who names it from now on is told that there is none.",
            "dogs-only",
        ),
    ),
)
