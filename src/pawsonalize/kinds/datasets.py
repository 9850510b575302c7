"""Where data belongs: dataset groups, schemas, datasets, trackers, filters, metric attributions.

Actions lie as the items of a group of their own, beside those of their dataset group. So the
log, the archive, erasure and training treat actions as they treat items, and neither is ever
taken for the other. No dataset group can have such a name.
"""

from dataclasses import replace
from enum import StrEnum
from typing import ClassVar

import msgspec

from pawsonalize.domain.events import ACTIONS
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.kinds.group_limits import NO_LIMITS, GroupLimits
from pawsonalize.kinds.resource import Resource


class DatasetGroup(Resource, frozen=True, kw_only=True):
    """Datasets, solutions and event trackers that belong together."""

    kind: ClassVar[str] = "dataset group"

    limits: GroupLimits = NO_LIMITS


class DatasetSchema(Resource, frozen=True, kw_only=True):
    """The columns of a dataset, as Avro record JSON."""

    kind: ClassVar[str] = "schema"

    dataset_type: DatasetType
    avro: str


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


class EventTracker(Resource, frozen=True, kw_only=True):
    """Permission to send events into a dataset group, by its tracking id."""

    kind: ClassVar[str] = "event tracker"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    tracking_id: str


class Filter(Resource, frozen=True, kw_only=True):
    """An expression that says which items an answer may hold."""

    kind: ClassVar[str] = "filter"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    expression: str


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
    """Whether the dataset is one of actions, or of interactions with them."""
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


class AttributedMetric(msgspec.Struct, frozen=True):
    """What is added up for the events of a type: `SAMPLECOUNT()` or `SUM(Interactions.…)`."""

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
