"""The event log, on every database."""

import threading
from dataclasses import replace

import msgspec
import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import NO_PICK, NOTHING, PICK, Event, LoggedEvent, Visitor
from pawsonalize.events.tables.event_log import EventLog, Touched
from pawsonalize.events.tables.event_reads import HistoryQuery, Position
from pawsonalize.recommend.tables import Impressions
from tests.event_data import is_logged

T0 = 1_700_000_000_000
PAGE = HistoryQuery(limit=100)


def event(event_id: str, *, user: str | None = "ann", at: int = 0, **fields: object) -> Event:
    plain = Event(
        event_id=event_id,
        user_id=user,
        session_id="s1",
        event_type="view",
        item_id="2-Beagle-2-3",
        sent_at=T0 + at,
        received_at=T0 + at,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def ids(events: list[LoggedEvent]) -> list[str]:
    return [logged.event.event_id for logged in events]


def test_an_event_comes_back_as_it_was_stored(log: EventLog) -> None:
    full = event(
        "e1",
        animal_id="a-7",
        event_value=0.5,
        recommendation_id="RID-1",
        impression=("2-Beagle-2-3", "1-Maine Coon-2-3"),
        properties='{"device":"phone","ü":"\\u0000"}',
    )
    assert log.append([full]) == [True]
    assert [logged.event for logged in log.history(Visitor("ann"), PAGE)] == [full]


def test_the_same_event_id_is_stored_once_and_reported_as_duplicate(log: EventLog) -> None:
    assert log.append([event("e1"), event("e2"), event("e1")]) == [True, True, False]
    assert log.append([event("e2"), event("e3")]) == [False, True]
    assert ids(log.read(0, log.head(), 10)) == ["e1", "e2", "e3"]
    assert log.count() == 3


def test_what_events_report_as_shown_is_counted_once(database: Database, log: EventLog) -> None:
    reported = event("e1", impression=("a", "b"))
    log.append([reported, event("e2", impression=("b",), at=-1), event("e3")])
    log.append([reported])
    of_an_answer = event("e4", impression=("a",), recommendation_id="RID-1")
    from_tomorrow = event("e5", impression=("c",), at=10**12, received_at=T0)
    log.append([of_an_answer, from_tomorrow])
    shown = Impressions(database).shown(T0)
    assert shown == pytest.approx({"a": 1, "b": 2, "c": 1})


def test_outcomes_are_the_events_that_name_their_recommendation(log: EventLog) -> None:
    names = ["RID-1", None, "RID-2", "RID-1"]
    log.append([event(f"e{n}", recommendation_id=name) for n, name in enumerate(names)])
    page = log.outcomes(0, 2)
    assert ids(page) == ["e0", "e2"]
    assert ids(log.outcomes(page[-1].offset, 2)) == ["e3"]


def test_a_replay_of_the_log_counts_what_it_reports_as_shown(
    database: Database, log: EventLog
) -> None:
    log.restore([LoggedEvent(7, event("e1", impression=("a",)))])
    assert Impressions(database).shown(T0) == pytest.approx({"a": 1})


def test_offsets_grow_in_commit_order_under_concurrent_writers(log: EventLog) -> None:
    seen: list[int] = []

    def write(writer: int) -> None:
        for number in range(20):
            log.append([event(f"{writer}-{number}")])

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        after = seen[-1] if seen else 0
        seen += [logged.offset for logged in log.read(after, log.head(), 1000)]
    for writer in writers:
        writer.join()
    seen += [logged.offset for logged in log.read(seen[-1] if seen else 0, log.head(), 1000)]
    assert len(seen) == 80, "a reader that follows the log missed an event"
    assert seen == sorted(set(seen))


def test_recent_events_are_newest_first_and_later_ones_are_invisible(log: EventLog) -> None:
    log.append([event(f"e{n}", at=n, item_id=f"2-B-1-{n}") for n in (3, 1, 2, 5)])
    assert [row[0] for row in log.recent(Visitor("ann"), T0 + 3, 2)] == ["2-B-1-3", "2-B-1-2"]


def test_events_at_the_same_moment_are_ordered_by_the_log(log: EventLog) -> None:
    log.append([event("first"), event("second"), event("third")])
    assert ids(log.history(Visitor("ann"), PAGE)) == ["third", "second", "first"]


def test_a_user_id_in_a_session_joins_both_histories_at_once(log: EventLog) -> None:
    log.append([event("anonymous", user=None, at=1)])
    assert ids(log.history(Visitor(session_id="s1"), PAGE)) == ["anonymous"]
    assert ids(log.history(Visitor("ann"), PAGE)) == []
    log.append([event("known", at=2), event("elsewhere", at=3, session_id="s2")])
    joined = ["elsewhere", "known", "anonymous"]
    assert ids(log.history(Visitor("ann"), PAGE)) == joined
    assert ids(log.history(Visitor(session_id="s1"), PAGE)) == joined
    assert ids(log.history(Visitor("ann", "s1"), PAGE)) == joined
    log.append([event("anonymous again", user=None, at=4)])
    assert ids(log.history(Visitor("ann"), PAGE)) == ["anonymous again", *joined]


def test_the_first_user_of_a_session_keeps_its_anonymous_events(log: EventLog) -> None:
    log.append([event("anonymous", user=None, at=1), event("a", at=2), event("b", user="bo", at=3)])
    assert ids(log.history(Visitor("ann"), PAGE)) == ["a", "anonymous"]
    assert ids(log.history(Visitor("bo"), PAGE)) == ["b"]
    assert ids(log.history(Visitor("bo", "s1"), PAGE)) == ["b"]


def test_a_duplicate_binds_no_session(log: EventLog) -> None:
    log.append([event("e1"), event("anonymous", user=None, session_id="s2")])
    assert log.append([event("e1", user="eve", session_id="s2")]) == [False]
    assert ids(log.history(Visitor("eve"), PAGE)) == []


def test_a_request_with_user_and_unbound_session_sees_both(log: EventLog) -> None:
    log.append([event("here", user=None, at=1), event("there", at=2, session_id="s2")])
    assert ids(log.history(Visitor("ann", "s1"), PAGE)) == ["there", "here"]
    assert len(log.recent(Visitor("ann", "s1"), T0 + 9, 10)) == 2


def test_a_session_bound_later_is_not_yet_joined_at_an_earlier_moment(log: EventLog) -> None:
    log.append([event("anonymous", user=None, at=1), event("known", at=5)])
    assert log.recent(Visitor("ann"), T0 + 4, 10) == []
    assert len(log.recent(Visitor("ann"), T0 + 5, 10)) == 2


def test_answers_read_the_newest_sessions_of_a_user_with_very_many_and_a_history_all(
    log: EventLog,
) -> None:
    before = [event(f"b{n}", user=None, session_id=f"s{n}", at=n) for n in range(501)]
    log.append([*before, *(event(f"u{n}", session_id=f"s{n}", at=n) for n in range(501))])
    found = [sent_at - T0 for _, _, sent_at, _ in log.recent(Visitor("ann"), T0 + 501, 2_000)]
    assert (found.count(0), found.count(1), found.count(500)) == (1, 2, 2)
    assert len(log.history(Visitor("ann"), HistoryQuery(limit=2_000))) == 1_002


def test_history_filters_by_type_and_time(log: EventLog) -> None:
    log.append([event(f"e{n}", at=n, event_type="like" if n % 2 else "view") for n in range(6)])
    likes = msgspec.structs.replace(PAGE, event_type="like")
    assert ids(log.history(Visitor("ann"), likes)) == ["e5", "e3", "e1"]
    between = msgspec.structs.replace(PAGE, since=T0 + 2, until=T0 + 4)
    assert ids(log.history(Visitor("ann"), between)) == ["e3", "e2"]


def test_pages_neither_skip_nor_repeat_while_events_arrive(log: EventLog) -> None:
    log.append([event(f"e{n}", at=n // 3) for n in range(10)])
    found: list[str] = []
    query = HistoryQuery(limit=3)
    while page := log.history(Visitor("ann"), query):
        found += ids(page)
        log.append([event(f"new after {len(found)}", at=99)])
        query = msgspec.structs.replace(
            query, before=Position(page[-1].event.sent_at, page[-1].offset)
        )
    assert found == [f"e{n}" for n in reversed(range(10))]


def test_training_rows_belong_to_the_user_a_session_is_bound_to(log: EventLog) -> None:
    log.append([event("1", user=None), event("2"), event("3", user=None, session_id="s9")])
    log.append([event("later", at=10)])
    rows = [row for batch in log.training_rows(log.head(), T0 + 5) for row in batch]
    assert [row[0] for row in rows] == ["u:ann", "u:ann", "s:s9"]
    assert [row for batch in log.training_rows(1, T0 + 5) for row in batch] == rows[:1]


def test_picks_are_in_their_visitors_history_and_in_nothing_that_counts_for_others(
    log: EventLog,
) -> None:
    picks = [
        event("1", event_type=PICK, animal_id="a-7", recommendation_id="B"),
        event("2", event_type=NO_PICK, item_id=NOTHING, animal_id=NOTHING, recommendation_id="C"),
    ]
    theirs = event("3", event_type=PICK, dataset_group="shop")
    log.append([*picks, theirs])
    assert [one.event for one in log.read(0, 9, 9)] == [*picks, theirs]
    assert [one.animal_id for one in log.interactions_of(Visitor("ann"), T0, 9)] == [NOTHING, "a-7"]
    assert [one.recommendation_id for one in log.picks(0, 9)] == ["B", "C"]
    assert (log.interactions(0, 9), log.touched(0, 9), list(log.training_rows(9, T0))) == (
        [],
        {},
        [],
    )
    # In a shop a pick is what the shop says it is.
    shop = log.of("shop")
    assert len(next(iter(shop.training_rows(9, T0)))) == len(shop.touched(0, 9)) == 1


def test_a_restored_log_equals_the_original_and_goes_on_after_it(log: EventLog) -> None:
    original = [LoggedEvent(n, event(f"e{n}", at=n)) for n in (3, 7, 8)]
    log.restore(original)
    assert log.read(0, log.head(), 10) == original
    log.append([event("next")])
    assert log.head() == 9


def test_contains_knows_stored_event_ids(log: EventLog) -> None:
    log.append([event("e1")])
    assert is_logged(log, "e1")
    assert not is_logged(log, "e2")


def test_a_value_the_database_cannot_hold_is_the_callers_error_not_an_outage(log: EventLog) -> None:
    if log._database.is_local:
        pytest.skip("SQLite holds any text")
    with pytest.raises(InvalidInput, match="cannot hold"):
        log.append([event("e1", properties='{"a":"\x00"}')])
    assert log.append([event("e1")]) == [True]


def test_what_items_had_of_the_events_between_two_offsets(log: EventLog) -> None:
    assert log.touched(0, 10) == {}
    log.append([event(f"e{n}", item_id=item, at=9 - n) for n, item in enumerate("abacb")])
    a, b, c = Touched(2, T0 + 7), Touched(2, T0 + 5), Touched(1, T0 + 6)
    assert log.touched(0, log.head()) == {"a": a, "b": b, "c": c}
    assert log.touched(1, 4) == {"a": Touched(1, T0 + 7), "b": Touched(1, T0 + 8), "c": c}


def test_whose_the_sessions_are_that_a_part_of_the_log_names_beside_a_user(log: EventLog) -> None:
    log.append([event("e1", user=None), event("e2", session_id="s2"), event("e3", user="bob")])
    log.append([event("e4", user=None, session_id="s3"), event("e5", session_id=None)])
    assert log.bound(0, 5) == {"s1": "bob", "s2": "ann"}
    log.append([event("e6", session_id="s1"), event("e7", user="eve", session_id="s3")])
    assert log.bound(5, 6) == {"s1": "bob"}, "a session stays its first user's"
    assert log.bound(5, 7) == {"s1": "bob", "s3": "eve"}
    assert log.bound(7, 9) == {}
    log.append([event("e8", user="eve", session_id="s9", dataset_group="other")])
    assert log.bound(7, 9) == {}
    assert log.of("other").bound(0, 9) == {"s9": "eve"}
