"""Datasets: what is put into them, what must be there, how many there may be, how they go."""

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, Visitor
from pawsonalize.core.schemas import DatasetType
from pawsonalize.events.datasets import DatasetRow, Datasets
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import (
    DATASET_GROUPS,
    Dataset,
    DatasetGroup,
    DatasetSchema,
    EventTracker,
)
from pawsonalize.resources.registry import Registry
from tests.event_data import T0, event, is_logged

ITEMS = """{"type": "record", "fields": [
  {"name": "ITEM_ID", "type": "string"},
  {"name": "GENRE", "type": "string", "categorical": true},
  {"name": "MIN_AGE", "type": ["null", "int"]},
  {"name": "IN_STOCK", "type": ["boolean", "null"]},
  {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]}]}"""
USERS = """{"type": "record", "fields": [
  {"name": "USER_ID", "type": "string"}, {"name": "SCORE", "type": "float"}]}"""
EVENTS = """{"type": "record", "fields": [{"name": "USER_ID", "type": "string"},
  {"name": "ITEM_ID", "type": "string"}, {"name": "TIMESTAMP", "type": "long"}]}"""
AVRO = {DatasetType.ITEMS: ITEMS, DatasetType.USERS: USERS, DatasetType.INTERACTIONS: EVENTS}


@pytest.fixture
def datasets(registry: Registry, log: EventLog, catalogue: Catalogue) -> Datasets:
    """With a dataset of each type in the group `shop`."""
    registry.create(DatasetGroup(name="shop"), T0)
    for kind, avro in AVRO.items():
        name = f"shop-{kind.lower()}"
        registry.create(DatasetSchema(name=name, dataset_type=kind, avro=avro), T0)
        dataset = Dataset(name=name, dataset_group="shop", dataset_type=kind, schema=name)
        registry.create(dataset, T0)
    return Datasets(registry, log, catalogue)


def test_good_items_are_stored_and_each_bad_one_is_named(
    datasets: Datasets, catalogue: Catalogue
) -> None:
    records = [
        DatasetRow("tent", {"genre": "outdoor", "minAge": 3, "inStock": True}),
        DatasetRow("no genre", {"minAge": 3}),
        DatasetRow("half", {"genre": "x", "minAge": 2.5}),
        DatasetRow("text", {"genre": "x", "minAge": "three"}),
        DatasetRow("more", {"genre": "x", "colour": "red"}),
        DatasetRow("x" * 257, {"genre": "x"}),
        DatasetRow(7, {"GENRE": "toys", "creationTimestamp": 1_700_000_000}),
    ]
    rejected = datasets.put(datasets.of("shop", DatasetType.ITEMS), records)
    assert [one.index for one in rejected] == [1, 2, 3, 4, 5]
    assert [one.field for one in rejected] == ["GENRE", "MIN_AGE", "MIN_AGE", "colour", "itemId"]
    assert list(catalogue.of("shop").items()) == [
        Item("7", {"GENRE": "toys", "MIN_AGE": None, "IN_STOCK": None}, 1_700_000_000_000),
        Item("tent", {"GENRE": "outdoor", "MIN_AGE": 3.0, "IN_STOCK": "true"}),
    ]
    assert catalogue.item_count() == 0


def test_numbers_may_be_text_as_amazon_documents_them(
    datasets: Datasets, catalogue: Catalogue
) -> None:
    records = [
        DatasetRow("tent", {"genre": "12", "minAge": "3", "creationTimestamp": "1700000000"}),
        DatasetRow("half", {"genre": "x", "minAge": "2.5"}),
        DatasetRow("none", {"genre": "x", "minAge": "nan"}),
    ]
    rejected = datasets.put(datasets.of("shop", DatasetType.ITEMS), records)
    assert [one.index for one in rejected] == [1, 2]
    (tent,) = catalogue.of("shop").items()
    assert tent.attributes == {"GENRE": "12", "MIN_AGE": 3.0, "IN_STOCK": None}
    assert tent.created_at == 1_700_000_000_000


def test_users_are_checked_like_items(datasets: Datasets, catalogue: Catalogue) -> None:
    records = [DatasetRow("ann", {"score": 0.5}), DatasetRow("bob", {"score": float("nan")})]
    rejected = datasets.put(datasets.of("shop", DatasetType.USERS), records)
    assert [one.index for one in rejected] == [1]
    assert catalogue.of("shop").user("ann") == User("ann", {"SCORE": 0.5})


def test_with_a_dataset_goes_its_data_and_nobody_elses(
    datasets: Datasets, registry: Registry, log: EventLog
) -> None:
    log.append([event("a"), event("a", dataset_group="shop")])
    datasets.delete("shop-interactions")
    assert log.of("shop").recent(Visitor("ann"), T0, 9) == []
    assert len(log.recent(Visitor("ann"), T0, 9)) == 1
    with pytest.raises(NotFound, match="has no Interactions dataset"):
        datasets.of("shop", DatasetType.INTERACTIONS)


def test_a_dataset_group_goes_last_and_with_what_is_left_of_it(
    datasets: Datasets, registry: Registry, log: EventLog
) -> None:
    with pytest.raises(Conflict, match="delete that first"):
        datasets.delete_group("shop")
    for kind in AVRO:
        datasets.delete(f"shop-{kind.lower()}")
    log.append([event("a", dataset_group="shop")])
    datasets.delete_group("shop")
    assert registry.find(DatasetGroup, "shop") is None
    assert not is_logged(log.of("shop"), "a")


def test_an_event_tracker_is_found_by_its_tracking_id(
    datasets: Datasets, registry: Registry
) -> None:
    tracker = EventTracker(name="site", dataset_group="shop", tracking_id="t-1")
    registry.create(tracker, T0)
    assert datasets.tracker("t-1").dataset_group == "shop"
    assert datasets.tracker(DEFAULT_DATASET_GROUP).dataset_group == DEFAULT_DATASET_GROUP
    with pytest.raises(NotFound, match="create one"):
        datasets.tracker("t-2")


def test_what_a_resource_needs_has_to_be_there_first(registry: Registry) -> None:
    with pytest.raises(NotFound, match="dataset group named nowhere: create it first"):
        registry.create(EventTracker(name="t", dataset_group="nowhere", tracking_id="t"), T0)
    with pytest.raises(NotFound, match="solution named nothing"):
        registry.create(Campaign(name="c", solution="nothing"), T0)


def test_a_dataset_needs_a_schema_of_its_type(datasets: Datasets, registry: Registry) -> None:
    datasets.delete("shop-users")
    wrong = Dataset(
        name="users", dataset_group="shop", dataset_type=DatasetType.USERS, schema="shop-items"
    )
    with pytest.raises(InvalidInput, match="choose another schema"):
        registry.create(wrong, T0)


def test_there_are_as_many_as_there_may_be_and_no_more(
    datasets: Datasets, registry: Registry
) -> None:
    for number in range(DATASET_GROUPS - 2):  # beside `shop` and the default one
        registry.create(DatasetGroup(name=f"group-{number}"), T0)
    with pytest.raises(LimitExceeded, match="delete one first"):
        registry.create(DatasetGroup(name="one-more"), T0)
    registry.create(EventTracker(name="site", dataset_group="shop", tracking_id="t-1"), T0)
    with pytest.raises(LimitExceeded):
        registry.create(EventTracker(name="site-2", dataset_group="shop", tracking_id="t-2"), T0)
    again = Dataset(
        name="i2", dataset_group="shop", dataset_type=DatasetType.ITEMS, schema="shop-items"
    )
    with pytest.raises(LimitExceeded, match="of a type"):
        registry.create(again, T0)
