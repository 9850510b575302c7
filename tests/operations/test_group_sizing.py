"""What dataset groups have stored is counted as it grows, and anew once a day."""

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.event import ACTIONS
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog, GroupSizes
from pawsonalize.operations.limits import GroupSizing
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from pawsonalize.train.solutions import DatasetGroups
from tests.event_data import T0, event


@pytest.fixture
def registry(database: Database) -> Registry:
    registry = Registry(Resources(database))
    for name in ("a", "b"):
        DatasetGroups(registry).create(name, T0)
    return registry


def sizing(database: Database, registry: Registry, log: EventLog) -> GroupSizing:
    return GroupSizing(GroupSizes(database), registry, log.head, dict)


def stored(database: Database) -> dict[str, int]:
    return {name: size.events for name, size in GroupSizes(database).all().items()}


def test_new_events_are_added_by_whichever_process_looks(
    database: Database, registry: Registry, log: EventLog
) -> None:
    processes = [sizing(database, registry, log) for _ in range(2)]
    for turn in range(4):
        log.append([event(f"a{turn}", dataset_group="a"), event(f"b{turn}", dataset_group="b")])
        log.append([event(f"c{turn}", dataset_group=f"a{ACTIONS}")])
        processes[turn % 2].count(T0)
        for process in processes:
            process.count(T0)
    assert stored(database) == {"a": 8, "b": 4}


def test_what_was_deleted_is_seen_the_next_day(
    database: Database, registry: Registry, log: EventLog
) -> None:
    log.append([event(f"{n}", dataset_group="a") for n in range(5)])
    process = sizing(database, registry, log)
    process.count(T0)
    log.of("a").erase()
    process.count(T0 + 1)
    assert stored(database)["a"] == 5
    process.count(T0 + DAY)
    assert stored(database).get("a", 0) == 0


def test_a_dataset_group_that_is_gone_has_no_size(
    database: Database, registry: Registry, log: EventLog
) -> None:
    from pawsonalize.resources.datasets import DatasetGroup

    log.append([event("1", dataset_group="a"), event("2", dataset_group="b")])
    process = sizing(database, registry, log)
    process.count(T0)
    registry.delete(DatasetGroup, "b")
    process.count(T0 + 1)
    assert stored(database) == {"a": 1}
