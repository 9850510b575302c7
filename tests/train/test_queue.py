"""Trainings that wait for their turn."""

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.work.tables import Turns
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.train.trainings import TrainingQueue
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0
from tests.train.conftest import SLEEP, Make

PENDING, BEGUN = Status.CREATE_PENDING, Status.CREATE_IN_PROGRESS


@pytest.fixture(autouse=True)
def _waiting(versions: SolutionVersions) -> None:
    """Three versions that wait, v1 for longest."""
    for later, name in enumerate(("v1", "v2", "v3")):
        versions.create("recommender", as_of=T0, now=T0 + later, name=name)


def statuses(registry: Registry) -> list[Status]:
    return [registry.get(SolutionVersion, name).status for name in ("v1", "v2", "v3")]


@pytest.fixture
def order(database: Database) -> Turns:
    return Turns(database, "training")


def test_who_waited_longest_begins_first(registry: Registry, make: Make, order: Turns) -> None:
    trainings = make(SLEEP)
    TrainingQueue(registry, trainings, 2, order).start_waiting(T0 + 9)
    assert statuses(registry) == [BEGUN, BEGUN, PENDING]
    for name in ("v1", "v2"):
        trainings.stop(name, T0 + 10)


def test_the_next_begins_when_one_has_ended(registry: Registry, make: Make, order: Turns) -> None:
    trainings = make(SLEEP)
    queue = TrainingQueue(registry, trainings, 1, order)
    for _ in range(3):
        queue.start_waiting(T0 + 9)
    assert statuses(registry) == [BEGUN, PENDING, PENDING]
    trainings.stop("v1", T0 + 10)
    queue.look_after(T0 + 11)
    assert statuses(registry) == [Status.CREATE_STOPPED, BEGUN, PENDING]
    trainings.stop("v2", T0 + 12)


def make_solution(registry: Registry, group: str) -> None:
    registry.create(DatasetGroup(name=group), T0)
    registry.create(Solution(name=group, dataset_group=group, recipe="popularity-count"), T0)


def test_a_dataset_group_waits_for_one_training_of_each_other_however_many_they_queue(
    registry: Registry, versions: SolutionVersions, make: Make, order: Turns
) -> None:
    for group in ("greedy", "modest"):
        make_solution(registry, group)
    for n in range(15):
        versions.create("greedy", as_of=T0, now=T0 + 10 + n, name=f"greedy-{n}")
    trainings = make(SLEEP)
    queue = TrainingQueue(registry, trainings, 1, order)
    begun = []
    for turn in range(6):
        queue.start_waiting(T0 + 100 + turn)
        (one,) = [one for one in registry.unsettled(SolutionVersion) if one.status is BEGUN]
        begun.append(one.name)
        if turn == 2:
            versions.create("modest", as_of=T0, now=T0 + 100, name="modest-1")
        trainings.stop(one.name, T0 + 100 + turn)
    assert begun == ["v1", "greedy-0", "v2", "modest-1", "greedy-1", "v3"]


def test_trainings_of_a_retraining_keep_no_others_waiting(
    registry: Registry, versions: SolutionVersions, make: Make, order: Turns
) -> None:
    trainings = make(SLEEP)
    versions.create("recommender", as_of=T0, now=T0, name="of-a-run", run="retrain-1")
    trainings.start("of-a-run", T0)
    TrainingQueue(registry, trainings, 1, order).start_waiting(T0 + 9)
    assert statuses(registry) == [BEGUN, PENDING, PENDING]
    for name in ("of-a-run", "v1"):
        trainings.stop(name, T0 + 10)
