"""Events as they came in: kept beside the log, moved to the archive, and erased with their rows."""

from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.tables import events, raw_events
from pawsonalize.core.event import Event, LoggedEvent
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive.archiver import Archiver, Compaction
from pawsonalize.events.archive.reading import mend
from pawsonalize.events.archive.rows import ObjectName, decode, encode
from pawsonalize.events.erasure.tables import ErasureTable, VisitorRows
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import RawEvents, as_row
from tests.archive_world import ArchiveWorld, received
from tests.erasing import erase_users


def raw(number: int, at: int = 0, **fields: object) -> Event:
    """An event that came with a field that we do not know."""
    return received(number, at, raw=f'{{"eventId":"e{number}","utm":"söd"}}', **fields)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> ArchiveWorld:
    return ArchiveWorld(database, tmp_path / "archive")


def kept(world: ArchiveWorld) -> dict[int, str]:
    return RawEvents(world.database).between(1, 1_000_000)


def rows(world: ArchiveWorld) -> int:
    with world.database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(raw_events)) or 0


def raws_of(rows: list[LoggedEvent]) -> list[str | None]:
    return [row.event.raw for row in rows]


def test_a_call_of_events_is_kept_as_it_came_in_one_row(world: ArchiveWorld) -> None:
    world.log.append([raw(1), received(2, 0), raw(3)])
    assert kept(world) == {1: raw(1).raw, 3: raw(3).raw}
    assert rows(world) == 1


def test_duplicates_are_not_kept_and_the_others_are_at_the_offsets_that_they_have(
    world: ArchiveWorld,
) -> None:
    world.log.append([raw(1)])
    assert world.log.append([raw(1), raw(2), raw(2), raw(3)]) == [False, True, False, True]
    by_id = {row.event.event_id: row.offset for row in world.logged()}
    assert kept(world) == {by_id[f"e{n}"]: raw(n).raw for n in (1, 2, 3)}


def test_offsets_that_a_rollback_took_shift_nothing(world: ArchiveWorld) -> None:
    world.log.append([raw(1)])
    with suppress(ZeroDivisionError), world.database.writing() as connection:
        connection.execute(events.insert(), as_row(raw(9)))
        raise ZeroDivisionError
    world.log.append([raw(2), raw(3)])
    by_id = {row.event.event_id: row.offset for row in world.logged()}
    assert kept(world) == {by_id[f"e{n}"]: raw(n).raw for n in (1, 2, 3)}


def test_without_the_setting_nothing_is_kept(world: ArchiveWorld) -> None:
    log = EventLog(world.database, keeps_raw=False)
    log.append([raw(1)])
    log.of("other").append([raw(1, dataset_group="other")])
    assert rows(world) == 0


def test_the_archive_has_them_and_then_the_table_no_more(world: ArchiveWorld) -> None:
    world.log.append([raw(n, n * HOUR // 4) for n in range(9)])
    world.archiver.archive_once()
    assert raws_of(world.archived()) == [raw(n).raw for n in range(9)]
    assert rows(world) == 0
    assert world.findings() == []


def test_compaction_keeps_them(world: ArchiveWorld) -> None:
    world.log.append([raw(n, n * HOUR // 4) for n in range(9)])
    world.archiver.archive_once()
    world.compaction().compact(received(0, 2 * DAY).received_at)
    assert len(world.ledger.segments()) == 1
    assert raws_of(world.archived()) == [raw(n).raw for n in range(9)]


def test_what_is_not_confirmed_is_not_deleted(world: ArchiveWorld) -> None:
    world.log.append([raw(1), raw(2)])
    world.archiver._plan(world.log.head())
    world.log.append([raw(3)])
    RawEvents(world.database).forget_archived()
    assert len(kept(world)) == 3


def test_an_archiver_that_finds_them_gone_leaves_the_object_as_it_is(world: ArchiveWorld) -> None:
    world.log.append([raw(1), raw(2)])
    late = world.archiver_of(4)
    late._plan(world.log.head())
    pending = world.ledger.pending()
    world.archiver.archive_once()
    before = {key: world.objects.get(key) for key in world.object_keys()}
    assert [late._write(segment) for segment in pending] == [2]
    assert {key: world.objects.get(key) for key in world.object_keys()} == before
    assert raws_of(world.archived()) == [raw(1).raw, raw(2).raw]
    assert world.findings() == []


def test_an_object_has_no_more_of_them_than_memory_is_meant_to_hold(world: ArchiveWorld) -> None:
    for n in range(6):
        world.log.append([received(n, 0, raw="x" * 1_000)])
    archiver = Archiver(
        world.log, RawEvents(world.database), world.ledger, world.objects, world.erased,
        raw_bytes=2_500,
    )  # fmt: skip
    assert archiver.archive_once() == 6
    assert [segment.rows for segment in world.ledger.segments()] == [2, 2, 2]


def test_those_of_an_erased_visitor_leave_with_the_rows(world: ArchiveWorld) -> None:
    mine = [n for n in range(6) if n % 3]
    world.log.append([raw(n) for n in range(3)])
    world.log.append([raw(n) for n in range(3, 6)])
    world.log.append([raw(n + 6, user_id="u0") for n in range(2)])
    erase_users(world.database, "u0")
    assert sorted(kept(world).values()) == sorted(str(raw(n).raw) for n in mine)
    assert rows(world) == 2


def test_what_came_after_the_erasure_was_noted_stays(world: ArchiveWorld) -> None:
    world.log.append([raw(1)])
    table = ErasureTable(world.database)
    table.note("erasure", "pawsonalize", 1, users=["u1"])
    world.log.append([raw(4)])
    noted = table.get("erasure")
    assert noted is not None
    VisitorRows(world.database).erase(noted, table.names("erasure"))
    assert list(kept(world).values()) == [raw(4).raw]


def test_those_of_a_deleted_group_leave_with_it(world: ArchiveWorld) -> None:
    world.log.append([raw(1), raw(2, dataset_group="other")])
    world.log.of("other").erase()
    assert list(kept(world).values()) == [raw(1).raw]


def test_those_of_events_that_left_the_table_leave_too(world: ArchiveWorld) -> None:
    world.log.append([raw(1)])
    world.log.append([raw(2)])
    world.start.forget(1, 10)
    assert list(kept(world).values()) == [raw(2).raw]


def test_a_mended_object_keeps_those_that_can_still_be_read(world: ArchiveWorld) -> None:
    world.log.append([raw(n) for n in range(1, 4)])
    world.archiver.archive_once()
    key = world.ledger.segments()[0].key
    name = ObjectName.parse(key)
    assert name is not None
    world.objects.replace(key, encode(decode(name, world.objects.get(key))[:2]))
    assert mend(world.log, world.erased) == [key]
    assert raws_of(world.archived()) == [raw(1).raw, raw(2).raw, None]
    assert world.findings() == []


def test_no_more_bytes_are_joined_than_an_object_may_have(world: ArchiveWorld) -> None:
    world.fill(hours=6)
    sizes = world.erased.index.sizes
    most = 2 * max(sizes().values())
    compaction = Compaction(world.ledger, world.objects, sizes=sizes, bytes_per_object=most)
    compaction.compact(received(0, 2 * DAY).received_at)
    assert [segment.rows for segment in world.ledger.segments()] == [6, 6, 6]
    assert world.archived() == world.logged()
