"""What is known of the training table's files, in each database."""

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import LogStart
from pawsonalize.events.tables.training_files import (
    TableState,
    TrainingFile,
    TrainingFiles,
    groups_with_files,
)
from tests.event_data import T0, event

GROUP = "pawsonalize"
ONE, TWO, BOTH = (
    TrainingFile("a", 1, 2, 2),
    TrainingFile("b", 3, 4, 2),
    TrainingFile("c", 1, 4, 4),
)


@pytest.fixture
def files(database: Database) -> TrainingFiles:
    return TrainingFiles(database, GROUP)


def test_a_file_is_in_the_table_once_it_is_added_and_not_when_it_is_intended(
    files: TrainingFiles, database: Database
) -> None:
    assert files.state() is None
    assert files.begin("facets") == []
    begun = TableState(0, "facets")
    assert files.state() == begun
    files.intend(ONE)
    assert files.files() == []
    assert groups_with_files(database) == [GROUP]
    assert files.add(begun, ["a"], 2)
    assert files.files() == [ONE]
    assert files.state() == TableState(2, "facets")


def test_who_comes_second_adds_nothing(files: TrainingFiles) -> None:
    files.begin("facets")
    begun = TableState(0, "facets")
    files.intend(ONE)
    files.intend(TWO)
    assert files.add(begun, ["a"], 2)
    assert not files.add(begun, ["b"], 4)
    assert files.drop_intents(["b"]) == ["b"]
    assert not files.add(TableState(2, "facets"), ["b"], 4)
    assert files.files() == [ONE]


def test_files_take_the_place_of_others_all_or_none(files: TrainingFiles) -> None:
    files.begin("facets")
    for file in (ONE, TWO):
        files.intend(file)
    assert files.add(TableState(0, "facets"), ["a", "b"], 4)
    assert not files.replace(["a", "b"], ["c"])
    files.intend(BOTH)
    assert files.replace(["a", "b"], ["c"])
    assert files.files() == [BOTH]
    assert not files.replace(["a"], [])
    assert files.remove() == ["c"]
    assert files.state() is None


def test_the_rows_of_the_log_and_the_users_of_sessions_are_read_in_order(
    files: TrainingFiles, database: Database
) -> None:
    log = EventLog(database)
    log.append(
        [
            event("a", user=None, session="s", item="x", event_value=2.5, at=-5),
            event("b", user="ann", session="s", item="y", received_at=T0),
        ]
    )
    (rows,) = files.rows(0, log.head())
    first, second = rows
    assert (first.user_id, first.session_id, first.item_id) == (None, "s", "x")
    assert (first.value, first.sent_at, second.user_id) == (2.5, T0 - 5, "ann")
    assert second.received_at == T0
    assert [row.offset for batch in files.rows(first.offset, log.head()) for row in batch] == [
        second.offset
    ]
    assert list(files.sessions()) == [[("s", "ann")]]


def test_it_is_known_up_to_where_its_events_left_the_log(
    files: TrainingFiles, database: Database
) -> None:
    EventLog(database).append([event(f"{n}") for n in range(4)])
    start = LogStart(database)
    files.begin("facets")
    assert files.left_through() == 0
    start.forget(1, 10)
    assert files.left_through() == 1
    start.forget_of(GROUP, 1, 2, 10)
    assert files.left_through() == 2
    files.begin("facets")
    assert files.left_through() == 0
