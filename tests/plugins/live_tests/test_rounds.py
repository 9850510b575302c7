"""What live tests say of their visitors, and what becomes of them by it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.cli.main import app as commands
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.times import DAY, HOUR, MINUTE
from pawsonalize.plugins.live_tests import ask_visitors, needed_versions
from pawsonalize.plugins.live_tests.rounds import begin, look, read_now
from pawsonalize.plugins.live_tests.statistics import Verdict
from pawsonalize.plugins.live_tests.stored import Arm, LiveTest, LiveTests, new_test
from pawsonalize.recommend.live_tests import ArmAnswers, Design
from pawsonalize.recommend.tables import ANIMALS, Impression
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.kind import new_recommendation_id
from pawsonalize.resources.solutions import Solution
from pawsonalize.train.retraining.runs import Half, RunOutcome, RunRecord, Step, Trigger
from pawsonalize.train.retraining.runs import begun as begun_run
from pawsonalize.train.retraining.steps import PromotionSteps
from pawsonalize.train.versions import delete_old_versions
from tests.animal_data import animal
from tests.event_data import event
from tests.service_data import CATS, changed, make_service
from tests.training import train

NOW = clock.now()
BEGAN = NOW - 10 * DAY
SHOWN = ("a0", "a1", "a2", "a3")


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    with opened(make_service(tmp_path)) as adapters:
        train(adapters, NOW, recipe="popularity-count", name="new")
        adapters.animals.put([animal(one, CATS[0], listed=BEGAN) for one in SHOWN], BEGAN)
        yield adapters


def begun(adapters: Adapters, design: Design = Design.INTERLEAVE, **more: Any) -> LiveTest:
    live = adapters.campaigns.get(RECOMMENDER).target_version or ""
    test = new_test("t", RECOMMENDER, (Arm(live), Arm("new")), BEGAN, design=design, **more)
    return begin(adapters, test)


def visit(
    adapters: Adapters,
    session: str,
    teams: str,
    did: Sequence[str] = (),
    *,
    at: int = BEGAN + DAY,
    kind: str = "inquiry",
    named: bool = True,
    every: int = MINUTE,
    test: str = "t",
) -> None:
    """Log a page of a test for the session, and what it did with animals of it."""
    name = new_recommendation_id(at)
    page = Impression(
        name, ANIMALS, None, session, at, at, "x", (CATS[0],) * 4, None,
        animal_ids=tuple((one,) for one in SHOWN), live_test=f"{test}:{teams}",
    )  # fmt: skip
    adapters.impressions.append([page])
    events = [
        replace(
            event(f"{name} {number}", user=None, session=session, item=CATS[0]),
            event_type=kind,
            animal_id=one,
            recommendation_id=name if named else None,
            sent_at=at + (number + 1) * every,
            received_at=at + (number + 1) * every,
        )
        for number, one in enumerate(did)
    ]
    if events:
        adapters.log.append(events)


def visits(adapters: Adapters, wins: int, losses: int, **more: Any) -> None:
    """Visitors who inquire about what the second arm, or the first, put on their pages."""
    for number in range(wins + losses):
        animal_id = "a1" if number < wins else "a0"
        visit(adapters, f"v{number} {more.get('kind')}", "01-0", [animal_id], **more)


def test_a_version_that_visitors_prefer_goes_live_and_people_are_told(adapters: Adapters) -> None:
    begun(adapters, promotes=True)
    visits(adapters, 60, 12)
    look(adapters, NOW)
    test = LiveTests(adapters.database).get("t")
    assert (test.state, test.reason) == ("ended", "arm 1 is better: new goes live")
    assert test.newest is not None
    assert (test.newest.verdict, test.newest.units) == (Verdict.BETTER, (12, 60))
    assert adapters.campaigns.get(RECOMMENDER).target_version == "new"


def test_a_winner_goes_live_with_its_settings(adapters: Adapters) -> None:
    test = new_test(
        "t", RECOMMENDER, (Arm("new"), Arm("new", 0.3)), BEGAN, design=Design.AB, promotes=True
    )
    adapters.campaigns.update(RECOMMENDER, "new", BEGAN)
    begin(adapters, test)
    for number in range(400):
        arm = number % 2
        visit(adapters, f"v{number}", str(arm), ["a0"] if number % 20 < 10 * arm else [])
    look(adapters, NOW)
    reason = LiveTests(adapters.database).get("t").reason
    assert reason == "arm 1 is better: new (exploration weight 0.3) goes live"
    assert adapters.campaigns.get(RECOMMENDER).exploration_weight == 0.3


def test_a_version_that_answers_other_questions_is_refused(adapters: Adapters) -> None:
    adapters.registry.create(
        Solution(name="like", dataset_group="pawsonalize", recipe="similar-items"), NOW
    )
    like = train(adapters, NOW, solution="like", name="alike")
    with pytest.raises(InvalidInput, match="cannot answer for recommender"):
        begin(adapters, new_test("t", RECOMMENDER, (Arm("new"), Arm(like.name)), BEGAN))


def test_a_campaign_that_was_pointed_elsewhere_meanwhile_stays_there(adapters: Adapters) -> None:
    begun(adapters, promotes=True)
    train(adapters, NOW + 1, name="mine")
    adapters.campaigns.update(RECOMMENDER, "mine", NOW)
    visits(adapters, 60, 12)
    look(adapters, NOW)
    assert adapters.campaigns.get(RECOMMENDER).target_version == "mine"
    reason = LiveTests(adapters.database).get("t").reason
    assert reason == "arm 1 is better; you pointed recommender at mine meanwhile, and so it stays"


def test_a_version_that_visitors_like_less_is_stopped_at_once(adapters: Adapters) -> None:
    begun(adapters, promotes=True)
    visits(adapters, 12, 60)
    look(adapters, NOW)
    test = LiveTests(adapters.database).get("t")
    assert (test.state, test.reason) == ("ended", "arm 1 is worse: new does not go live")
    assert adapters.campaigns.get(RECOMMENDER).target_version != "new"


@pytest.mark.parametrize("promotes", [False, True])
def test_what_nobody_knows_on_the_last_day_is_as_the_setting_says(
    adapters: Adapters, promotes: bool
) -> None:
    test = begun(adapters, promotes=True, undecided_promotes=promotes)
    visits(adapters, 10, 9)
    look(adapters, NOW)
    going_on = LiveTests(adapters.database).get("t")
    assert going_on.newest is not None
    assert (going_on.state, going_on.newest.verdict) == ("running", Verdict.NOT_KNOWN)
    assert going_on.newest.days_left is None or going_on.newest.days_left > 0
    look(adapters, test.last_day)
    assert LiveTests(adapters.database).get("t").state == "ended"
    assert (adapters.campaigns.get(RECOMMENDER).target_version == "new") is promotes


def test_a_test_that_cannot_be_read_keeps_no_other_from_its_end(adapters: Adapters) -> None:
    begun(adapters)
    visits(adapters, 60, 12)
    table = LiveTests(adapters.database)
    table.begin(new_test("lost", "gone", (Arm("new"), Arm("new")), BEGAN, design=Design.AB))
    with pytest.raises(NotFound, match="live test lost cannot be read"):
        look(adapters, NOW)
    assert table.get("t").state == "ended"


def test_a_test_is_not_longer_than_what_it_needs_is_kept(adapters: Adapters) -> None:
    briefly = changed(adapters, settings=adapters.settings.changed(impression_days=14))
    with pytest.raises(InvalidInput, match="takes 28 days, and impression_days is 14"):
        begun(briefly)
    begun(briefly, days=14)


def test_it_is_read_once_an_hour_and_a_day_keeps_one_reading(adapters: Adapters) -> None:
    begun(adapters)
    noon = NOW // DAY * DAY
    for at in (noon, noon + HOUR // 2, noon + HOUR, noon + DAY):
        look(adapters, at)
    readings = LiveTests(adapters.database).get("t").readings
    assert [one.at - noon for one in readings] == [HOUR, DAY]


def test_credit_goes_to_the_newest_page_before_where_an_event_names_none(
    adapters: Adapters,
) -> None:
    test = begun(adapters)
    visit(adapters, "ann", "10--")
    visit(adapters, "ann", "01--", ["a1"], at=BEGAN + 2 * DAY, named=False)
    visit(adapters, "bob", "01--", ["a2"], named=False)  # a place of neither arm
    assert read_now(adapters, test, NOW).units == (0, 1)


def test_bots_are_out(adapters: Adapters) -> None:
    test = begun(adapters)
    visit(adapters, "bot", "01--", ["a1", "a0"] * 40, every=100)
    visit(adapters, "ann", "01--", ["a0"])
    assert read_now(adapters, test, NOW).units == (1, 0)


def test_inquiries_that_clicks_speak_against_decide_nothing(adapters: Adapters) -> None:
    test = begun(adapters)
    visits(adapters, 60, 12)
    visits(adapters, 12, 60, kind="view")
    reading = read_now(adapters, test, NOW)
    assert reading.verdict is Verdict.NOT_KNOWN
    assert reading.notes == ("by inquiry arm 1 is better, by clicks worse",)


@pytest.mark.parametrize(
    ("second", "note"),
    [
        (ArmAnswers(988, 12, 4_000, 20_000), "arm 1 failed at 12 of 1,000 answers, and arm 0 at 0"),
        (ArmAnswers(1_000, 0, 60_000, 3_700_000), "arm 1 takes 60 ms, and one of arm 0 4 ms"),
        (ArmAnswers(999, 1, 8_000, 70_000), ""),  # one failure, 8 ms
    ],
)
def test_a_version_that_fails_or_is_slow_does_not_win(
    adapters: Adapters, second: ArmAnswers, note: str
) -> None:
    test = begun(adapters, Design.AB)
    for number in range(400):
        arm = number % 2
        visit(adapters, f"v{number}", str(arm), ["a0"] if number % 20 < 10 * arm else [])
    table = LiveTests(adapters.database)
    table.put_answers(test, "a", (ArmAnswers(1_000, 0, 4_000, 20_000), second))
    reading = read_now(adapters, test, NOW)
    assert reading.answers[1] == second
    assert reading.verdict is (Verdict.NOT_KNOWN if note else Verdict.BETTER)
    assert note in " ".join(reading.notes)


def test_an_interleaving_compares_failures_alone(adapters: Adapters) -> None:
    test = begun(adapters)
    visits(adapters, 60, 12)
    table = LiveTests(adapters.database)
    slow, quick = ArmAnswers(999, 1, 60_000, 3_700_000), ArmAnswers(1_000, 0, 4_000, 20_000)
    table.put_answers(test, "a", (quick, slow))
    assert read_now(adapters, test, NOW).verdict is Verdict.BETTER
    table.put_answers(test, "b", (quick, ArmAnswers(1_000, 30, 4_000, 20_000)))
    assert "arm 1 failed at 31 of 2,030" in read_now(adapters, test, NOW).notes[0]


def test_an_ab_test_counts_visitors_and_says_when_they_are_no_halves(adapters: Adapters) -> None:
    test = begun(adapters, Design.AB)
    for number in range(400):
        arm = number % 2
        did = ["a0"] if number % 20 < 10 * arm else []
        visit(adapters, f"v{number}", str(arm), did)
    reading = read_now(adapters, test, NOW)
    assert (reading.verdict, reading.units) == (Verdict.BETTER, (200, 200))
    assert reading.estimate == pytest.approx(0.5)
    for number in range(260):
        visit(adapters, f"w{number}", "1")
    skewed = read_now(adapters, test, NOW)
    assert skewed.verdict is Verdict.NOT_KNOWN
    assert "arm 0 has 200 visitors and arm 1 460" in skewed.notes[0]


def test_a_switchback_counts_days(adapters: Adapters) -> None:
    test = begun(adapters, Design.SWITCHBACK, metric="adoption")
    for day in range(9):
        did = ["a0", "a1", "a2"][: 1 + 2 * (day % 2)]
        visit(adapters, f"v{day}", str(day % 2), did, at=BEGAN + day * DAY, kind="adoption")
    reading = read_now(adapters, test, NOW)
    assert reading.units == (5, 4)
    assert (reading.verdict, reading.low) == (Verdict.NOT_KNOWN, None)  # of so few days


def test_switchbacks_of_a_pool_have_one_verdict_by_the_days_of_each(adapters: Adapters) -> None:
    adapters.campaigns.create(Campaign(name="elm", solution=RECOMMENDER), "new", BEGAN)
    pooled: dict[str, Any] = {
        "design": Design.SWITCHBACK,
        "metric": "adoption",
        "pool": "saving",
        "margin": 0.5,
    }
    arms, began = (Arm("new"), Arm("new", 0.5)), NOW - 27 * DAY
    begin(adapters, new_test("t", RECOMMENDER, arms, began, **pooled))
    with pytest.raises(InvalidInput, match="t of the pool saving is decided by adoption"):
        begin(adapters, new_test("u", "elm", arms, began, **{**pooled, "margin": 0.1}))
    begin(adapters, new_test("u", "elm", arms, began, **pooled))
    for number, test in product(range(26), "tu"):
        arm = (number + (test == "u")) % 2
        did = SHOWN[: 3 * arm + number // 2 % 2]
        at = began + number * DAY
        visit(adapters, f"{test}{number}", str(arm), did, at=at, kind="adoption", test=test)
    look(adapters, NOW)
    first, second = LiveTests(adapters.database).all()
    assert first.newest == second.newest is not None
    assert first.newest is not None
    assert (first.newest.verdict, first.newest.units) == (Verdict.BETTER, (26, 26))
    assert (first.state, second.state) == ("ended", "ended")


def test_a_pool_is_of_switchbacks() -> None:
    with pytest.raises(InvalidInput, match="use the design switchback"):
        new_test("t", RECOMMENDER, (Arm("a"), Arm("b")), BEGAN, design=Design.AB, pool="saving")


def test_a_version_that_passed_the_gate_waits_for_visitors_where_the_setting_says_so(
    adapters: Adapters,
) -> None:
    assert ask_visitors(adapters, RECOMMENDER, "old", "new", NOW) is None  # as a rule
    values = {"promotion": "live-test", "live_test_undecided": "promote"}
    asking = changed(adapters, settings=adapters.settings.changed(**values))
    live = adapters.campaigns.get(RECOMMENDER).target_version or ""
    said = [ask_visitors(asking, RECOMMENDER, live, "new", NOW) for _ in range(2)]
    assert said == ["visitors judge new in the live test recommender-new before it goes live"] * 2
    (test,) = LiveTests(adapters.database).going_on()
    assert (test.promotes, test.undecided_promotes) == (True, True)
    later = ask_visitors(asking, RECOMMENDER, live, "newer", NOW)
    assert later == "live test recommender-new goes on, so newer waits for a later run"
    half = Half(campaign=RECOMMENDER, solution_version="new", live_version=live)
    record = msgspec.structs.replace(begun_run("r", Trigger.COMMAND, NOW, NOW, {}), halves=(half,))
    promotion = PromotionSteps(
        adapters.campaigns, lambda *_: None, 1.0, 3, partial(ask_visitors, asking)
    )
    done = promotion.update(record, NOW)
    assert isinstance(done, RunRecord)
    assert (done.outcome, done.step) == (RunOutcome.NOT_PROMOTED, Step.NOTIFY)
    assert (said[0] or "") in done.reason
    assert adapters.campaigns.get(RECOMMENDER).target_version == live


def test_versions_in_a_test_are_not_deleted(adapters: Adapters) -> None:
    begun(adapters)
    for number in range(3):
        train(adapters, NOW + number + 1, name=f"later{number}")
    needed = {*needed_versions(adapters)}
    assert "new" in needed
    delete_old_versions(adapters.versions, adapters.work, 1, lambda: needed)
    assert adapters.versions.get("new").name == "new"
    delete_old_versions(adapters.versions, adapters.work, 1)
    with pytest.raises(NotFound):
        adapters.versions.get("new")


def test_the_command_begins_shows_and_ends_a_test(tmp_path: Path, adapters: Adapters) -> None:
    def run(*words: str) -> str:
        found = CliRunner().invoke(commands, ["live-tests", *words, "--data-dir", str(tmp_path)])
        assert found.exit_code == 0, found.output
        return found.stdout

    assert "not read yet" in run("create", "t", "--second", "new", "--days", "14")
    visits(adapters, 6, 3)
    shown = run("show", "t")
    assert "It is not known yet which is better" in shown
    test = json.loads(run("ls", "--json"))[0]
    assert (test["name"], test["state"]) == ("t", "running")
    run("pause", "t")
    assert "It is paused" in run("show", "t")
    run("resume", "t")
    assert "It ended: new goes live, as you said." in run("promote", "t")
    assert adapters.campaigns.get(RECOMMENDER).target_version == "new"
