"""A site whose events come from no answer is told what it loses, and what to send."""

from typing import Any

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.journal import ProblemTable
from pawsonalize.core.times import DAY, HOUR, MINUTE
from pawsonalize.core.work.problems import Deliveries, Outbox, Problems
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.tables import ANIMALS, Impression, Impressions
from pawsonalize.reports.exposure_report import (
    PROBLEM,
    JoinedEvents,
    joined_events,
    report_unjoined,
)
from pawsonalize.resources.kind import new_recommendation_id
from tests.event_data import T0, event

NOW = T0 + DAY
VISITS = 240


def visit(n: int, shown: Impressions) -> str:
    """An answer that was asked for in a session of its own; its id."""
    at = T0 + n * MINUTE
    name = new_recommendation_id(at)
    page = Impression(
        name, ANIMALS, None, f"s{n}", at, at, "v", ("g",) * 2, animal_ids=(("rex",), ("max",))
    )
    shown.append([page])
    return name


def tell(log: EventLog, n: int, **more: Any) -> None:
    """An event a minute after the answer, in another session unless told otherwise."""
    plain = {"user": None, "session": f"other {n}", "animal_id": "rex", "at": (n + 1) * MINUTE}
    log.append([event(f"e{n} {more}", **{**plain, **more})])


@pytest.mark.parametrize("how", ["named", "same session", "reported", "not at all"])
def test_an_event_is_joined_by_its_answers_id_by_its_session_or_by_the_page_it_reports(
    log: EventLog, shown: Impressions, how: str
) -> None:
    for n in range(VISITS):
        name = visit(n, shown)
        more: dict[str, dict[str, Any]] = {
            "named": {"recommendation_id": name},
            "same session": {"session": f"s{n}"},
            "reported": {"impression": ("max", "rex")},
            "not at all": {},
        }
        tell(log, n, **more[how])
    found = joined_events(shown, log, NOW)
    joined = 0 if how == "not at all" else VISITS
    assert found == JoinedEvents(events=VISITS, joined=joined, pages=VISITS)
    assert found.are_nearly_none == (how == "not at all")


def test_events_of_an_hour_later_or_of_before_the_first_answer_are_not_expected_to_join(
    log: EventLog, shown: Impressions
) -> None:
    visit(0, shown)
    tell(log, 1, session="s0", at=HOUR)
    tell(log, 2, session="s0", at=HOUR + 1)
    tell(log, 3, session="s0", at=-DAY)
    assert joined_events(shown, log, NOW) == JoinedEvents(events=2, joined=1, pages=1)


@pytest.mark.parametrize(("events", "pages"), [(199, 300), (300, 49)])
def test_few_events_or_few_answers_say_nothing(events: int, pages: int) -> None:
    found = JoinedEvents(events, 0, pages)
    assert not found.is_enough
    assert not found.are_nearly_none


def test_it_stands_as_a_problem_with_share_loss_and_next_move_until_events_join(
    database: Database, log: EventLog, shown: Impressions
) -> None:
    problems = Problems(ProblemTable(database), Outbox(Deliveries(WorkTable(database)), ()), 0)
    names = [visit(n, shown) for n in range(VISITS)]
    for n in range(VISITS):
        tell(log, n)
    report_unjoined(shown, log, problems, NOW)
    (problem,) = problems.standing(NOW)
    assert problem.name == PROBLEM
    assert problem.message.startswith("0.0% of the newest 240 events with animals")
    for lost in ("effect of its own", "scrolled past", "each place is looked at"):
        assert lost in problem.message
    assert "send the answer's recommendationId" in problem.message
    assert "sessionId with which the answer was asked for" in problem.message
    for n, name in enumerate(names):
        tell(log, n, recommendation_id=name)
    report_unjoined(shown, log, problems, NOW + 1)
    assert problems.standing(NOW + 1) == []
