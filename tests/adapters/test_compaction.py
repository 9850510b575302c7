"""Compacting an archive, on every database: each row is in it once at every moment."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive.archiver import Compaction
from pawsonalize.events.archive.rows import ObjectName, decode, digest, encode
from pawsonalize.events.archive.tables import Segment
from tests.archive_world import MIDNIGHT, ArchiveWorld, received

NEXT_DAY = MIDNIGHT + DAY + HOUR


@pytest.fixture
def world(database: Database, tmp_path: Path) -> ArchiveWorld:
    return ArchiveWorld(database, tmp_path / "archive")


def compaction(world: ArchiveWorld, rows: int = 1_000) -> Compaction:
    return world.compaction(rows)


def test_the_objects_of_a_day_that_is_over_become_one(world: ArchiveWorld) -> None:
    world.fill(hours=26)
    before, logged = world.replayed(), world.logged()
    assert compaction(world).compact(NEXT_DAY) == 24
    days = [key.split("/events-")[0] for key in world.object_keys()]
    assert days == ["2026/11/24", *(f"2026/11/25/{hour:02}" for hour in range(2))]
    assert world.archived() == world.replayed() == before == logged
    assert world.findings() == []
    assert compaction(world).compact(NEXT_DAY) == 0


def test_a_day_is_left_alone_until_an_hour_after_its_end(world: ArchiveWorld) -> None:
    world.fill(hours=3)
    assert compaction(world).compact(NEXT_DAY - 1) == 0
    assert compaction(world).compact(NEXT_DAY) == 3


def test_objects_stop_growing_at_so_many_rows(world: ArchiveWorld) -> None:
    world.fill(hours=10)
    assert compaction(world, rows=9).compact(NEXT_DAY) == 9
    assert [segment.rows for segment in world.ledger.segments()] == [9, 9, 9, 3]
    assert world.replayed() == world.logged()
    assert compaction(world, rows=9).compact(NEXT_DAY) == 0


def test_so_many_large_objects_are_written_at_a_time(world: ArchiveWorld) -> None:
    world.fill(hours=4)
    found = [compaction(world, rows=6).compact(NEXT_DAY, at_most=1) for _ in range(3)]
    assert found == [2, 2, 0]


def test_archiving_goes_on_after_a_compaction(world: ArchiveWorld) -> None:
    world.fill(hours=4)
    compaction(world).compact(NEXT_DAY)
    world.log.append([received(n, DAY + HOUR) for n in range(100, 105)])
    assert world.archiver.archive_once() == 5
    assert world.replayed() == world.logged()
    assert world.findings() == []


def test_the_same_rows_give_the_same_object_however_they_were_cut(
    world: ArchiveWorld, tmp_path: Path
) -> None:
    other = ArchiveWorld(Database("sqlite://"), tmp_path / "other")
    other.archiver = other.archiver_of(2)
    for one in (world, other):
        one.fill(hours=3, each=40)
        compaction(one, rows=9_999).compact(NEXT_DAY)
    assert world.object_keys() == other.object_keys()
    assert [world.objects.get(key) for key in world.object_keys()] == [
        other.objects.get(key) for key in other.object_keys()
    ]


class Killed(Exception):
    pass


def _dying(call: Callable[..., Any], when: str) -> Callable[..., Any]:
    def dying(*arguments: Any, **named: Any) -> None:
        if when == "after":
            call(*arguments, **named)
        raise Killed

    return dying


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "step",
    ["objects.put", "ledger.join", "objects.delete", "ledger.leftovers", "ledger.forget_leftovers"],
)
def test_a_crash_at_any_step_neither_loses_nor_doubles_a_row(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    world.fill(hours=7)
    port, name = step.split(".")
    now = NEXT_DAY
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(
                getattr(world, port), name, _dying(getattr(getattr(world, port), name), when)
            )
            with suppress(Killed):
                compaction(world, rows=6).compact(now)
        assert world.archived() == world.replayed() == world.logged()
        assert all("not in the ledger" in finding for finding in world.findings())
        now += 2 * DAY
    compaction(world, rows=6).compact(now)
    compaction(world, rows=6).compact(now + DAY)
    assert world.archived() == world.replayed() == world.logged()
    assert world.findings() == []
    assert len(world.object_keys()) == len(world.ledger.segments()) == 4
    assert world.ledger.leftovers() == {}


def test_servers_that_compact_at_once_do_not_harm_each_other(world: ArchiveWorld) -> None:
    world.fill(hours=9)
    failures: list[BaseException] = []

    def compact() -> None:
        try:
            for _ in range(3):
                compaction(world, rows=12).compact(NEXT_DAY)
        except BaseException as error:  # noqa: BLE001  # a thread has no other way to tell
            failures.append(error)

    servers = [threading.Thread(target=compact) for _ in range(3)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    compaction(world, rows=12).compact(NEXT_DAY)
    assert failures == []
    assert world.archived() == world.replayed() == world.logged()
    assert world.findings() == []


def rewrite_without(world: ArchiveWorld, segment: Segment, offset: int) -> None:
    """What an erasure does to an object."""
    name = ObjectName.parse(segment.key)
    assert name is not None
    kept = [row for row in decode(name, world.objects.get(segment.key)) if row.offset != offset]
    data = encode(kept)
    world.objects.replace(segment.key, data)
    world.ledger.confirm(msgspec.structs.replace(segment, rows=len(kept), sha256=digest(data)))


def test_what_is_erased_while_it_is_compacted_stays_erased(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(hours=4)
    joining = world.ledger.join

    def join(parts: Any, whole: Segment, now: int) -> bool:
        rewrite_without(world, parts[1], offset=4)
        return joining(parts, whole, now)

    with monkeypatch.context() as patch:
        patch.setattr(world.ledger, "join", join)
        assert compaction(world).compact(NEXT_DAY) == 0, "the parts are not what they were"
    assert len(world.object_keys()) == 4, "what was joined in vain is gone"
    assert compaction(world).compact(NEXT_DAY) == 4
    assert 4 not in {row.offset for row in world.replayed()}
    assert len(world.archived()) == 11


def test_what_is_erased_before_the_ledger_knows_the_new_object_is_noted(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(hours=4)
    joining = world.ledger.join

    def join(parts: Any, whole: Segment, now: int) -> bool:
        rewrite_without(world, whole, offset=4)
        return joining(parts, whole, now)

    monkeypatch.setattr(world.ledger, "join", join)
    compaction(world).compact(NEXT_DAY)
    (segment,) = world.ledger.segments()
    assert segment.rows == 11
    assert segment.sha256 == digest(world.objects.get(segment.key))


def test_an_object_that_somebody_wrote_again_is_deleted_a_day_later(world: ArchiveWorld) -> None:
    world.fill(hours=4)
    key = world.ledger.segments()[3].key
    late = world.objects.get(key)
    compaction(world).compact(NEXT_DAY)
    world.objects.replace(key, late)
    assert world.findings() == []
    assert world.replayed() == world.logged()
    compaction(world).compact(NEXT_DAY + DAY)
    assert len(world.object_keys()) == 1
    assert world.ledger.leftovers() == {}


def test_a_damaged_object_stops_its_own_run_alone_and_is_named(world: ArchiveWorld) -> None:
    world.fill(hours=48)
    damaged = world.ledger.segments()[30].key
    (world.folder / damaged).write_bytes(b"what")
    with pytest.raises(CorruptArtefact, match=damaged):
        compaction(world).compact(NEXT_DAY + DAY)
    assert len(world.ledger.segments()) == 1 + 24


def test_a_replay_refuses_small_objects_of_another_archive_below_a_large_one(
    world: ArchiveWorld,
) -> None:
    world.fill(hours=4)
    key = world.ledger.segments()[3].key
    compaction(world).compact(NEXT_DAY)
    name = ObjectName.parse(key)
    assert name is not None
    foreign = [replace(row, event=replace(row.event, item_id="x")) for row in world.logged()]
    world.objects.put(
        key, encode([one for one in foreign if name.first <= one.offset <= name.last])
    )
    with pytest.raises(CorruptArtefact, match="two archives"):
        world.replayed()


def test_a_replay_takes_what_a_large_object_covers_for_leftovers(
    world: ArchiveWorld, tmp_path: Path
) -> None:
    world.fill(hours=4)
    key = world.ledger.segments()[3].key
    small = world.objects.get(key)
    compaction(world).compact(NEXT_DAY)
    world.objects.put(key, small)
    fresh = ArchiveWorld(Database(f"sqlite:///{tmp_path / 'fresh.sqlite3'}"), world.folder)
    fresh.replay()
    assert fresh.findings() == []
    compaction(fresh).compact(NEXT_DAY)
    assert len(world.object_keys()) == 1
