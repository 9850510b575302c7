"""Trainings that wait for their turn."""

import pytest

from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.resources.status import Status
from pawsonalize.engine.training.queue import TrainingQueue
from pawsonalize.engine.training.versions import SolutionVersions
from tests.event_data import T0
from tests.unit.engine.training.conftest import SLEEP, Make

PENDING, BEGUN = Status.CREATE_PENDING, Status.CREATE_IN_PROGRESS


@pytest.fixture(autouse=True)
def _waiting(versions: SolutionVersions) -> None:
    """Three versions that wait, v1 for longest."""
    for later, name in enumerate(("v1", "v2", "v3")):
        versions.create("recommender", as_of=T0, now=T0 + later, name=name)


def statuses(registry: Registry) -> list[Status]:
    return [registry.get(SolutionVersion, name).status for name in ("v1", "v2", "v3")]


def test_who_waited_longest_begins_first(registry: Registry, make: Make) -> None:
    trainings = make(SLEEP)
    TrainingQueue(registry, trainings, at_once=2).start_waiting(T0 + 9)
    assert statuses(registry) == [BEGUN, BEGUN, PENDING]
    for name in ("v1", "v2"):
        trainings.stop(name, T0 + 10)


def test_the_next_begins_when_one_has_ended(registry: Registry, make: Make) -> None:
    trainings = make(SLEEP)
    queue = TrainingQueue(registry, trainings, at_once=1)
    for _ in range(3):
        queue.start_waiting(T0 + 9)
    assert statuses(registry) == [BEGUN, PENDING, PENDING]
    trainings.stop("v1", T0 + 10)
    queue.look_after(T0 + 11)
    assert statuses(registry) == [Status.CREATE_STOPPED, BEGUN, PENDING]
    trainings.stop("v2", T0 + 12)
