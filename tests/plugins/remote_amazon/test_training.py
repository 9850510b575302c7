"""Versions are trained at the remote engine, once each, whatever happens on the way."""

import msgspec
import pytest

from pawsonalize.core import clock
from pawsonalize.core.errors import Conflict, EngineUnavailable, TrainingFailed
from pawsonalize.resources.kind import Status
from tests.faulty_proxy import Answer
from tests.plugins.remote_amazon.conftest import Driving


def test_a_training_whose_order_got_lost_finds_what_it_ordered(driving: Driving) -> None:
    driving.proxy.loses_answer("CreateSolutionVersion")
    version = driving.train()
    assert version.status is Status.ACTIVE
    assert [one["solutionVersionArn"] for one in driving.versions_there()] == [version.remote]


def test_another_machine_goes_on_with_the_same_remote_version(driving: Driving) -> None:
    created = driving.create()
    driving.proxy.fails("DescribeSolutionVersion")

    class Died(BaseException):  # no `except Exception` of a dead machine runs
        """The machine does."""

    def dies(_seconds: float) -> None:
        raise Died

    msgspec.structs.force_setattr(driving.remote.training, "sleep", dies)
    with pytest.raises(Died):
        driving.adapters.trainer.train(created.name)
    assert driving.adapters.versions.get(created.name).remote is not None
    msgspec.structs.force_setattr(driving.remote.training, "sleep", lambda _seconds: None)
    driving.proxy.mend()
    trained = driving.adapters.trainer.train(created.name)
    assert trained.status is Status.ACTIVE
    assert driving.proxy.count("CreateSolutionVersion") == 1


@pytest.mark.nightly
def test_a_training_waits_while_the_remote_engine_is_away(driving: Driving) -> None:
    driving.proxy.fails("CreateSolutionVersion")
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            driving.proxy.mend()

    msgspec.structs.force_setattr(driving.remote.training, "sleep", sleep)
    assert driving.train().status is Status.ACTIVE
    assert len(waited) >= 2


def test_a_training_that_fails_there_fails_here_with_the_reason(driving: Driving) -> None:
    def failed(answer: Answer) -> None:
        answer["solutionVersion"] |= {"status": "CREATE FAILED", "failureReason": "too few users"}

    driving.proxy.rewrites("DescribeSolutionVersion", failed)
    created = driving.create()
    with pytest.raises(TrainingFailed, match="too few users"):
        driving.adapters.trainer.train(created.name)
    version = driving.adapters.versions.get(created.name)
    assert version.status is Status.CREATE_FAILED
    assert "too few users" in (version.failure_reason or "")


def test_who_stops_a_training_stops_it_there(driving: Driving) -> None:
    def in_progress(answer: Answer) -> None:
        answer["solutionVersion"]["status"] = "CREATE IN_PROGRESS"

    driving.proxy.rewrites("DescribeSolutionVersion", in_progress)
    created = driving.create()

    def stopped_meanwhile(_seconds: float) -> None:
        version = driving.adapters.versions.get(created.name)
        if version.remote is not None:
            driving.adapters.trainings.stop(created.name, clock.now())

    msgspec.structs.force_setattr(driving.remote.training, "sleep", stopped_meanwhile)
    with pytest.raises(Conflict):
        driving.adapters.trainer.train(created.name)
    assert driving.adapters.versions.get(created.name).status is Status.CREATE_STOPPED
    assert driving.proxy.count("StopSolutionVersionCreation") == 1


def test_a_training_that_cannot_be_stopped_there_goes_on_here(driving: Driving) -> None:
    created = driving.create()
    driving.proxy.fails("*")
    with pytest.raises(EngineUnavailable):
        driving.adapters.trainings.stop(created.name, clock.now())
    assert not driving.adapters.versions.get(created.name).status.is_settled


def test_a_solution_of_another_recipe_is_refused(driving: Driving) -> None:
    personalize, group = driving.amazon.personalize, driving.remote.personalize.group
    personalize.create_solution(
        name=driving.remote.personalize.names.solution("recommender"),
        datasetGroupArn=group.arn,
        recipeArn="arn:aws:personalize:::recipe/aws-popularity-count",
    )
    with pytest.raises(Conflict, match="aws-popularity-count"):
        driving.train()


def test_what_it_does_not_train_is_trained_here(driving: Driving) -> None:
    now = clock.now()
    created = driving.adapters.versions.create(
        "recommender", as_of=now, now=now, recipe="popularity-count"
    )
    assert driving.adapters.trainer.train(created.name).remote is None
    assert driving.proxy.asked == []
