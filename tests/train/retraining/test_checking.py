"""The first step: whom a run is for, and what each dataset group's data are good for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.resources.solutions import EventParameters, Solution, TrainingSelection
from pawsonalize.train.retrained import EVERYTHING, Part
from pawsonalize.train.retraining.checking import Checking
from pawsonalize.train.retraining.runs import Fate, RunOutcome, RunRecord, Step, Trigger, begun
from pawsonalize.train.retraining.schedule import CheckSettings
from tests.event_data import T0, event
from tests.service_data import make_service
from tests.training import train

NOW = T0 + DAY
SHELTER = "shelter-b"
ENOUGH = CheckSettings(min_events=20, min_users=5)


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    """The default dataset group, with events; and `cats` of another one, without any."""
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        adapters.registry.create(DatasetGroup(name=SHELTER), T0)
        make_solution(adapters, "cats")
        yield adapters


def make_solution(adapters: Adapters, name: str, **more: object) -> None:
    solution = Solution(name=name, dataset_group=SHELTER, recipe="popularity-count")
    adapters.registry.create(replace(solution, **more), T0)
    adapters.registry.create(Campaign(name=name, solution=name), T0)


def put_events(adapters: Adapters, many: int, at: int = 0, group: str = SHELTER) -> None:
    """So many events of eight visitors, a minute apart."""
    told = (
        event(
            f"{at} {n}",
            user=f"u{n % 8}",
            session=None,
            item=f"i{n % 5}",
            at=at + n * 60_000,
            dataset_group=group,
        )
        for n in range(many)
    )
    adapters.log.append(list(told))


def serve(adapters: Adapters, name: str, as_of: int) -> None:
    version = train(adapters, as_of, solution=name)
    adapters.campaigns.update(name, version.name, as_of)
    adapters.campaigns.settle(adapters.campaigns.get(name), as_of)


def check(
    adapters: Adapters,
    *,
    part: Part = EVERYTHING,
    trigger: Trigger = Trigger.COMMAND,
    settings: CheckSettings = ENOUGH,
    without: frozenset[str] = frozenset(),
    now: int = NOW,
) -> RunRecord:
    checking = Checking(adapters.registry, adapters.log, adapters.catalogue, settings, without)
    return checking.check(begun("retrain-x", trigger, now, now, {}, part), now)


def fates(record: RunRecord) -> dict[str, Fate]:
    return {half.campaign: half.fate for half in record.halves}


def reason_of(record: RunRecord, campaign: str) -> str:
    return next(half.reason for half in record.halves if half.campaign == campaign)


def test_events_from_the_future_are_found_and_too_little_data_end_the_run(
    adapters: Adapters,
) -> None:
    adapters.log.append([event(f"later-{n}", at=1000 * DAY) for n in range(3)])
    record = check(adapters, settings=CheckSettings())
    assert "future_events" in [finding["code"] for finding in record.findings]
    assert (record.outcome, record.step) == (RunOutcome.FAILED, Step.NOTIFY)


def test_every_solution_that_a_campaign_serves_is_retrained_in_whatever_dataset_group(
    adapters: Adapters,
) -> None:
    put_events(adapters, 40)
    record = check(adapters)
    assert record.step is Step.CREATE_VERSIONS
    assert [(half.campaign, half.dataset_group) for half in record.open_halves()] == [
        (RECOMMENDER, "pawsonalize"),
        (RERANKER, "pawsonalize"),
        ("cats", SHELTER),
    ]
    assert {half.solution_version for half in record.halves} == {
        f"{name}-x" for name in (RECOMMENDER, RERANKER, "cats")
    }


def test_a_dataset_group_with_too_little_data_costs_the_others_nothing(adapters: Adapters) -> None:
    put_events(adapters, 3)
    record = check(adapters)
    assert fates(record) == {RECOMMENDER: Fate.OPEN, RERANKER: Fate.OPEN, "cats": Fate.FAILED}
    assert record.step is Step.CREATE_VERSIONS
    blocking = [one for one in record.findings if one["severity"] == "blocking"]
    assert {one["dataset_group"] for one in blocking} == {SHELTER}
    assert blocking[0]["fix"] in reason_of(record, "cats")


def test_a_dataset_group_that_nobody_has_used_yet_is_skipped_and_fails_no_run(
    adapters: Adapters,
) -> None:
    record = check(adapters)
    assert fates(record)["cats"] is Fate.SKIPPED
    assert "has no event" in reason_of(record, "cats")
    assert next(half for half in record.halves if half.campaign == "cats").solution_version == ""


def test_where_the_default_dataset_group_is_empty_the_others_are_retrained(tmp_path: Path) -> None:
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        adapters.log.erase()
        adapters.registry.create(DatasetGroup(name=SHELTER), T0)
        make_solution(adapters, "cats")
        put_events(adapters, 40)
        record = check(adapters)
    assert fates(record) == {RECOMMENDER: Fate.SKIPPED, RERANKER: Fate.SKIPPED, "cats": Fate.OPEN}


@pytest.mark.parametrize(
    ("trigger", "fate"), [(Trigger.SCHEDULE, Fate.SKIPPED), (Trigger.COMMAND, Fate.FAILED)]
)
def test_without_any_event_a_schedule_alarms_nobody_and_a_person_is_told(
    tmp_path: Path, trigger: Trigger, fate: Fate
) -> None:
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        adapters.log.erase()
        record = check(adapters, trigger=trigger)
    assert set(fates(record).values()) == {fate}


def test_new_events_of_one_dataset_group_are_nothing_new_for_another(adapters: Adapters) -> None:
    put_events(adapters, 40)
    serve(adapters, "cats", T0 + HOUR)
    put_events(adapters, 5, at=2 * HOUR, group="pawsonalize")
    record = check(adapters)
    assert fates(record) == {RECOMMENDER: Fate.OPEN, RERANKER: Fate.OPEN, "cats": Fate.SKIPPED}
    assert "no event has come" in reason_of(record, "cats")


def test_nothing_is_new_for_a_solution_that_lists_its_event_types(adapters: Adapters) -> None:
    put_events(adapters, 40)
    listed = TrainingSelection((EventParameters("View"),))
    make_solution(adapters, "dogs", selection=listed)
    serve(adapters, "dogs", T0 + HOUR)
    assert fates(check(adapters))["dogs"] is Fate.SKIPPED
    adapters.registry.change(
        Solution, "dogs", lambda one: replace(one, selection=TrainingSelection()), T0
    )
    assert fates(check(adapters))["dogs"] is Fate.OPEN


def test_a_run_of_one_dataset_group_or_one_solution_leaves_the_rest_alone(
    adapters: Adapters,
) -> None:
    put_events(adapters, 40)
    assert [*fates(check(adapters, part=Part(dataset_group=SHELTER)))] == ["cats"]
    assert [*fates(check(adapters, part=Part(solution=RERANKER)))] == [RERANKER]


def test_a_solution_that_is_not_to_be_retrained_is_left_out_and_named(adapters: Adapters) -> None:
    put_events(adapters, 40)
    make_solution(adapters, "dogs", retrain=False)
    record = check(adapters)
    assert "dogs" not in fates(record)
    assert [*record.left_out] == ["dogs"]
    assert "retrain: false" in record.left_out["dogs"]
    assert [*fates(check(adapters, part=Part(solution="dogs")))] == ["dogs"]


def test_a_solution_with_a_rhythm_of_its_own_is_due_by_that_in_scheduled_runs_alone(
    adapters: Adapters,
) -> None:
    put_events(adapters, 40)
    make_solution(adapters, "weekly", auto_training_days=7)
    serve(adapters, "weekly", T0)
    put_events(adapters, 5, at=HOUR * 2)

    def fate(trigger: Trigger, days: float) -> Fate:
        return fates(check(adapters, trigger=trigger, now=T0 + int(days * DAY)))["weekly"]

    assert fate(Trigger.SCHEDULE, 6) is Fate.SKIPPED
    assert fate(Trigger.SCHEDULE, 6.9) is Fate.OPEN
    assert fate(Trigger.COMMAND, 1) is Fate.OPEN


def test_without_reranking_its_campaign_is_left_out(adapters: Adapters) -> None:
    assert RERANKER not in fates(check(adapters, without=frozenset({RERANKER})))


def test_where_nobody_asks_there_is_nothing_to_do(adapters: Adapters) -> None:
    for name in (RECOMMENDER, RERANKER, "cats"):
        adapters.registry.change(Solution, name, lambda one: replace(one, retrain=False), T0)
    record = check(adapters)
    assert (record.outcome, record.step) == (RunOutcome.SKIPPED, Step.NOTIFY)
    assert set(record.left_out) == {RECOMMENDER, RERANKER, "cats"}
