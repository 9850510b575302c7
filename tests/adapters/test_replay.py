"""Replays of a part of the archive, with today's reader, and into another dataset group."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, Event, LoggedEvent
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.archive.reading import ALWAYS, ArchiveReader, Period, mend
from pawsonalize.events.archive.replay import Appended, ReplayInto, Rereading
from pawsonalize.events.erasure.tables import ErasedLookup, ErasureTable
from pawsonalize.events.event_form import read_event, single
from pawsonalize.events.tables.event_reads import RawEvents
from pawsonalize.operations.retention import EventRetention
from pawsonalize.resources.job_table import silent
from tests.archive_world import MIDNIGHT, ArchiveWorld, received
from tests.erasing import erase_users

NOW = MIDNIGHT + 9 * DAY


@pytest.fixture
def world(database: Database, tmp_path: Path) -> ArchiveWorld:
    return ArchiveWorld(database, tmp_path / "archive")


@pytest.fixture
def other(tmp_path: Path) -> ArchiveWorld:
    """The archive that is replayed, with a database that is not used afterwards."""
    return ArchiveWorld(Database(f"sqlite:///{tmp_path / 'other.sqlite3'}"), tmp_path / "archive")


def reader(raw: str, was: Event) -> Event:
    return read_event(single(raw.encode()), was.received_at, lambda *_: None, was.dataset_group)


def better(raw: str, was: Event) -> Event:
    """Tomorrow's reader knows what `utm` is."""
    event = reader(raw, was)
    utm = json.loads(raw).get("utm")
    return event if utm is None else replace(event, recommendation_id=f"utm {utm}")


def sent(number: int, at: int, **more: Any) -> Event:
    """An event as it is read of what a site sends."""
    form = {"sessionId": f"s{number}", "eventType": "view", "itemId": "2-Pug-1-1", **more}
    return read_event(single(json.dumps(form).encode()), MIDNIGHT + at, lambda *_: None)


def ids(world: ArchiveWorld) -> list[str]:
    return [row.event.event_id for row in world.logged()]


def of_hours(first: int, end: int) -> Period:
    return Period(MIDNIGHT + first * HOUR, MIDNIGHT + end * HOUR)


# A part of the archive


def test_a_time_range_comes_back_at_its_old_offsets(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=5)
    done = world.replay(of_hours(1, 3))
    assert (done.restored, done.left_out) == (6, 9)
    assert world.logged() == other.logged()[3:9]


def test_a_bound_may_lie_within_an_hour(world: ArchiveWorld, other: ArchiveWorld) -> None:
    other.fill(hours=2)
    third = other.logged()[2].event.received_at
    assert world.replay(Period(until=third)).restored == 2
    assert ids(world) == ["e0", "e1"]


def test_what_was_left_out_stays_in_the_archive_and_nothing_takes_it_for_lost(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=5)
    before = {key: other.objects.get(key) for key in other.object_keys()}
    world.replay(of_hours(1, 3))
    assert world.findings() == []
    assert mend(world.log, world.erased) == []
    assert {key: world.objects.get(key) for key in world.object_keys()} == before


@pytest.mark.parametrize("period", [of_hours(1, 3), of_hours(8, 9), ALWAYS])
def test_new_events_come_after_all_that_is_in_the_archive(
    world: ArchiveWorld, other: ArchiveWorld, period: Period
) -> None:
    other.fill(hours=5)
    world.replay(period)
    world.log.append([received(99, 6 * HOUR)])
    assert world.archiver.archive_once() == 1
    assert world.archived()[-1].offset > other.log.head()
    assert [row.event.event_id for row in world.archived()] == [f"e{n}" for n in range(15)] + [
        "e99"
    ]
    assert world.findings() == []


def test_new_events_come_after_erased_ones_too(world: ArchiveWorld, other: ArchiveWorld) -> None:
    other.log.append([received(1, 0), received(2, 0), received(3, 0, user_id="gone")])
    other.archiver.archive_once()
    erase_users(other.database, "gone")
    other.erased.erase(())
    world.replay()
    world.log.append([received(4, 0)])
    assert world.archiver.archive_once() == 1
    assert world.findings() == []


def test_an_empty_time_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="--until"):
        Period(2, 2)


def test_restored_events_leave_the_table_when_they_are_too_old_like_all_others(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=5)
    world.replay(of_hours(1, 4))
    retention = EventRetention(world.log, world.start, world.ledger, world.objects, days=1)
    assert retention.forget_old(MIDNIGHT + DAY + HOUR) == 0
    assert retention.forget_old(MIDNIGHT + DAY + 3 * HOUR) == 6
    assert ids(world) == ["e9", "e10", "e11"]
    assert world.findings() == []


# As tomorrow's reader sees it


def test_events_are_read_anew_and_keep_their_place_id_and_moment(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.log.append([sent(1, 5, utm="a"), sent(2, 6)])
    other.archiver.archive_once()
    rereading = Rereading(better)
    world.replay(rereading=rereading)
    first, second = other.logged()
    assert world.logged() == [
        replace(first, event=replace(first.event, recommendation_id="utm a")), second
    ]  # fmt: skip
    assert (rereading.changed, rereading.same) == (1, 1)


def test_an_archive_whose_events_were_read_anew_stays_as_it_is(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.log.append([sent(1, 5, utm="a"), sent(2, 6)])
    other.archiver.archive_once()
    before = {key: other.objects.get(key) for key in other.object_keys()}
    world.replay(rereading=Rereading(better))
    assert world.findings() == []
    assert mend(world.log, world.erased) == []
    assert {key: world.objects.get(key) for key in world.object_keys()} == before


def test_what_cannot_be_read_anew_stays_as_archived_and_is_named(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.log.append([received(1, 0), received(2, 0, raw='{"eventType":"view"}'), sent(3, 0)])
    other.archiver.archive_once()
    rereading = Rereading(reader)
    world.replay(rereading=rereading)
    assert world.logged() == other.logged()
    counts = (rereading.same, rereading.changed, rereading.without_raw, rereading.refused)
    assert counts == (1, 0, 1, 1)
    assert rereading.named[0] == "offset 1: it is not known how it came in"
    assert rereading.named[1].startswith("offset 2: ")
    assert "sessionId" in rereading.named[1]


def test_who_turns_out_to_be_erased_when_read_anew_stays_out(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.log.append([received(1, 0, user_id="gone"), sent(2, 0, who="gone"), sent(3, 0)])
    other.archiver.archive_once()
    erase_users(other.database, "gone")
    table = ErasureTable(world.database)
    table.note("same", DEFAULT_DATASET_GROUP, NOW, users=["gone"])

    def knows(raw: str, was: Event) -> Event:
        return replace(reader(raw, was), user_id=json.loads(raw).get("who"))

    with world.database.writing() as connection:  # an erasure of offsets that are not there yet
        connection.exec_driver_sql("UPDATE erasures SET through = 3")
    world.replay(rereading=Rereading(knows))
    assert [row.offset for row in world.logged()] == [3]


NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=9
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
FORMS = st.fixed_dictionaries(
    {"sessionId": NAMES, "eventType": NAMES, "itemId": st.just("2-Pug-1-1")},
    optional={
        "userId": NAMES | st.integers(0, 10**9),
        "animal_id": NAMES,
        "sentAt": st.integers(MIDNIGHT - DAY, MIDNIGHT + DAY),
        "eventValue": st.floats(allow_nan=False, allow_infinity=False),
        "recommendationId": NAMES,
        "impression": st.lists(NAMES, max_size=4),
        "properties": st.dictionaries(NAMES, JSON, max_size=3),
        "zz-unknown": JSON,
    },
)
ROWS = st.lists(st.tuples(FORMS, st.integers(0, 3 * DAY)), min_size=1, max_size=12)


def read_all(rows: list[tuple[dict[str, Any], int]]) -> list[Event]:
    """The events of the forms, as they come in."""
    events = []
    for number, (form, at) in enumerate(rows):
        text = json.dumps({"eventId": f"e{number}", **form}).encode()
        events.append(read_event(single(text), MIDNIGHT + at, lambda *_: None))
    return events


@given(ROWS, st.booleans())
def test_a_replay_is_what_was_logged_and_what_is_read_anew_is_the_same(
    rows: list[tuple[dict[str, Any], int]], compacted: bool
) -> None:
    with TemporaryDirectory() as name:
        world = ArchiveWorld(Database(f"sqlite:///{name}/a.sqlite3"), Path(name) / "archive")
        events = read_all(rows)
        world.log.append(events[:5])
        world.archiver.archive_once()
        world.log.append(events[5:])
        world.archiver.archive_once()
        if compacted:
            world.compaction().compact(NOW)
        assert world.replayed() == world.logged() == world.archived()
        assert [row.event.raw for row in world.archived()] == [one.raw for one in events]
        rereading, other = Rereading(reader), world.other()
        other.replay(rereading=rereading)
        assert other.logged() == world.logged()
        assert (rereading.same, rereading.changed) == (len(rows), 0)
        for one in (world, other):
            one.database.close()


# Into another dataset group


def into(
    world: ArchiveWorld, target: str, source: str = DEFAULT_DATASET_GROUP, **more: Any
) -> Appended:
    archive = ArchiveReader(world.erased, more.pop("period", ALWAYS))
    erased = ErasedLookup(world.database)
    return ReplayInto(source, target, world.log, archive, erased, lambda: NOW, **more).replay()


def of_group(world: ArchiveWorld, group: str) -> list[LoggedEvent]:
    return [row for row in world.logged() if row.event.dataset_group == group]


def test_events_are_appended_to_another_group_as_if_they_came_in_now(world: ArchiveWorld) -> None:
    world.log.append([sent(n, n * HOUR, eventId=f"e{n}", sentAt=MIDNIGHT) for n in range(4)])
    world.archiver.archive_once()
    before = world.logged()
    assert into(world, "shop") == Appended(stored=4)
    moved = [replace(row.event, dataset_group="shop", received_at=NOW) for row in before]
    assert [row.event for row in of_group(world, "shop")] == moved
    assert RawEvents(world.database).between(5, 8) == {
        row.offset + 4: row.event.raw for row in world.archived()
    }
    assert [row.event.sent_at for row in of_group(world, "shop")] == [MIDNIGHT] * 4


def test_to_repeat_it_changes_nothing(world: ArchiveWorld) -> None:
    world.fill(hours=3)
    assert into(world, "shop") == Appended(stored=9)
    world.archiver.archive_once()
    after = world.logged()
    assert into(world, "shop") == Appended(duplicates=9)
    assert world.logged() == after


def test_only_the_source_with_its_actions_and_the_time_range_is_read(world: ArchiveWorld) -> None:
    world.log.append(
        [
            received(1, 0),
            received(2, 0, dataset_group="shop"),
            received(3, 0, dataset_group="shop/actions"),
            received(4, HOUR, dataset_group="shop"),
        ]
    )
    world.archiver.archive_once()
    assert into(world, "new", "shop", period=of_hours(0, 1)).stored == 2
    assert [row.event.event_id for row in of_group(world, "new")] == ["e2"]
    assert [row.event.event_id for row in of_group(world, "new/actions")] == ["e3"]


def test_who_was_erased_from_either_group_stays_out(world: ArchiveWorld) -> None:
    world.log.append([received(n, 0, user_id=f"u{n}") for n in range(4)])
    world.log.append([received(9, 20 * DAY, user_id="u2")])
    world.archiver.archive_once()
    erase_users(world.database, "u1", now=NOW)
    ErasureTable(world.database).note("other", "shop", NOW, users=["u2"])
    done = into(world, "shop")
    assert (done.stored, done.erased) == (3, 1)
    assert [row.event.event_id for row in of_group(world, "shop")] == ["e0", "e3", "e9"]


def test_what_is_no_animal_group_is_kept_out_of_the_default_group_and_named(
    world: ArchiveWorld,
) -> None:
    more: dict[str, Any] = {"dataset_group": "shop"}
    world.log.append([received(1, 0, item_id="a cup", **more), received(2, 0, **more)])
    world.archiver.archive_once()
    done = into(world, DEFAULT_DATASET_GROUP, "shop")
    assert (done.stored, done.refused) == (1, 1)
    assert done.named == ["offset 1: its item is no animal group"]


def test_events_may_be_read_anew_on_the_way(world: ArchiveWorld) -> None:
    world.log.append([sent(1, 0, utm="a")])
    world.archiver.archive_once()
    into(world, "shop", rereading=Rereading(better))
    assert [row.event.recommendation_id for row in of_group(world, "shop")] == ["utm a"]


def test_objects_that_are_joined_meanwhile_are_found_again(world: ArchiveWorld) -> None:
    world.fill(hours=5)
    reading = ArchiveReader(world.erased).in_log_order(silent, [])
    first = next(reading)
    world.compaction().compact(NOW)
    assert [*first, *(row for rows in reading for row in rows)] == world.logged()


def test_a_missing_or_damaged_object_is_named_and_the_others_are_appended(
    world: ArchiveWorld,
) -> None:
    world.fill(hours=3)
    key = world.ledger.segments()[1].key
    world.objects.replace(key, b"?")
    (reason,) = into(world, "shop").damaged
    assert key in reason
    assert len(of_group(world, "shop")) == 6
    world.objects.delete(key)
    (reason,) = into(world, "shop").damaged
    assert key in reason


# What is damaged or missing


def test_a_replay_goes_on_past_a_damaged_object_and_names_it(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=4)
    key = other.ledger.segments()[2].key
    other.objects.replace(key, other.objects.get(key)[:-9])
    done = world.replay()
    assert (done.restored, done.gaps) == (9, ())
    assert [key in reason for reason in done.damaged] == [True]
    assert [row.offset for row in world.logged()] == [1, 2, 3, 4, 5, 6, 10, 11, 12]


def test_after_that_the_damaged_object_stays_known_and_new_events_come_after_all(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=4)
    key = other.ledger.segments()[-1].key
    before = other.objects.get(key)
    other.objects.replace(key, b"?")
    world.replay()
    assert [one.split(":")[0] for one in world.findings()] == [f"{key} cannot be read"]
    assert mend(world.log, world.erased) == []
    with pytest.raises(CorruptArtefact, match=key):
        world.compaction().compact(NOW)
    world.log.append([received(99, 6 * HOUR)])
    assert world.archiver.archive_once() == 1
    assert world.logged()[-1].offset > other.log.head()
    world.objects.replace(key, before)  # out of a copy
    assert world.other().replay().damaged == ()


def test_a_damaged_object_that_a_larger_one_covers_costs_nothing(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=3)
    small = other.ledger.segments()[1].key
    other.compaction().compact(NOW)
    other.objects.replace(small, b"?")
    done = world.replay()
    assert world.logged() == other.logged()
    assert [small in reason for reason in done.damaged] == [True]


def test_objects_that_a_damaged_one_covers_are_kept(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=3)
    smalls = [segment.key for segment in other.ledger.segments()]
    other.compaction().compact(NOW)
    (joined,) = (segment.key for segment in other.ledger.segments())
    other.objects.replace(joined, b"?")
    done = world.replay()
    assert [joined in reason for reason in done.damaged] == [True]
    assert world.ledger.leftovers().keys() & set(smalls) == set()


def test_gaps_between_the_names_of_objects_are_named(
    world: ArchiveWorld, other: ArchiveWorld
) -> None:
    other.fill(hours=4)
    other.objects.delete(other.ledger.segments()[1].key)
    done = world.replay()
    assert (done.restored, done.damaged, done.gaps) == (9, (), ((4, 6),))
