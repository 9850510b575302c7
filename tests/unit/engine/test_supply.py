"""What is available now, as answers know it."""

import numpy as np
import pytest

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import MINUTE
from pawsonalize.engine.supply import SupplyWatch
from pawsonalize.engine.training_data import training_data
from pawsonalize.storage.sql import Database, SqlAnimals, SqlCatalogue, SqlEventLog

ITEMS = ("2-Siamese-1-1", "1-Husky-3-2", "1-Beagle-2-2")
NOW = 1_700_000_000_000


def animal(number: int, item_id: str, listed_at: int, adopted_at: int | None) -> Animal:
    group = AnimalGroup.parse(item_id)
    assert group is not None
    return Animal(
        f"A{number}", group, "Rex", "S1", "f", "black", 1, listed_at, adopted_at=adopted_at
    )


@pytest.fixture
def database(database_url: str) -> Database:
    database = Database(database_url)
    SqlAnimals(database).put(
        [
            animal(1, ITEMS[0], NOW - 5 * MINUTE, None),
            animal(2, ITEMS[0], NOW - 5 * MINUTE, NOW - MINUTE),
            animal(3, ITEMS[1], NOW - 5 * MINUTE, NOW + MINUTE),
            animal(4, ITEMS[2], NOW + MINUTE, None),
        ]
    )
    return database


def test_animals_that_wait_are_counted_by_their_item(database: Database) -> None:
    watch = SupplyWatch(SqlCatalogue(database))
    watch.refresh(NOW)
    for at, counts in (
        (NOW, [1, 1, 0]),
        (NOW - 3 * MINUTE, [2, 1, 0]),
        (NOW + 2 * MINUTE, [1, 0, 1]),
    ):
        supply = watch.of(ITEMS, at)
        assert supply is not None
        assert supply.tolist() == counts
    database.close()


def test_without_animals_the_supply_is_not_known(database_url: str) -> None:
    database = Database(database_url)
    assert SupplyWatch(SqlCatalogue(database)).of(ITEMS, NOW) is None
    database.close()


def test_training_knows_the_stays_as_of_its_moment(database: Database) -> None:
    data = training_data(SqlEventLog(database), SqlCatalogue(database), through=0, as_of=NOW)
    assert set(data.item_ids) == set(ITEMS[:2])
    counts = dict(zip(data.item_ids, data.stock.at(NOW, 2).tolist(), strict=True))
    assert counts == {ITEMS[0]: 1, ITEMS[1]: 1}
    later = data.stock.at(NOW + 2 * MINUTE, 2)
    assert np.array_equal(later, data.stock.at(NOW, 2))  # nobody knows yet who will leave
    database.close()
