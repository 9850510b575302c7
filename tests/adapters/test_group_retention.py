"""Dataset groups that keep their events for a shorter time than the service, on every database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.event import ACTIONS
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive.reading import mend
from pawsonalize.events.archive.rows import ObjectName, decode, encode
from pawsonalize.operations import retention as retention_room
from pawsonalize.operations.retention import EventRetention, forget_early
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from pawsonalize.train.solutions import DatasetGroups
from tests.archive_world import MIDNIGHT, ArchiveWorld, received

SHORT, LONG = 7, 30
LATER = MIDNIGHT + SHORT * DAY
Retention = Callable[[int, int], int]


@pytest.fixture
def world(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveWorld:
    """Two dataset groups with three events each in every hour; one keeps them for a week."""
    monkeypatch.setattr(retention_room, "_AT_ONCE", 2)
    world = ArchiveWorld(database, tmp_path / "archive")
    for hour in range(4):
        for n, group in enumerate(("brief", "other", f"brief{ACTIONS}", "other", "brief", "other")):
            number = hour * 6 + n
            world.log.append([received(number, hour * HOUR + n, dataset_group=group)])
        world.archiver.archive_once()
    return world


@pytest.fixture
def retention(world: ArchiveWorld, database: Database) -> Retention:
    registry = Registry(Resources(database))
    DatasetGroups(registry).create("brief", MIDNIGHT, {"event_days": SHORT})
    DatasetGroups(registry).create("other", MIDNIGHT)

    def forget(days: int, now: int) -> int:
        events = EventRetention(world.log, world.start, world.ledger, world.objects, days)
        return forget_early(events, registry, now)

    return forget


def groups(world: ArchiveWorld) -> list[str]:
    return [row.event.dataset_group for row in world.logged()]


def test_its_events_and_actions_leave_earlier_and_the_others_stay(
    world: ArchiveWorld, retention: Retention
) -> None:
    everything = world.logged()
    assert retention(LONG, LATER + HOUR - 1) == 0
    assert retention(LONG, LATER + 2 * HOUR) == 6
    assert groups(world).count("brief") == 4
    assert groups(world).count("other") == 12
    assert world.findings() == [], "the archive still fits the log"
    assert world.archived() == world.replayed() == everything
    assert retention(LONG, LATER + 2 * HOUR) == 0
    assert retention(LONG, LATER + DAY) == 6


def test_no_dataset_group_keeps_its_events_longer_than_the_service(
    world: ArchiveWorld, retention: Retention
) -> None:
    assert retention(SHORT, LATER + DAY) == 0
    assert retention(0, LATER + DAY) == 12


def test_the_service_s_own_retention_goes_on_behind(
    world: ArchiveWorld, retention: Retention
) -> None:
    retention(LONG, LATER + DAY)
    of_all = EventRetention(world.log, world.start, world.ledger, world.objects, LONG)
    assert of_all.forget_old(MIDNIGHT + LONG * DAY + DAY) == 12
    assert world.logged() == []


def test_nothing_leaves_that_the_archive_does_not_hold(
    world: ArchiveWorld, retention: Retention
) -> None:
    first = world.ledger.segments()[0]
    (world.folder / first.key).write_bytes(b"broken")
    with pytest.raises(CorruptArtefact, match="archive mend"):
        retention(LONG, LATER + DAY)
    assert len(groups(world)) == 24
    mend(world.log, world.erased)
    assert retention(LONG, LATER + DAY) == 12


def test_a_mended_object_keeps_what_left_the_table_early(
    world: ArchiveWorld, retention: Retention
) -> None:
    everything = world.archived()
    retention(LONG, LATER + DAY)
    first = world.ledger.segments()[0]
    name = ObjectName.parse(first.key)
    assert name is not None
    rows = decode(name, world.objects.get(first.key))
    (world.folder / first.key).write_bytes(encode(rows[:-1]))
    assert world.findings()
    mend(world.log, world.erased)
    assert world.archived() == everything
    assert world.findings() == []


def test_an_object_that_cannot_be_read_waits_for_a_copy_if_events_left_it_early(
    world: ArchiveWorld, retention: Retention
) -> None:
    retention(LONG, LATER + DAY)
    first = world.ledger.segments()[0]
    (world.folder / first.key).write_bytes(b"broken")
    assert mend(world.log, world.erased) == []
    assert world.findings()
