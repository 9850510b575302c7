"""Trainings are created once and begun again when they die, but not forever."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from msgspec.structs import replace

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.train.retraining.runs import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    Trigger,
    begun,
)
from pawsonalize.train.retraining.steps import MAX_TRAININGS, Training, in_turns
from pawsonalize.train.retraining.worker import Later
from pawsonalize.train.solutions import DatasetGroups
from pawsonalize.train.trainings import TrainingProcesses
from tests.event_data import T0
from tests.service_data import make_service

DIES, LASTS = ("false",), ("sleep", "60")


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        yield adapters


def steps(adapters: Adapters, *command: str) -> Training:
    """The steps, whose trainings are this command; it gets the version's name and ignores it."""
    shell = ("sh", "-c", " ".join(command))
    processes = TrainingProcesses(
        adapters.registry, adapters.artefacts, adapters.leases, shell, dict(os.environ)
    )
    return Training(adapters.versions, processes, 1.0)


def run() -> RunRecord:
    half = Half(campaign=RECOMMENDER, solution_version="recommender-new")
    record = begun("retrain-new", Trigger.COMMAND, T0, T0, {})
    return RunRecord(
        **{name: getattr(record, name) for name in record.__struct_fields__} | {"halves": (half,)}
    )


def awaited(training: Training, record: RunRecord) -> RunRecord:
    """The record once the wait is over."""
    deadline = time.monotonic() + 120
    done = training.await_all(record, T0)
    while isinstance(done, Later):
        assert time.monotonic() < deadline
        time.sleep(0.01)
        done = training.await_all(done.record, T0)
    return done


def test_a_training_that_dies_each_time_fails_after_so_many(adapters: Adapters) -> None:
    training = steps(adapters, *DIES)
    record = awaited(training, training.create(run(), T0))
    assert (record.outcome, record.step) == (RunOutcome.FAILED, Step.NOTIFY)
    (half,) = record.halves
    assert (half.fate, half.trainings) == (Fate.FAILED, MAX_TRAININGS)
    assert "recommender-new could not be trained" in record.reason


def test_the_first_version_learns_no_ranker_and_the_next_does(adapters: Adapters) -> None:
    training = steps(adapters, *LASTS)
    training.stop(training.create(run(), T0), T0)
    first = adapters.versions.get("recommender-new")
    assert first.settings == {"learn": False}
    adapters.registry.update(structs.replace(first, status=Status.ACTIVE), T0)
    assert adapters.versions.first_settings(RECOMMENDER) is None


def test_a_solution_may_want_a_ranker_in_its_first_version(adapters: Adapters) -> None:
    solution = adapters.registry.get(Solution, RECOMMENDER)
    adapters.registry.update(structs.replace(solution, settings={"learn": True, "trees": 9}), T0)
    assert adapters.versions.first_settings(RECOMMENDER) == {"learn": True, "trees": 9}


def test_creating_again_finds_what_was_created(adapters: Adapters) -> None:
    training = steps(adapters, *LASTS)
    first = training.create(run(), T0)
    assert training.create(run(), T0 + 5) == first
    assert len(list(adapters.registry.all(SolutionVersion))) == 1
    assert isinstance(training.await_all(first, T0), Later)
    training.stop(first, T0)


def test_stopping_ends_the_training_and_may_be_done_twice(adapters: Adapters) -> None:
    training = steps(adapters, *LASTS)
    created = training.create(run(), T0)
    for _ in range(2):
        stopped = training.stop(created, T0)
        assert stopped.step is Step.NOTIFY
        assert stopped.halves[0].training_status == Status.CREATE_STOPPED
    assert not training.processes.alive("recommender-new")


def test_there_is_nothing_to_stop_before_anything_was_created(adapters: Adapters) -> None:
    assert steps(adapters, *LASTS).stop(run(), T0).step is Step.NOTIFY


def test_a_training_that_somebody_else_stopped_fails_its_half(adapters: Adapters) -> None:
    training = steps(adapters, *LASTS)
    created = training.create(run(), T0)
    training.processes.stop("recommender-new", T0)
    assert "somebody stopped" in awaited(training, created).reason


def test_trainings_wait_for_room_and_one_that_cannot_begin_costs_no_other(
    adapters: Adapters,
) -> None:
    training = replace(steps(adapters, *LASTS), at_once=1)
    wrong = Half(campaign="gone", solution="gone", solution_version="gone-new")
    waiting = Half(campaign="reranker", solution="reranker", solution_version="reranker-new")
    halves = (wrong, *run().halves, waiting)
    created = training.create(structs.replace(run(), halves=halves), T0)
    gone, first, second = created.halves
    assert (gone.fate, gone.reason) == (Fate.FAILED, "there is no solution named gone")
    assert (first.trainings, second.trainings) == (1, 0)
    training.processes.stop("recommender-new", T0)
    later = training.await_all(created, T0)
    assert isinstance(later, Later)
    _, first, second = later.record.halves
    assert (first.fate, second.trainings) == (Fate.FAILED, 1)
    training.stop(later.record, T0)


def test_campaigns_of_one_solution_share_a_training(adapters: Adapters) -> None:
    training = replace(steps(adapters, *LASTS), at_once=1)
    (half,) = run().halves
    other = structs.replace(half, campaign="other", solution=RECOMMENDER)
    created = training.create(structs.replace(run(), halves=(half, other)), T0)
    assert [half.trainings for half in created.halves] == [1, 1]
    (version,) = adapters.registry.all(SolutionVersion)
    assert version.run == "retrain-new"
    training.stop(created, T0)


def test_dataset_groups_take_turns_within_a_run() -> None:
    groups = ("a", "a", "a", "b", "c", "c")
    halves = [
        Half(campaign=f"{group}{n}", solution_version=f"v{n}", dataset_group=group)
        for n, group in enumerate(groups)
    ]
    assert [half.campaign for half in in_turns(halves)] == ["a0", "b3", "c4", "a1", "c5", "a2"]


def test_a_dataset_group_that_was_trained_often_enough_today_is_skipped_with_the_reason(
    adapters: Adapters,
) -> None:
    DatasetGroups(adapters.registry).change(DATASET_GROUP, {"trainings_per_day": 0}, T0)
    half = Half(
        campaign=RECOMMENDER,
        solution=RECOMMENDER,
        dataset_group=DATASET_GROUP,
        solution_version="v1",
    )
    record = replace_halves(begun("retrain-1", Trigger.SCHEDULE, T0, T0, {}), half)
    (skipped,) = steps(adapters, *DIES).create(record, T0).halves
    assert (skipped.fate, skipped.solution_version) == (Fate.SKIPPED, "")
    assert "trainings_per_day" in skipped.reason


def replace_halves(record: RunRecord, *halves: Half) -> RunRecord:
    return structs.replace(record, halves=halves)
