"""The verdict on personalisation: from real tables, each cause by name, and one notice a turn."""

from pathlib import Path

import msgspec
import pytest
from benchmarks.personalisation import FAULTS, quiet, until_named
from typer.testing import CliRunner

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.main import app
from pawsonalize.core.times import DAY, HOUR, MINUTE
from pawsonalize.recommend.tables import ANIMALS, SIMILAR_ANIMALS, Impression
from pawsonalize.reports.personalisation.health import read_health, tell_turn
from pawsonalize.reports.personalisation.rules import (
    PersonalisationFigures,
    PersonalisationVerdict,
    Share,
    judge,
)
from pawsonalize.reports.personalisation.tables import SeenTables
from pawsonalize.resources.kind import new_recommendation_id
from pawsonalize.train.retraining.schedule import CheckSettings
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.service_data import client_of, make_service

NOW = T0 + DAY
FINE = PersonalisationFigures(hours=24, visits=300)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_within_a_day_of_300_visits(fault: str) -> None:
    found = until_named(fault, seed=7, visits=300, quiet_days=9)
    assert found["hours"] is not None
    assert found["hours"] <= 24


def test_quiet_weeks_raise_no_alarm_whether_many_visit_or_few() -> None:
    for visits in (60, 10):
        assert quiet(seed=3, visits=visits, weeks=6)["named"] == ""


def test_history_that_is_sent_in_at_once_is_neither_a_visit_of_today_nor_a_wrong_clock(
    tmp_path: Path,
) -> None:
    late = [
        event(
            f"e{hours}-{who}",
            user=None,
            session=f"late{who}",
            at=DAY - hours * HOUR,
            received_at=NOW,
        )
        for hours in (2, 30)
        for who in range(200)
    ]
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        adapters.log.append(late)
        seen = SeenTables(adapters.database).events(NOW)
        mine = [one for one in seen if (one.session_id or "").startswith("late")]
        assert {one.sent_at for one in mine} == {NOW - 2 * HOUR}, "older ones are history"
        found = read_health(adapters, NOW, (), CheckSettings())
        assert "clocks" not in {one.code for one in found.findings}


def test_few_visits_are_not_judged_and_a_finding_that_breaks_all_comes_first() -> None:
    few = msgspec.structs.replace(FINE, visits=99)
    assert judge(few).verdict is PersonalisationVerdict.NOT_KNOWN
    assert judge(FINE).verdict is PersonalisationVerdict.WORKS
    weak = msgspec.structs.replace(FINE, clocks=Share(90, 100))
    assert judge(weak).verdict is PersonalisationVerdict.WEAK
    both = judge(msgspec.structs.replace(weak, unknown_ids=Share(90, 100)))
    assert both.verdict is PersonalisationVerdict.DOES_NOT_WORK
    assert [one.code for one in both.findings] == ["answer_ids", "clocks"]


def test_a_share_is_beyond_a_bound_only_where_chance_does_not_explain_it() -> None:
    assert Share(100, 100).is_surely_over(0.5)
    assert not Share(10, 10).is_surely_over(0.5)
    assert not Share(60, 100).is_surely_over(0.5)
    assert Share(0, 100).is_surely_under(0.2)
    assert not Share().is_surely_over(0.5)


def test_a_thing_that_many_had_and_nobody_has_now_has_vanished() -> None:
    past = {"species cat": 2_000, "species dog": 2_000}
    figures = msgspec.structs.replace(
        FINE, past=past, past_visits=4_000, present={"species cat": 300}
    )
    assert [one.code for one in judge(figures).findings] == ["vanished species dog"]
    seldom = msgspec.structs.replace(figures, past={"species dog": 80})
    assert judge(seldom).findings == ()


def test_a_feed_that_stands_still_is_named_after_more_than_twice_its_longest_rest() -> None:
    still = msgspec.structs.replace(FINE, changes_a_day=10, still_hours=50, longest_still_hours=20)
    assert [one.code for one in judge(still).findings] == ["feed_still"]
    weekend = msgspec.structs.replace(still, longest_still_hours=60)
    assert judge(weekend).findings == ()


def test_an_old_model_is_named_while_visitors_come_and_a_silent_site_too() -> None:
    old = judge(msgspec.structs.replace(FINE, model_days=20.0))
    assert [one.code for one in old.findings] == ["old_model"]
    silent = judge(msgspec.structs.replace(FINE, visits=0, pages=Share(0, 100)))
    assert [one.code for one in silent.findings] == ["no_events"]


def fill(adapters: Adapters, *, names: str, question: str = ANIMALS) -> None:
    """Store 160 visitors of a day, each with a page and an event that names its answer or not."""
    adapters.animals.put([animal(f"a{n}") for n in range(12)], T0)
    for n in range(160):
        at = T0 + n * 5 * MINUTE
        name = new_recommendation_id(at)
        places = tuple((f"a{(n + place) % 12}",) for place in range(12))
        page = Impression(
            name, question, None, f"v{n}", at, at, "v", ("g",) * 12, animal_ids=places
        )
        adapters.impressions.append([page])
        told = {"right": name, "wrong": f"RID-{n}"}[names]
        one = event(
            f"e{n}", user=None, session=f"v{n}", at=n * 5 * MINUTE, recommendation_id=told,
            animal_id=f"a{n % 12}",
        )  # fmt: skip
        adapters.log.append([one])


def test_the_tables_tell_what_the_rules_count(tmp_path: Path) -> None:
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        fill(adapters, names="right")
        rows = SeenTables(adapters.database).events(NOW)
        mine = [one for one in rows if one.animal_id]
        assert len(mine) == 160
        assert {(one.species, one.shelter) for one in mine} == {("2", "")}
        stock = SeenTables(adapters.database).stock(NOW)
        assert (stock.available, "species 2" in stock.things) == (12, True)
        found = read_health(adapters, NOW, (), CheckSettings())
        assert (found.verdict, found.findings) == (PersonalisationVerdict.WORKS, ())


def test_ids_of_answers_that_are_no_pages_were_given_as_well(tmp_path: Path) -> None:
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        fill(adapters, names="right", question=SIMILAR_ANIMALS)
        page = Impression(
            new_recommendation_id(T0), ANIMALS, None, "v", T0, T0 + HOUR, "v", (), animal_ids=()
        )
        adapters.impressions.append([page])
        assert read_health(adapters, NOW, (), CheckSettings()).findings == ()


def test_each_turn_is_one_problem_and_one_end_however_many_servers_look(tmp_path: Path) -> None:
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        fill(adapters, names="wrong")
        found = read_health(adapters, NOW, (), CheckSettings())
        assert [one.code for one in found.findings] == ["answer_ids"]
        for _server in range(3):
            tell_turn(found, adapters.problems, NOW)
        (problem,) = adapters.problems.standing(NOW)
        assert problem.name == "personalisation does not work"
        assert "recommendationId" in problem.message
        unknown = msgspec.structs.replace(found, verdict=PersonalisationVerdict.NOT_KNOWN)
        tell_turn(unknown, adapters.problems, NOW + HOUR)
        assert len(adapters.problems.standing(NOW)) == 1
        tell_turn(judge(FINE), adapters.problems, NOW + 2 * HOUR)
        assert adapters.problems.standing(NOW) == []


def test_the_command_says_why_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_service(tmp_path / "data", train=False)
    with opened(settings) as adapters:
        fill(adapters, names="wrong")
    monkeypatch.setattr("pawsonalize.core.clock.now", lambda: NOW)
    arguments = ["health", "personalisation", "--data-dir", str(settings.data_dir)]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 1
    assert "does not work" in said.stdout
    assert "Next: send the answer's recommendationId" in said.stdout
    as_json = CliRunner().invoke(app, [*arguments, "--json"])
    assert msgspec.json.decode(as_json.stdout)["findings"][0]["code"] == "answer_ids"


def test_the_first_page_of_the_console_shows_verdict_cause_and_next_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_service(tmp_path / "data")
    with opened(settings) as adapters:
        fill(adapters, names="wrong")
    monkeypatch.setattr("pawsonalize.core.clock.now", lambda: NOW)
    with client_of(build_app(settings)) as client:
        page = client.get("/console").text
        found = client.get("/v1/console/overview").json()
    assert "Does not work" in page
    assert "name answers that were never given" in page
    assert "needs attention" in page
    assert found["personalisation"]["verdict"] == "does not work"
    assert found["health"] == "attention"
