"""Dataset groups, datasets, imports, event trackers, filters and metric attributions."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import ACTIONS
from pawsonalize.core.schemas import DatasetType, Schema
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
    Values,
    Wire,
)
from pawsonalize.resources.resource import Resource, Status
from pawsonalize.resources.schemas import (
    ITEMS_OF_A_SHOP,
    DatasetSchema,
    avro_text,
    dataset_type_named,
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
