"""How long events are kept, on every database: in the table for a time, and in the archive."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.tables import sessions
from pawsonalize.core.errors import Conflict, CorruptArtefact
from pawsonalize.core.event import Visitor
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive.reading import mend
from pawsonalize.events.tables.event_reads import HistoryQuery
from pawsonalize.operations import retention
from pawsonalize.operations.retention import EventRetention, delete_archived, keep_days
from tests.archive_world import MIDNIGHT, ArchiveWorld, received

DAYS = 7
LATER = MIDNIGHT + DAYS * DAY


@pytest.fixture
def world(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveWorld:
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    return ArchiveWorld(database, tmp_path / "archive")


def events_of(world: ArchiveWorld, days: int = DAYS) -> EventRetention:
    return EventRetention(world.log, world.start, world.ledger, world.objects, days)


def forget_archived(world: ArchiveWorld, days: int, now: int) -> int:
    delete = partial(delete_archived, world.log, world.start, world.ledger, days)
    return keep_days(days, "deleted", delete)(now)


def bound(world: ArchiveWorld) -> set[str]:
    with world.database.reading() as connection:
        return set(connection.scalars(select(sessions.c.session_id)))


def offsets(world: ArchiveWorld) -> list[int]:
    return [row.offset for row in world.logged()]


def test_events_leave_the_table_hour_by_hour_and_stay_in_the_archive(world: ArchiveWorld) -> None:
    world.fill(hours=4)
    everything = world.logged()
    assert events_of(world).forget_old(LATER + HOUR - 1) == 0
    assert events_of(world).forget_old(LATER + 3 * HOUR - 1) == 6
    assert offsets(world) == [7, 8, 9, 10, 11, 12]
    assert world.archived() == world.replayed() == everything
    assert world.findings() == []
    assert events_of(world, days=0).forget_old(LATER + DAY) == 0
    assert events_of(world).forget_old(LATER + DAY) == 6
    assert world.replayed() == everything


def test_what_is_not_archived_stays_however_old_it_is(world: ArchiveWorld) -> None:
    world.fill(hours=1)
    world.log.append([received(n, HOUR) for n in range(50, 53)])
    assert events_of(world).forget_old(LATER + 99 * DAY) == 3
    assert offsets(world) == [4, 5, 6]
    world.archiver.archive_once()
    assert events_of(world).forget_old(LATER + 99 * DAY) == 3


def remove(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


@pytest.mark.parametrize("damage", [remove, cut])
def test_nothing_leaves_the_table_that_the_archive_does_not_hold_until_it_is_mended(
    world: ArchiveWorld, damage: Callable[[Path], None]
) -> None:
    world.fill(hours=3)
    everything, key = world.logged(), world.ledger.segments()[1].key
    damage(world.folder / key)
    for _ in range(2):
        with pytest.raises(CorruptArtefact, match=f"{key}.*archive mend"):
            events_of(world).forget_old(LATER + DAY)
        assert offsets(world) == [4, 5, 6, 7, 8, 9]
    assert mend(world.log, world.erased) == [key]
    assert mend(world.log, world.erased) == []
    assert world.findings() == []
    assert events_of(world).forget_old(LATER + DAY) == 6
    assert world.replayed() == everything


def test_an_object_that_lacks_an_event_of_the_table_keeps_it_there(world: ArchiveWorld) -> None:
    world.fill(hours=2)
    row = world.logged()[0]
    with world.database.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET item_id = 'changed' WHERE event_id = 'e1'")
    with pytest.raises(CorruptArtefact, match="differ from the log's: 1"):
        events_of(world).forget_old(LATER + DAY)
    assert world.logged()[0] == row


def test_an_empty_table_goes_on_where_it_was(world: ArchiveWorld) -> None:
    world.fill(hours=2)
    head = world.log.head()
    events_of(world).forget_old(LATER + DAY)
    assert (offsets(world), world.log.head(), world.log.forgotten_through()) == ([], head, head)
    assert world.archiver.archive_once() == 0
    world.log.append([received(90, 9 * DAY)])
    assert offsets(world) == [head + 1]
    assert world.archiver.archive_once() == 1
    assert world.findings() == []
    assert len(world.replayed()) == 7


def test_a_replay_needs_a_database_without_a_past(world: ArchiveWorld) -> None:
    world.fill(hours=1)
    events_of(world).forget_old(LATER + DAY)
    with pytest.raises(Conflict, match="empty database"):
        world.replay()


def test_a_crash_in_the_middle_forgets_the_rest_the_next_time(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(hours=2)
    stops = iter([False, True])
    stopping = replace(events_of(world), stopped=lambda: next(stops, True))
    assert stopping.forget_old(LATER + DAY) == 2
    assert offsets(world) == [3, 4, 5, 6]
    assert world.findings() == []
    assert events_of(world).forget_old(LATER + DAY) == 4


def test_servers_that_forget_at_once_lose_nothing(world: ArchiveWorld) -> None:
    world.fill(hours=8)
    everything = world.logged()
    failures: list[BaseException] = []

    def forget() -> None:
        try:
            events_of(world).forget_old(LATER + 6 * HOUR)
        except BaseException as error:  # noqa: BLE001  # a thread has no other way to tell
            failures.append(error)

    servers = [threading.Thread(target=forget) for _ in range(3)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    assert failures == []
    assert offsets(world) == [19, 20, 21, 22, 23, 24]
    assert world.replayed() == everything


def test_compacted_days_leave_the_table_as_a_whole(world: ArchiveWorld) -> None:
    world.fill(hours=5)
    everything = world.logged()
    world.compaction().compact(MIDNIGHT + 2 * DAY)
    assert events_of(world).forget_old(LATER + DAY - 1) == 0
    assert events_of(world).forget_old(LATER + DAY) == 15
    assert world.findings() == []
    assert world.replayed() == everything


def test_what_is_compacted_meanwhile_is_forgotten_the_next_time(
    world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(hours=3)
    getting, compaction = world.objects.get, world.compaction()

    def get(key: str) -> bytes:
        monkeypatch.undo()
        compaction.compact(MIDNIGHT + 2 * DAY)
        return getting(key)

    monkeypatch.setattr(world.objects, "get", get)
    assert events_of(world).forget_old(LATER + DAY) == 0
    assert events_of(world).forget_old(LATER + DAY) == 9


def test_old_events_of_a_day_that_is_compacted_later_are_not_missing(world: ArchiveWorld) -> None:
    world.fill(hours=5)
    everything = world.logged()
    events_of(world).forget_old(LATER + 2 * HOUR)
    world.compaction().compact(MIDNIGHT + 2 * DAY)
    assert world.findings() == []
    assert events_of(world).forget_old(LATER + DAY) == 9
    assert world.replayed() == everything


def test_a_session_is_its_users_as_long_as_an_event_of_it_is_left(world: ArchiveWorld) -> None:
    early = {"user_id": "ann", "session_id": "kept"}
    world.log.append(
        [
            received(1, 0, **early),
            received(2, 1, user_id="ann", session_id="gone"),
            received(3, 2, user_id="ann", session_id="theirs", dataset_group="theirs"),
            received(4, 3, user_id="ann", session_id="again"),
        ]
    )
    world.log.append(
        [
            received(5, 5 * DAY, user_id=None, session_id="kept"),
            received(6, 5 * DAY, user_id="ann", session_id="again"),
            received(7, 5 * DAY, user_id=None, session_id="gone", dataset_group="theirs"),
        ]
    )
    world.archiver.archive_once()
    assert events_of(world).forget_old(LATER + DAY) == 4
    assert bound(world) == {"again", "kept"}
    seen = world.log.history(Visitor("ann"), HistoryQuery(limit=9))
    assert {row.event.event_id for row in seen} == {"e5", "e6"}


def test_whose_an_archived_session_is_stays_known_to_who_is_erased_later(
    world: ArchiveWorld,
) -> None:
    """Its first events do not name the user, in the archive either."""
    world.log.append([received(1, 0, user_id=None, session_id="late")])
    world.log.append([received(2, 1, user_id="ann", session_id="late")])
    world.log.append([received(3, 5 * DAY, user_id="ann", session_id="other")])
    world.archiver.archive_once()
    assert events_of(world).forget_old(LATER + DAY) == 2
    assert bound(world) == {"late", "other"}
    forget_archived(world, 9, MIDNIGHT + (9 + 365) * DAY)
    assert bound(world) == {"late", "other"}
    forget_archived(world, 9, MIDNIGHT + (9 + 365) * DAY + HOUR)
    assert bound(world) == {"other"}


def test_readers_of_the_log_go_on_from_where_they_were(world: ArchiveWorld) -> None:
    world.log.append([received(n, n, animal_id="rex", recommendation_id="R") for n in range(6)])
    world.log.append([received(n, 9 * DAY, animal_id="rex") for n in range(6, 9)])
    world.archiver.archive_once()
    rows = world.log.rows_through(9)
    events_of(world).forget_old(LATER + DAY)
    assert (rows, world.log.rows_through(9), world.log.count()) == (9, 3, 3)
    for after in (0, 3, 6):
        assert [one.offset for one in world.log.interactions(after, 9)] == [7, 8, 9]
        assert [one.offset for one in world.log.read(after, 9, 9)] == [7, 8, 9]
        assert sum(map(len, world.log.training_rows(9, LATER + 9 * DAY, after))) == 3
    assert world.log.outcomes(0, 9) == []
    assert world.log.touched(0, 9)["2-Pug-1-1"].events == 3


def test_an_event_id_is_known_as_long_as_its_event_is_in_the_table(world: ArchiveWorld) -> None:
    world.fill(hours=1)
    assert world.log.append([received(1, 9 * DAY)]) == [False]
    events_of(world).forget_old(LATER + DAY)
    assert world.log.append([received(1, 9 * DAY)]) == [True]


def test_archive_objects_go_when_they_are_old_and_their_events_have_left(
    world: ArchiveWorld,
) -> None:
    world.fill(hours=5)
    assert forget_archived(world, 9, LATER + 9 * DAY) == 0, "the table has them still"
    events_of(world).forget_old(LATER + 3 * HOUR)
    assert forget_archived(world, 0, LATER + 99 * DAY) == 0
    assert forget_archived(world, 9, MIDNIGHT + 9 * DAY + 2 * HOUR) == 2
    world.compaction().delete_leftovers(LATER)
    assert [row.offset for row in world.replayed()] == [7, 8, 9, 10, 11, 12, 13, 14, 15]
    assert len(world.object_keys()) == 3
    assert world.findings() == []


def test_the_last_archive_object_stays_so_that_archiving_goes_on_after_it(
    world: ArchiveWorld,
) -> None:
    world.fill(hours=3)
    events_of(world).forget_old(LATER + DAY)
    assert forget_archived(world, 9, LATER + 99 * DAY) == 2
    assert world.ledger.planned_through() == world.log.head()
    assert world.archiver.archive_once() == 0
