"""Standing problems: kept for all processes, told once, over when they are over."""

from threading import Barrier, Thread

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.journal import ProblemTable
from pawsonalize.core.notifications import NotificationKind
from pawsonalize.core.times import MINUTE
from pawsonalize.core.work.problems import Deliveries, Outbox, Problems
from pawsonalize.core.work.tables import WorkTable
from tests.event_data import T0

LONG = 10 * MINUTE


@pytest.fixture
def problems(database: Database) -> Problems:
    return of_another_server(database)


def of_another_server(database: Database) -> Problems:
    return Problems(ProblemTable(database), Outbox(Deliveries(WorkTable(database)), ["log"]), LONG)


def told(database: Database) -> list[tuple[NotificationKind, str]]:
    newest = Deliveries(WorkTable(database)).newest(100)
    return sorted((each.notification.kind, each.notification.subject) for each in newest)


def test_a_problem_keeps_its_beginning_while_it_is_reported_again(problems: Problems) -> None:
    problems.report("archive", "the disk is full", T0)
    problems.report("archive", "the disk is still full", T0 + 5 * MINUTE)
    (problem,) = problems.standing(T0 + 5 * MINUTE)
    assert (problem.since, problem.last_seen) == (T0, T0 + 5 * MINUTE)
    assert problem.message == "the disk is still full"


def test_a_report_that_says_nothing_new_writes_nothing(problems: Problems) -> None:
    problems.report("archive", "full", T0)
    problems.report("archive", "full", T0 + MINUTE - 1)
    assert problems.standing(T0)[0].last_seen == T0
    problems.report("archive", "full", T0 + MINUTE)
    assert problems.standing(T0)[0].last_seen == T0 + MINUTE


def test_what_is_cleared_stands_no_more_and_may_begin_anew(problems: Problems) -> None:
    problems.report("archive", "full", T0)
    problems.report("refreshes", "bad", T0 + 1)
    problems.clear("archive", T0 + 2)
    problems.clear("nobody reported this", T0 + 2)
    assert [each.name for each in problems.standing(T0 + 2)] == ["refreshes"]
    problems.report("archive", "full", T0 + 3)
    assert [each.since for each in problems.standing(T0 + 3)] == [T0 + 1, T0 + 3]


def test_every_server_sees_what_one_reported(problems: Problems, database: Database) -> None:
    problems.report("archive", "full", T0)
    assert [each.name for each in of_another_server(database).standing(T0)] == ["archive"]


def test_people_are_told_of_what_lasts_and_of_its_end_once(
    problems: Problems, database: Database
) -> None:
    problems.report("archive", "full", T0)
    problems.look(T0 + LONG - 1)
    assert told(database) == []
    for server in (problems, of_another_server(database), problems):
        server.look(T0 + LONG)
    assert told(database) == [(NotificationKind.PROBLEM, "Problem: archive")]
    problems.clear("archive", T0 + LONG + 1)
    of_another_server(database).clear("archive", T0 + LONG + 1)
    assert told(database)[1:] == [(NotificationKind.PROBLEM_ENDED, "Problem over: archive")]


def test_of_what_was_over_soon_nobody_is_told(problems: Problems, database: Database) -> None:
    problems.report("archive", "full", T0)
    problems.clear("archive", T0 + MINUTE)
    problems.look(T0 + LONG)
    assert told(database) == []


def test_the_notification_has_the_message_and_the_next_move(
    problems: Problems, database: Database
) -> None:
    problems.report("Hülle/1", "the disk is full: free some space", T0)
    problems.look(T0 + LONG)
    text = Deliveries(WorkTable(database)).newest(1)[0].notification.text
    assert "free some space" in text
    assert "2026-05-17" in text
    assert "pawsonalize doctor" in text


def test_what_nobody_reports_any_more_ends_by_itself(
    problems: Problems, database: Database
) -> None:
    problems.report("refreshes", "bad", T0, within=LONG)
    problems.look(T0 + LONG - 1)
    problems.report("refreshes", "bad", T0 + LONG - 1, within=LONG)
    problems.look(T0 + LONG)
    assert [each.since for each in problems.standing(T0 + LONG)] == [T0]
    late = T0 + 2 * LONG
    assert problems.standing(late) == []
    problems.look(late)
    assert [kind for kind, _ in told(database)] == [
        NotificationKind.PROBLEM,
        NotificationKind.PROBLEM_ENDED,
    ]
    problems.report("refreshes", "bad", late, within=LONG)
    assert [each.since for each in problems.standing(late)] == [late]


def test_of_many_servers_that_look_at_once_one_tells(
    problems: Problems, database: Database
) -> None:
    problems.report("archive", "full", T0)
    barrier = Barrier(6)

    def look() -> None:
        barrier.wait()
        of_another_server(database).look(T0 + LONG)

    threads = [Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(database) == [(NotificationKind.PROBLEM, "Problem: archive")]


def test_only_the_first_who_tells_notes_it(database: Database) -> None:
    table = ProblemTable(database)
    of_another_server(database).report("archive", "full", T0)
    problem = table.all()[0]
    assert table.tell(problem, T0 + 1)
    assert not table.tell(problem, T0 + 2)
    assert table.remove(problem)
    assert not table.remove(problem)
    assert not table.tell(problem, T0 + 3)
