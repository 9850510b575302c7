"""The archive of a real log, on every database: exactly once, whatever dies in between."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.tables import events as events_table
from pawsonalize.core.errors import Conflict, CorruptArtefact
from pawsonalize.core.event import Event, LoggedEvent, Visitor
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.objects.stores import LocalObjects, open_objects
from pawsonalize.core.times import HOUR
from pawsonalize.events.archive.archiver import Archiver
from pawsonalize.events.archive.reading import verify
from pawsonalize.events.archive.replay import replay
from pawsonalize.events.archive.rows import ObjectName, decode
from pawsonalize.events.archive.tables import ArchiveIndex, ArchiveLedger, Segment
from pawsonalize.events.erasure.erased_archive import ErasedArchive
from pawsonalize.events.erasure.tables import ErasedLookup, ErasureTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import HistoryQuery, RawEvents
from pawsonalize.resources.job_table import Progress, silent

T0 = 1_795_533_300_000  # 2026-11-24T15:15:00Z


def event(number: int, *, received: int = T0, **fields: Any) -> Event:
    plain = Event(
        event_id=f"e{number}",
        user_id=f"u{number % 3}",
        session_id=f"s{number % 5}",
        event_type="view",
        item_id="2-Beagle-2-3",
        sent_at=T0 - number,
        received_at=received,
        raw=f'{{"n":{number}}}',
    )
    return replace(plain, **fields)


class World:
    """One database with its archive folder."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.log = EventLog(database)
        self.ledger = ArchiveLedger(database)
        self.objects = LocalObjects(folder)
        self.folder = folder
        self.erasures = ErasureTable(database)
        self.archiver = self.archiver_of(rows_per_object=4)

    def archive(self, objects: ObjectStore | None = None) -> ErasedArchive:
        index, erased = ArchiveIndex(self.database), ErasedLookup(self.database)
        return ErasedArchive(objects or self.objects, self.ledger, index, erased)

    def archiver_of(self, objects: ObjectStore | None = None, **more: int) -> Archiver:
        raws, where = RawEvents(self.database), objects or self.objects
        return Archiver(self.log, raws, self.ledger, where, self.archive(objects), **more)

    def replay(self, on_progress: Progress = silent) -> int:
        return replay(self.log, self.archive(), self.erasures, lambda: T0, on_progress).restored

    def logged(self) -> list[LoggedEvent]:
        return self.log.read(0, self.log.head(), 1_000_000)

    def archived(self) -> list[LoggedEvent]:
        names = [ObjectName.parse(key) for key in self.objects.list()]
        rows = [row for name in names if name for row in decode(name, self.objects.get(name.key))]
        return sorted(rows, key=lambda row: row.offset)

    def raws(self) -> list[str | None]:
        """How the archived events came in."""
        return [row.event.raw for row in self.archived()]

    def findings(self) -> list[str]:
        return [finding.problem for finding in verify(self.log, self.ledger, self.objects).findings]

    def files(self) -> dict[str, bytes]:
        return {key: self.objects.get(key) for key in self.objects.list()}


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, tmp_path / "archive")


@pytest.fixture
def other(tmp_path: Path, world: World) -> World:
    """A second, empty database over the same archive."""
    return World(Database(f"sqlite:///{tmp_path / 'fresh.sqlite3'}"), world.folder)


def fill(world: World) -> None:
    """Eleven events over two hours, with everything an event can hold."""
    world.log.append([event(n) for n in range(5)])
    world.log.append([event(n, received=T0 + HOUR) for n in range(5, 8)])
    world.log.append(
        [
            event(8, user_id=None, session_id="s1", received=T0 + HOUR),
            event(9, session_id=None, received=T0 + HOUR, properties='{"a":\n"\\u0000ü"}'),
            event(
                10,
                received=T0 + HOUR,
                animal_id="a-7",
                event_value=0.1 + 0.2,
                recommendation_id="RID-1",
                impression=("2-Beagle-2-3", "1-Maine Coon-2-3"),
            ),
        ]
    )


def test_every_row_lands_once_in_the_folder_of_the_hour_it_was_received(world: World) -> None:
    fill(world)
    assert world.archiver.archive_once() == 11
    assert world.archived() == world.logged()
    assert [segment.key for segment in world.ledger.segments()] == [
        "2026/11/24/15/events-00000000000000000001-00000000000000000004.jsonl.zst",
        "2026/11/24/15/events-00000000000000000005-00000000000000000005.jsonl.zst",
        "2026/11/24/16/events-00000000000000000006-00000000000000000008.jsonl.zst",
        "2026/11/24/16/events-00000000000000000009-00000000000000000011.jsonl.zst",
    ]
    assert world.findings() == []
    assert world.archiver.archive_once() == 0


def test_only_new_rows_are_archived_the_next_time(world: World) -> None:
    assert world.archiver.archive_once() == 0
    for n in range(6):
        world.log.append([event(n)])
        assert world.archiver.archive_once() == 1
    assert world.archived() == world.logged()


class Killed(Exception):
    pass


def _die(*_: object, **__: object) -> None:
    raise Killed


def _die_after(call: Callable[..., Any]) -> Callable[..., Any]:
    def dying(*arguments: Any, **named: Any) -> None:
        call(*arguments, **named)
        raise Killed

    return dying


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["plan", "put", "confirm"])
def test_a_crash_at_any_step_neither_loses_nor_doubles_a_row(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    fill(world)
    port: object = world.objects if step == "put" else world.ledger
    for n in range(20, 23):
        with monkeypatch.context() as patch:
            dying = _die if when == "before" else _die_after(getattr(port, step))
            patch.setattr(port, step, dying)
            with pytest.raises(Killed):
                world.archiver.archive_once()
        world.log.append([event(n, received=T0 + 2 * HOUR)])
    world.archiver.archive_once()
    assert world.archived() == world.logged()
    assert world.raws() == [f'{{"n":{n}}}' for n in (*range(11), 20, 21, 22)]
    assert world.findings() == []


def test_servers_that_archive_at_once_do_not_harm_each_other(world: World) -> None:
    failures: list[BaseException] = []

    def archive() -> None:
        own = world.archiver_of(rows_per_object=7)
        try:
            for _ in range(12):
                own.archive_once()
        except BaseException as error:  # noqa: BLE001  # a thread has no other way to tell
            failures.append(error)

    servers = [threading.Thread(target=archive) for _ in range(3)]
    for server in servers:
        server.start()
    for n in range(60):
        world.log.append([event(n, received=T0 + n * HOUR // 25)])
    for server in servers:
        server.join()
    world.archiver.archive_once()
    assert failures == []
    assert world.archived() == world.logged()
    assert world.raws() == [f'{{"n":{n}}}' for n in range(60)]
    assert RawEvents(world.database).between(1, 60) == {}
    assert world.findings() == []


def test_the_same_log_gives_the_same_bytes(world: World, other: World, tmp_path: Path) -> None:
    fill(world)
    world.archiver.archive_once()
    fill(other)
    elsewhere = LocalObjects(tmp_path / "elsewhere")
    other.archiver_of(elsewhere, rows_per_object=4).archive_once()
    assert {key: elsewhere.get(key) for key in elsewhere.list()} == world.files()


def test_an_object_of_another_log_is_never_replaced(world: World, other: World) -> None:
    world.log.append([event(1)])
    world.archiver.archive_once()
    other.log.append([event(2)])
    with pytest.raises(Conflict, match="another log"):
        other.archiver.archive_once()


def test_an_archive_in_memory_works_the_same(world: World) -> None:
    fill(world)
    objects = open_objects("memory://")
    assert world.archiver_of(objects).archive_once() == 11
    assert verify(world.log, world.ledger, objects).findings == ()


def erase(world: World, *offsets: int) -> None:
    with world.database.writing() as connection:
        connection.execute(events_table.delete().where(events_table.c.offset.in_(offsets)))


def test_offsets_that_were_never_stored_are_not_missing(world: World) -> None:
    fill(world)
    erase(world, 1, 4, 5, 11)
    assert world.archiver.archive_once() == 7
    assert world.archived() == world.logged()
    assert world.findings() == []


def test_rows_erased_after_the_plan_do_not_stop_the_archive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    with monkeypatch.context() as patch:
        patch.setattr(world.objects, "put", _die)
        with pytest.raises(Killed):
            world.archiver.archive_once()
    erase(world, 4, 5)
    assert world.archiver.archive_once() == 9
    assert world.archived() == world.logged()


def test_verify_tells_what_awaits_the_next_archiving(world: World) -> None:
    fill(world)
    world.archiver.archive_once()
    world.log.append([event(20)])
    steps: list[tuple[int, int]] = []
    found = verify(world.log, world.ledger, world.objects, lambda *step: steps.append(step))
    assert (found.objects, found.rows, found.pending) == (4, 11, 0)
    assert (found.planned_through, found.head) == (11, 12)
    assert steps[-1] == (4, 4)


def test_verify_finds_a_flipped_byte(world: World) -> None:
    fill(world)
    world.archiver.archive_once()
    path = world.folder / world.ledger.segments()[1].key
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert any("differ" in problem for problem in world.findings())


def test_verify_finds_missing_and_unknown_objects(world: World) -> None:
    fill(world)
    world.archiver.archive_once()
    (world.folder / world.ledger.segments()[0].key).rename(world.folder / "stray")
    found = verify(world.log, world.ledger, world.objects).findings
    assert [(finding.key, finding.problem) for finding in found] == [
        (world.ledger.segments()[0].key, "is missing"),
        ("stray", "is not in the ledger"),
    ]


def test_verify_finds_rows_that_differ_from_the_log(world: World) -> None:
    fill(world)
    world.archiver.archive_once()
    erase(world, 2)
    with world.database.writing() as connection:
        connection.execute(
            events_table.update().where(events_table.c.offset == 3), {"user_id": "x"}
        )
    world.log.restore([LoggedEvent(2, event(1, item_id="other"))])
    erase(world, 7)
    assert world.findings() == [
        "has rows that differ from the log's: 2, the first at offset 2",
        "has rows erased from the log or of another segment: 1, the first at offset 7",
    ]


def test_verify_finds_gaps_and_overlaps_of_the_ledger(world: World) -> None:
    world.log.append([event(n) for n in range(1, 7)])
    world.archiver.archive_once()
    world.log.append([event(n) for n in range(7, 10)])
    name = "2026/11/24/15/events-{:020d}-{:020d}.jsonl.zst".format
    world.ledger.plan([Segment(6, 7, 2, name(6, 7)), Segment(9, 9, 1, name(9, 9))], after=6)
    world.archiver.archive_once()
    assert world.findings() == [
        "overlaps offsets up to 6",
        "has rows erased from the log or of another segment: 1, the first at offset 6",
        "lacks rows that the log has: 1, the first at offset 8",
    ]


def test_a_replayed_log_equals_the_original(world: World, other: World) -> None:
    fill(other)
    erase(other, 6, 9)
    other.archiver.archive_once()
    assert world.replay() == 9
    assert world.logged() == other.logged()
    page = HistoryQuery(limit=100)
    for n in range(5):
        for visitor in (Visitor(f"u{n}"), Visitor(session_id=f"s{n}"), Visitor(f"u{n}", f"s{n}")):
            assert world.log.history(visitor, page) == other.log.history(visitor, page)
            at = T0 - 4
            assert world.log.recent(visitor, at, 50) == other.log.recent(visitor, at, 50)


def test_archiving_goes_on_after_a_replay(world: World, other: World) -> None:
    fill(other)
    other.archiver.archive_once()
    world.replay()
    assert world.archiver.archive_once() == 0
    world.log.append([event(30)])
    assert world.archiver.archive_once() == 1
    assert world.archived() == world.logged()
    assert world.findings() == []


def test_replay_reports_how_far_it_is(world: World, other: World) -> None:
    fill(world)
    world.archiver.archive_once()
    steps: list[tuple[int, int]] = []
    other.replay(lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_replay_refuses_a_log_that_holds_events(world: World) -> None:
    fill(world)
    with pytest.raises(Conflict, match="empty database"):
        world.replay()


def test_replay_refuses_a_ledger_that_promises_more_than_the_objects(
    world: World, other: World
) -> None:
    other.ledger.plan([Segment(1, 9, 9, "lost")], after=0)
    with pytest.raises(Conflict, match="through offset 9"):
        other.replay()


def test_replay_refuses_a_folder_that_mixes_two_archives(world: World, other: World) -> None:
    fill(world)
    world.archiver.archive_once()
    fill(other)
    other.archiver_of(rows_per_object=3).archive_once()
    empty = World(Database("sqlite://"), world.folder)
    with pytest.raises(CorruptArtefact, match="two archives"):
        empty.replay()
