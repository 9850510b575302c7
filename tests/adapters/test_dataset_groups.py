"""Dataset groups in one database: none sees another's data, on every database."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Select
from sqlalchemy.event import listen

from pawsonalize.animals.tables.catalogue import Catalogue, Item, User
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, Event, Visitor
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import _RECENT_OF, HistoryQuery
from pawsonalize.events.tables.training_files import TRAINING_ROWS
from tests.event_data import T0, event, is_logged

SHOP = "shop"
ALL = HistoryQuery(limit=100)
ANN = Visitor("ann")


def test_an_event_id_counts_once_within_its_dataset_group(log: EventLog) -> None:
    mine, theirs = event("e1"), event("e1", dataset_group=SHOP)
    assert log.append([mine, theirs, mine, theirs]) == [True, True, False, False]
    assert log.append([theirs, event("e2", dataset_group=SHOP)]) == [False, True]
    assert is_logged(log, "e1")
    assert not is_logged(log, "e2")
    assert is_logged(log.of(SHOP), "e2")


def test_a_session_belongs_to_another_user_in_another_dataset_group(log: EventLog) -> None:
    log.append([event("a", user=None), event("b", user=None, dataset_group=SHOP)])
    log.append([event("c", user="ann"), event("d", user="bob", dataset_group=SHOP)])
    assert ids(log, Visitor("ann")) == ["c", "a"]
    assert ids(log.of(SHOP), Visitor("bob")) == ["d", "b"]
    assert ids(log.of(SHOP), Visitor("ann")) == ids(log, Visitor("bob")) == []


OURS, THEIRS = "ours", "theirs"
EVENTS = st.builds(
    event,
    st.sampled_from("abcdef"),
    user=st.sampled_from([None, "ann", "bob"]),
    session=st.sampled_from(["s1", "s2"]),
    item=st.sampled_from(["x", "y"]),
    at=st.integers(0, 5),
    dataset_group=st.sampled_from([OURS, THEIRS]),
)


@pytest.fixture(scope="module")
def two_logs() -> Iterator[tuple[EventLog, EventLog]]:
    with closing(Database("sqlite://")) as shared, closing(Database("sqlite://")) as apart:
        yield EventLog(shared), EventLog(apart)


@given(st.lists(EVENTS, max_size=12), st.integers(1, 12))
def test_two_groups_in_one_log_are_like_two_logs(
    two_logs: tuple[EventLog, EventLog], events: list[Event], batch: int
) -> None:
    both, apart = two_logs
    for group in (OURS, THEIRS):  # of the example before
        both.of(group).erase()
    starts = range(0, len(events), batch)
    flags = [flag for at in starts for flag in both.append(events[at : at + batch])]
    for group in (OURS, THEIRS):
        apart.of(group).erase()
        expected = [apart.append([one])[0] for one in events if one.dataset_group == group]
        kept = zip(events, flags, strict=True)
        assert [flag for one, flag in kept if one.dataset_group == group] == expected
        assert _seen_of(both.of(group)) == _seen_of(apart.of(group))
        apart.of(group).erase()


def _seen_of(log: EventLog) -> object:
    visitors = [Visitor(user, session) for user in (None, "ann", "bob") for session in ("s1", "s2")]
    rows = [row for batch in log.training_rows(log.head(), T0 + 9) for row in batch]
    return (
        [ids(log, visitor) for visitor in visitors],
        [log.recent(visitor, T0 + 3, 10) for visitor in visitors],
        rows,
        log.touched(0, log.head()),
    )


def ids(log: EventLog, visitor: Visitor) -> list[str]:
    return [logged.event.event_id for logged in log.history(visitor, ALL)]


def test_the_log_of_all_groups_is_read_and_restored_as_one(log: EventLog) -> None:
    log.append([event("a"), event("a", dataset_group=SHOP)])
    rows = log.of(SHOP).read(0, log.head(), 10)
    assert [row.event.dataset_group for row in rows] == [DEFAULT_DATASET_GROUP, SHOP]
    with closing(Database("sqlite://")) as empty:
        EventLog(empty).restore(rows)
        assert EventLog(empty).read(0, 9, 10) == rows


def test_items_and_users_are_of_one_dataset_group(database: Database) -> None:
    ours, theirs = Catalogue(database), Catalogue(database).of(SHOP)
    ours.put_items([Item("a", {"X": "1"}), Item("b", {})])
    theirs.put_items([Item("a", {"X": "2"}, T0)])
    theirs.put_users([User("ann", {"AGE": 7})])
    assert (ours.item_count(), theirs.item_count()) == (2, 1)
    assert (len([*ours.users()]), len([*theirs.users()])) == (0, 1)
    assert (ours.item("a"), theirs.item("a")) == (Item("a", {"X": "1"}), Item("a", {"X": "2"}, T0))
    assert theirs.item("b") is None
    assert ours.user("ann") is None
    assert theirs.user("ann") == User("ann", {"AGE": 7})
    assert list(theirs.items()) == [Item("a", {"X": "2"}, T0)]


def test_erasing_the_data_of_a_group_leaves_the_others(database: Database) -> None:
    log, catalogue = EventLog(database), Catalogue(database)
    log.append([event("a"), event("a", dataset_group=SHOP), event("b", dataset_group=SHOP)])
    for one in (catalogue, catalogue.of(SHOP)):
        one.put_items([Item("x", {})])
        one.put_users([User("ann", {})])
    head = log.head()
    erased = (
        log.of(SHOP).erase(),
        catalogue.of(SHOP).erase_items(),
        catalogue.of(SHOP).erase_users(),
    )
    assert erased == (2, 1, 1)
    assert ids(log.of(SHOP), Visitor(None, "s1")) == ids(log.of(SHOP), ANN) == []
    assert ids(log, ANN) == ["a"]
    assert (catalogue.item_count(), len([*catalogue.users()])) == (1, 1)
    log.append([event("c", dataset_group=SHOP)])
    assert log.head() == head + 1, "an offset is never given twice"


@pytest.mark.parametrize(("by_user", "by_session"), [(True, False), (False, True), (True, True)])
def test_recent_events_are_found_by_index(by_user: bool, by_session: bool) -> None:
    asked = {"user": "ann"} if by_user else {}
    asked |= {"session": "s1"} if by_session else {}
    steps = plan_of(_RECENT_OF(by_user, by_session).statement, {"at": T0, "limit": 5, **asked})
    for name, column in [("events_by_user", "user_id")] * by_user + [
        ("events_by_session", "session_id")
    ]:
        used = f"USING COVERING INDEX {name} ({column}=? AND dataset_group=? AND sent_at<?)"
        assert any(used in step for step in steps), steps


def test_whose_sessions_are_is_looked_up_for_those_of_the_span_alone() -> None:
    with closing(Database("sqlite://")) as database:
        asked: list[Any] = []
        listen(database._engine, "before_cursor_execute", lambda *ran: asked.extend(ran[2:4]))
        EventLog(database).bound(0, 9)
        text, values = asked
        with database.reading() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
    steps = [step for _, _, _, step in plan]
    assert any("sessions" in step and "session_id=?" in step for step in steps), steps
    assert "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in steps


def test_a_training_reads_in_the_order_of_the_log_and_sorts_nothing() -> None:
    steps = plan_of(TRAINING_ROWS, {"after": 0, "through": 9, "until": T0})
    assert "SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def plan_of(statement: Select[Any], values: dict[str, object]) -> list[str]:
    """How SQLite would answer, step by step."""
    with closing(Database("sqlite://")) as database, database.reading() as connection:
        compiled = statement.compile(connection)
        bound = compiled.construct_params({"group": SHOP, **values})
        places = tuple(bound[name] for name in compiled.positiontup or ())
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", places)
        return [step for _, _, _, step in plan]
