"""When so much is refused that somebody should know."""

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.journal import ProblemTable
from pawsonalize.core.times import MINUTE
from pawsonalize.core.work.problems import Deliveries, Outbox, Problems
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.ingest import FEWEST, PROBLEM, WINDOW, Intake
from tests.event_data import T0


@pytest.fixture
def problems(database: Database) -> Problems:
    return Problems(ProblemTable(database), Outbox(Deliveries(WorkTable(database)), ["log"]), 0)


def standing(problems: Problems, now: int) -> list[str]:
    return [one.message for one in problems.standing(now) if one.name == PROBLEM]


def test_more_than_the_share_is_a_problem_that_names_the_commonest_reason(
    problems: Problems,
) -> None:
    intake = Intake(problems, 0.05)
    intake.count(T0, 940, ["sessionId"] * 40 + ["invalid_json"] * 20)
    intake.look(T0)
    (message,) = standing(problems, T0)
    assert "60 of 1,000" in message
    assert "40 of them for sessionId" in message


def test_the_share_itself_is_none(problems: Problems) -> None:
    intake = Intake(problems, 0.05)
    intake.count(T0, 950, ["sessionId"] * 50)
    intake.look(T0)
    assert standing(problems, T0) == []


def test_a_few_typos_at_night_are_none(problems: Problems) -> None:
    intake = Intake(problems, 0.05)
    intake.count(T0, 0, ["sessionId"] * (FEWEST - 1))
    intake.look(T0)
    assert standing(problems, T0) == []


def test_the_minutes_are_counted_together_and_forgotten(problems: Problems) -> None:
    intake = Intake(problems, 0.05)
    for minute in range(5):
        intake.count(T0 + minute * MINUTE, 0, ["sessionId"] * 4)
    now = T0 + 4 * MINUTE
    intake.look(now)
    assert len(standing(problems, now)) == 1
    assert standing(problems, now + WINDOW) == []
    intake.look(now + WINDOW)
    assert standing(problems, now + WINDOW) == []


def test_who_wants_no_notice_gets_none(problems: Problems) -> None:
    intake = Intake(problems, 1)
    intake.count(T0, 0, ["sessionId"] * 100)
    intake.look(T0)
    assert standing(problems, T0) == []
