"""The default resources, so that you need not create any to begin."""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Final

import msgspec

from pawsonalize.core.errors import Conflict
from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.schemas import DatasetType
from pawsonalize.models.recipes import PERSONALIZED_RANKING
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import Dataset, DatasetGroup, DatasetSchema, EventTracker
from pawsonalize.resources.datasets import dataset_name as named_in
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution

DATASET_GROUP: Final = DEFAULT_DATASET_GROUP
RECOMMENDER: Final = "recommender"
RERANKER: Final = "reranker"

_COLUMNS = {
    DatasetType.INTERACTIONS: {
        "USER_ID": "string",
        "ITEM_ID": "string",
        "TIMESTAMP": "long",
        "EVENT_TYPE": "string",
        "EVENT_VALUE": "float",
    },
    DatasetType.ITEMS: {
        "ITEM_ID": "string",
        "ANIMAL_TYPE": "string",
        "ANIMAL_BREED": "string",
        "ANIMAL_SIZE": "string",
        "ANIMAL_AGE": "string",
        "CREATION_TIMESTAMP": "long",
    },
    DatasetType.USERS: {"USER_ID": "string"},
}
_KEYS = ("USER_ID", "ITEM_ID", "TIMESTAMP")


def ensure_defaults(registry: Registry, recipe: str, now: int) -> None:
    """Create what is missing; the recommender's recipe is the one given, from the settings."""
    for resource in _defaults(recipe):
        if registry.find(type(resource), resource.name) is None:
            with suppress(Conflict):  # another process was faster
                registry.create(resource, now)
    recommender = registry.get(Solution, RECOMMENDER)
    if recommender.recipe != recipe:
        with suppress(Conflict):
            registry.update(msgspec.structs.replace(recommender, recipe=recipe), now)


@cache
def default_names(kind: type[Resource]) -> frozenset[str]:
    """The names of the default resources of a kind."""
    return frozenset(one.name for one in _defaults("") if isinstance(one, kind))


def dataset_name(dataset_type: DatasetType) -> str:
    """The name of the default dataset of that type, and of its schema."""
    return named_in(DATASET_GROUP, dataset_type)


def _defaults(recipe: str) -> Iterator[Resource]:
    yield DatasetGroup(name=DATASET_GROUP)
    for kind in _COLUMNS:
        name = dataset_name(kind)
        yield DatasetSchema(name=name, dataset_type=kind, avro=_avro(kind))
        yield Dataset(name=name, dataset_group=DATASET_GROUP, dataset_type=kind, schema=name)
    yield EventTracker(name=DATASET_GROUP, dataset_group=DATASET_GROUP, tracking_id=DATASET_GROUP)
    for name, its_recipe in ((RECOMMENDER, recipe), (RERANKER, PERSONALIZED_RANKING)):
        yield Solution(name=name, dataset_group=DATASET_GROUP, recipe=its_recipe)
        yield Campaign(name=name, solution=name)


def _avro(dataset_type: DatasetType) -> str:
    fields = [
        {"name": name, "type": kind if name in _KEYS else ["null", kind]}
        for name, kind in _COLUMNS[dataset_type].items()
    ]
    names = {"name": dataset_type.value, "namespace": "com.amazonaws.personalize.schema"}
    return json.dumps({"type": "record", **names, "fields": fields, "version": "1.0"})
