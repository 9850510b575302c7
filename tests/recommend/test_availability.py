"""What is available now, as answers know it."""

from collections.abc import Iterator

import numpy as np
import pytest

from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.animals.available import AvailabilityWatch, AvailableAnimalsWatch
from pawsonalize.train.training_data import training_data
from tests.animal_data import animal

ITEMS = ("2-Siamese-1-1", "1-Husky-3-2", "1-Beagle-2-2")
NOW = 1_700_000_000_000


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def database(empty: Database) -> Database:
    Animals(empty).put(
        [
            animal("A1", ITEMS[0], listed=NOW - 5 * MINUTE),
            animal("A2", ITEMS[0], listed=NOW - 5 * MINUTE, adopted=NOW - MINUTE),
            animal("A3", ITEMS[1], listed=NOW - 5 * MINUTE, adopted=NOW + MINUTE),
            animal("A4", ITEMS[2], listed=NOW + MINUTE),
        ],
        NOW - 6 * MINUTE,
    )
    return empty


def watches(database: Database) -> tuple[AvailabilityWatch, AvailabilityWatch]:
    """One that reads the tables, and one of a process that has the animals in memory."""
    availability = Availability(database)
    in_memory = AvailableAnimalsWatch(
        Animals(database), availability, AnimalExposures(database), {}
    )
    return AvailabilityWatch(availability), AvailabilityWatch(availability, in_memory)


def counted(watch: AvailabilityWatch, at: int, now: int) -> list[int]:
    counts = watch.of(ITEMS, at, now)
    assert counts is not None
    return list(counts.tolist())


def test_animals_that_wait_are_counted_by_their_item(database: Database) -> None:
    for at, counts in (
        (NOW, [1, 1, 0]),
        (NOW - 3 * MINUTE, [2, 1, 0]),
        (NOW + 2 * MINUTE, [1, 0, 1]),
    ):
        assert [counted(watch, at, NOW) for watch in watches(database)] == [counts] * 2
        assert [counted(watch, at, at) for watch in watches(database)] == [counts] * 2


def test_without_animals_the_supply_is_not_known(empty: Database) -> None:
    assert [one.of(ITEMS, NOW, NOW) for one in watches(empty)] == [None, None]


def test_a_change_is_in_the_very_next_count_of_every_worker(database: Database) -> None:
    workers = [*watches(database), *watches(database)]
    assert [counted(watch, NOW, NOW) for watch in workers] == [[1, 1, 0]] * 4
    Animals(database).put([animal("A1", ITEMS[0], listed=NOW - 5 * MINUTE, adopted=NOW)], NOW)
    assert [counted(watch, NOW, NOW) for watch in workers] == [[0, 1, 0]] * 4
    Animals(database).remove(["A3"], NOW)
    assert [counted(watch, NOW, NOW) for watch in workers] == [[0, 0, 0]] * 4


def test_a_clock_that_runs_behind_does_not_bring_an_adopted_animal_back(database: Database) -> None:
    Animals(database).put([animal("A1", ITEMS[0], listed=NOW - 5 * MINUTE, adopted=NOW)], NOW)
    counts = [counted(watch, NOW - 50, NOW - 50) for watch in watches(database)]
    assert counts == [[0, 1, 0]] * 2


def test_what_did_not_change_is_not_counted_again(database: Database) -> None:
    _, watch = watches(database)
    first = watch.of(ITEMS, NOW, NOW)
    assert watch.of(ITEMS, NOW + 1, NOW + 1) is first
    Animals(database).put([animal("A5", ITEMS[2], listed=NOW)], NOW)
    assert counted(watch, NOW + 2, NOW + 2) == [1, 1, 1]


def test_training_knows_the_stays_as_of_its_moment(database: Database) -> None:
    data = training_data(EventLog(database), Catalogue(database), through=0, as_of=NOW)
    assert set(data.item_ids) == set(ITEMS[:2])
    counts = dict(zip(data.item_ids, data.stays.at(NOW, 2).tolist(), strict=True))
    assert counts == {ITEMS[0]: 1, ITEMS[1]: 1}
    later = data.stays.at(NOW + 2 * MINUTE, 2)
    assert np.array_equal(later, data.stays.at(NOW, 2))  # nobody knows yet who will leave
