"""Filters as resources: created only if they work, found by name or written out."""

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.recommend.filtering import Filters
from pawsonalize.resources.datasets import DatasetGroup, Filter
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.filters import parse
from pawsonalize.resources.registry import Registry
from tests.event_data import T0

DOGS = 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")'


@pytest.fixture
def filters(registry: Registry, catalogue: Catalogue) -> Filters:
    return Filters(registry, catalogue)


def test_a_filter_is_found_by_its_name_or_written_out(filters: Filters) -> None:
    created = filters.create("dogs", DOGS, T0)
    assert (created.status, created.dataset_group) == ("ACTIVE", DATASET_GROUP)
    assert filters.find("dogs") == filters.find(f"  {DOGS.replace('INCLUDE', 'include')}")
    assert filters.find("dogs") == parse(DOGS)
    with pytest.raises(Conflict, match="a filter named dogs already"):
        filters.create("dogs", DOGS, T0)
    filters.registry.delete(Filter, "dogs")
    with pytest.raises(NotFound, match="no filter named dogs: create it, or write"):
        filters.find("dogs")


def test_a_filter_belongs_to_its_dataset_group(filters: Filters) -> None:
    other = filters.registry.create(DatasetGroup(name="other"), T0)
    filters.create("dogs", DOGS, T0, dataset_group=other.name)
    assert filters.find("dogs", dataset_group=other.name) == parse(DOGS)
    with pytest.raises(NotFound, match="no filter named dogs"):
        filters.find("dogs")
    with pytest.raises(Conflict, match="needed by filter dogs"):
        filters.registry.delete(DatasetGroup, other.name)


@pytest.mark.parametrize(
    ("text", "dataset", "field"),
    [
        ("INCLUDE ItemID WHERE Items.FEE < 3", "Items", "FEE"),
        ("INCLUDE ItemID WHERE Items.ITEM_ID IN CurrentItem.FEE", "Items", "FEE"),
        (f"{DOGS} IF CurrentUser.AGE < 3", "Users", "AGE"),
        ("INCLUDE UserID WHERE Users.AGE < 3", "Users", "AGE"),
    ],
)
def test_a_field_must_be_in_the_schema_or_in_the_data(
    filters: Filters, catalogue: Catalogue, text: str, dataset: str, field: str
) -> None:
    message = f"the dataset {dataset} has no field {field}; its schema has .*_ID"
    for call in (lambda: filters.create("f", text, T0), lambda: filters.find(text)):
        with pytest.raises(InvalidInput, match=message) as caught:
            call()
        assert caught.value.field == "expression"
    catalogue.put_items([Item("a", {"FEE": 1.0})])
    catalogue.put_users([User("ann", {"AGE": 30.0})])
    assert filters.create("f", text, T0).expression == text


def test_what_is_no_expression_is_not_created(filters: Filters) -> None:
    with pytest.raises(InvalidInput, match="column 1, at dogs: expected INCLUDE or EXCLUDE"):
        filters.create("f", "dogs", T0)
    with pytest.raises(InvalidInput, match="a name has 1 to 128"):
        filters.create("dogs only", DOGS, T0)


def test_the_filters_of_a_group_speak_of_twenty_fields_together(
    filters: Filters, catalogue: Catalogue
) -> None:
    catalogue.put_items([Item("a", {f"F{n}": 1.0 for n in range(21)})])
    for first in (0, 10):
        every = " AND ".join(f"Items.F{n} = 1" for n in range(first, first + 10))
        filters.create(f"from-{first}", f"INCLUDE ItemID WHERE {every}", T0)
    filters.create("known", "INCLUDE ItemID WHERE Items.F3 = 2", T0)
    with pytest.raises(InvalidInput, match=r"20 fields together, .* it were 21: delete one"):
        filters.create("more", "INCLUDE ItemID WHERE Items.F20 = 2", T0)
