"""Versions that are trained because it is time."""

import msgspec
import pytest

from pawsonalize.core.times import DAY, MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.train.trainings import AutomaticTraining
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0, event

SOON = T0 + MINUTE


@pytest.fixture
def automatic(registry: Registry, versions: SolutionVersions, log: EventLog) -> AutomaticTraining:
    """Of a recommender that is to be trained every two days, and knows of one event."""
    _train_every(registry, 2)
    log.append([event("e1")])
    return AutomaticTraining(registry, versions, log)


def _train_every(registry: Registry, days: int | None) -> None:
    solution = registry.get(Solution, "recommender")
    registry.update(msgspec.structs.replace(solution, auto_training_days=days), T0)


def made(registry: Registry) -> list[SolutionVersion]:
    """All versions, newest first."""
    return list(registry.all(SolutionVersion))


def end(registry: Registry, status: Status = Status.ACTIVE) -> None:
    """Let the newest training end."""
    begun = moved(made(registry)[0], Status.CREATE_IN_PROGRESS)
    registry.update(moved(registry.update(begun, SOON), status), SOON)


def test_the_first_version_is_made_soon_after_the_solution(
    automatic: AutomaticTraining, registry: Registry
) -> None:
    automatic.look(T0)
    assert made(registry) == []
    automatic.look(SOON)
    (first,) = made(registry)
    assert (first.solution, first.automatic) == ("recommender", True)
    assert (first.status, first.as_of) == (Status.CREATE_PENDING, SOON)


def test_events_of_another_dataset_group_are_nothing_new(
    automatic: AutomaticTraining, registry: Registry, log: EventLog
) -> None:
    automatic.look(SOON)
    end(registry)
    log.append([event("e2", dataset_group="shelter-b")])
    automatic.look(SOON + 2 * DAY)
    assert len(made(registry)) == 1


def test_what_the_daily_retraining_trains_is_waited_with_for_a_day(
    automatic: AutomaticTraining, registry: Registry, versions: SolutionVersions, log: EventLog
) -> None:
    automatic.look(SOON)
    end(registry)
    log.append([event("e2")])
    assert registry.get(Campaign, "recommender").solution == "recommender"
    retrains = AutomaticTraining(registry, versions, log, retrains=True)
    retrains.look(SOON + 2 * DAY)
    assert len(made(registry)) == 1
    retrains.look(SOON + 3 * DAY)
    assert len(made(registry)) == 2


def test_the_next_is_due_so_many_days_later_if_there_are_new_events(
    automatic: AutomaticTraining, registry: Registry, log: EventLog
) -> None:
    automatic.look(SOON)
    end(registry)
    automatic.look(SOON + 3 * DAY)
    assert len(made(registry)) == 1, "nothing is new"
    log.append([event("e2")])
    automatic.look(SOON + 2 * DAY - 1)
    assert len(made(registry)) == 1
    automatic.look(SOON + 2 * DAY)
    assert len(made(registry)) == 2


def test_servers_that_look_at_the_same_time_make_one(
    automatic: AutomaticTraining, registry: Registry
) -> None:
    for later in range(3):
        automatic.look(SOON + later)
    assert len(made(registry)) == 1


def test_a_version_that_somebody_asked_for_counts_as_one(
    automatic: AutomaticTraining, registry: Registry, versions: SolutionVersions, log: EventLog
) -> None:
    versions.create("recommender", as_of=T0, now=T0)
    end(registry)
    log.append([event("e2")])
    automatic.look(SOON)
    assert [version.automatic for version in made(registry)] == [False]


def test_a_training_that_failed_is_tried_again_when_the_next_is_due(
    automatic: AutomaticTraining, registry: Registry
) -> None:
    automatic.look(SOON)
    end(registry, Status.CREATE_FAILED)
    automatic.look(SOON + DAY)
    assert len(made(registry)) == 1
    automatic.look(SOON + 2 * DAY)
    assert len(made(registry)) == 2


def test_without_events_and_without_the_wish_nothing_is_made(
    registry: Registry, versions: SolutionVersions, log: EventLog
) -> None:
    automatic = AutomaticTraining(registry, versions, log)
    _train_every(registry, 2)
    automatic.look(SOON)
    log.append([event("e1")])
    _train_every(registry, None)
    automatic.look(SOON)
    assert made(registry) == []


def test_a_solution_that_is_being_deleted_is_trained_no_more(
    automatic: AutomaticTraining, registry: Registry
) -> None:
    leaving = moved(registry.get(Solution, "recommender"), Status.DELETE_PENDING)
    registry.update(leaving, T0)
    automatic.look(SOON)
    assert made(registry) == []


def test_a_solution_that_cannot_be_trained_holds_up_no_other(
    automatic: AutomaticTraining, registry: Registry
) -> None:
    broken = Solution(
        name="broken",
        dataset_group="pawsonalize",
        recipe="a-recipe-that-is-gone",
        auto_training_days=1,
    )
    registry.create(broken, T0 + 1)
    automatic.look(SOON)
    assert [version.solution for version in made(registry)] == ["recommender"]
