"""The daily state machine, run by moto's interpreter with the real steps and a real service."""

import json
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from moto.core.config import default_user_config

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.work.leases import holder
from pawsonalize.resources.defaults import RERANKER
from pawsonalize.resources.kind import Status, moved
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.trainings import training_lease
from pawsonalize_deploy.acceptance.lambda_server import lambda_server
from pawsonalize_deploy.retraining import RetrainingSettings, definition
from pawsonalize_functions import steps
from tests.aws.wire.server import Wire, served
from tests.deploy.conftest import Deployment, live
from tests.event_data import T0, event
from tests.service_data import CATS, DOGS, SETTINGS

ROLE = "arn:aws:iam::123456789012:role/states"
STEPS = "arn:aws:lambda:eu-west-1:123456789012:function:steps"
_PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What people saw there is no rule without exceptions: so no model is perfect."""
    chance = random.Random(1)
    odd = [
        event(f"odd {n}", user=f"odd {n % 20}", item=chance.choice(CATS + DOGS), at=n)
        for n in range(200)
    ]
    return live(tmp_path_factory.mktemp("data"), odd)


@pytest.fixture(scope="module")
def wire(folder: Path) -> Iterator[Wire]:
    with served(folder) as running:
        yield running


class FaultySteps:
    """The function of the state machine."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        """Steps that fail as code with a bug does."""
        self.lost: set[str] = set()
        """Steps whose first answer does not arrive."""

    def __call__(self, event: Any, context: object) -> Any:
        step = event["step"]
        if step in self.broken:
            raise ZeroDivisionError("this step has a bug")
        answer = steps.handler(event, context)
        if step in self.lost:
            self.lost.remove(step)
            raise steps.TryAgain("the answer was lost")
        return answer


@pytest.fixture
def functions(
    aws_url: str, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultySteps]:
    """Moto's interpreter calls Lambda, and everything else, where MOTO_PORT says."""
    monkeypatch.setitem(default_user_config, "stepfunctions", {"execute_state_machine": True})
    function = FaultySteps()
    with lambda_server(aws_url, {"steps": function}) as server:
        monkeypatch.setenv("MOTO_PORT", str(server.port))
        yield function


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(functions: FaultySteps, deployment: Deployment) -> Run:
    def run(**changes: Any) -> dict[str, Any]:
        """An execution that has ended; its waits are short."""
        settings = RetrainingSettings(**{"check_seconds": 1, "retry_seconds": 1, **changes})
        states = boto3.client("stepfunctions")
        document = definition(settings, STEPS, deployment.topic.name)
        machine = states.create_state_machine(
            name=f"daily-{uuid.uuid4().hex}", definition=json.dumps(document), roleArn=ROLE
        )["stateMachineArn"]
        name = f"daily_{uuid.uuid4()}_{uuid.uuid4()}"  # as a schedule of EventBridge makes them
        arn = states.start_execution(stateMachineArn=machine, name=name)["executionArn"]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            execution: dict[str, Any] = states.describe_execution(executionArn=arn)
            if execution["status"] != "RUNNING":
                return execution
            assert time.monotonic() < deadline, states.get_execution_history(executionArn=arn)
            time.sleep(0.1)

    return run


def outcomes(execution: dict[str, Any]) -> dict[str, str]:
    return {one["model"]: one["outcome"] for one in json.loads(execution["output"])["models"]}


def messages(deployment: Deployment) -> dict[str, str]:
    """What the topic's readers got, by subject."""
    return {one["Subject"]: one["Message"] for one in deployment.topic.messages()}


def serving(wire: Wire, deployment: Deployment, model: str) -> dict[str, Any]:
    arn = deployment.value(f"{model.upper()}_CAMPAIGN_ARN_PATH")
    campaign: dict[str, Any] = wire.personalize.describe_campaign(campaignArn=arn)["campaign"]
    return campaign


def versions(wire: Wire, solution: str) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = wire.personalize.list_solution_versions(solutionArn=solution)[
        "solutionVersions"
    ]
    return found


def test_versions_that_are_good_go_live_and_people_are_told(
    run: Run, wire: Wire, deployment: Deployment
) -> None:
    execution = run()
    assert execution["status"] == "SUCCEEDED", execution
    assert outcomes(execution) == {"recommender": "promoted", "reranker": "promoted"}
    for model in ("recommender", "reranker"):
        campaign = serving(wire, deployment, model)
        version = deployment.value(f"{model.upper()}_SOLUTION_VERSION_ARN_PATH")
        assert campaign["solutionVersionArn"] == version
    recommender = serving(wire, deployment, "recommender")
    assert recommender["campaignConfig"]["itemExplorationConfig"] == {
        "explorationWeight": "0.1",
        "explorationItemAgeCutOff": "30",
    }
    assert serving(wire, deployment, "reranker")["minProvisionedTPS"] == 2
    told = messages(deployment)
    assert set(told) == {"Recommender: a new version is live", "Reranker: a new version is live"}
    assert "above the promotion threshold 0.01: kept" in told["Recommender: a new version is live"]


def test_a_version_that_is_worse_than_the_live_one_does_not_go_live(
    run: Run, wire: Wire, deployment: Deployment, folder: Path
) -> None:
    before = serving(wire, deployment, "recommender")["solutionVersionArn"]
    with opened(Settings.of(data_dir=folder, **SETTINGS)) as adapters:
        name = before.rpartition("/")[2]
        best = {"normalized_discounted_cumulative_gain_at_5": 1.0}
        adapters.registry.change(
            SolutionVersion, name, lambda one: msgspec.structs.replace(one, metrics=best), T0
        )
    execution = run(reranking_enabled=False)
    assert outcomes(execution) == {"recommender": "kept"}
    assert serving(wire, deployment, "recommender")["solutionVersionArn"] == before
    (text,) = messages(deployment).values()
    assert "worse than the live version's 1.0000 (at least 0.9900 is needed): broken" in text


def test_a_training_that_fails_costs_the_other_model_nothing(
    run: Run, wire: Wire, deployment: Deployment, folder: Path
) -> None:
    with killed_training(folder, "recommender"):
        execution = run()
    assert execution["status"] == "FAILED", execution
    assert execution["error"] == "RetrainingFailed"
    told = messages(deployment)
    assert set(told) == {"Recommender: the retraining failed", "Reranker: a new version is live"}
    assert "What was live before is live." in told["Recommender: the retraining failed"]
    version = deployment.value("RERANKER_SOLUTION_VERSION_ARN_PATH")
    assert serving(wire, deployment, "reranker")["solutionVersionArn"] == version
    assert deployment.value("RECOMMENDER_SOLUTION_VERSION_ARN_PATH") == "the first one"


@contextmanager
def killed_training(folder: Path, solution: str) -> Iterator[None]:
    """The next training of the solution is killed, as on a machine that runs out of memory."""
    leases, over = Settings(data_dir=folder).leases_dir, threading.Event()
    before = set(leases.iterdir())

    def kill() -> None:
        while not over.wait(0.01):
            for lock in set(leases.glob(f"training.{solution}-*.lock")) - before:
                pid = holder(lock)
                if pid is not None and pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)
                    return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def test_a_training_that_takes_too_long_is_stopped_and_told(
    run: Run, wire: Wire, deployment: Deployment, folder: Path
) -> None:
    with another_training(folder):  # which it waits for
        execution = run(reranking_enabled=False, training_seconds=2)
    assert execution["status"] == "FAILED", execution
    told = messages(deployment)
    (text,) = told.values()
    assert set(told) == {"Recommender: the retraining took too long"}
    assert "The training of the recommender took too long: it was stopped." in text
    solution = deployment.value("RECOMMENDER_SOLUTION_ARN_PATH")
    assert versions(wire, solution)[0]["status"] == "CREATE STOPPED"


@contextmanager
def another_training(folder: Path) -> Iterator[None]:
    """A training that has begun and does not end in this block; there is room for one."""
    with opened(Settings.of(data_dir=folder, **SETTINGS)) as adapters:
        now = clock.now()
        version = adapters.versions.create(RERANKER, as_of=now, now=now)
        with adapters.leases.for_child(training_lease(version.name)):
            begun = moved(version, Status.CREATE_IN_PROGRESS, progress=None)
            adapters.registry.update(begun, now)
            yield


def test_a_notification_that_cannot_be_written_is_sent_in_short(
    run: Run, functions: FaultySteps, deployment: Deployment
) -> None:
    functions.broken = {"create_version", "notify"}
    execution = run(reranking_enabled=False)
    assert (execution["status"], execution["error"]) == ("FAILED", "RetrainingFailed")
    (message,) = messages(deployment).items()
    subject, text = message
    assert subject == "Retraining: its notification could not be written"
    assert "recommender" in text
    assert execution["executionArn"] in text


def test_a_step_whose_answer_is_lost_runs_again_and_does_nothing_twice(
    run: Run, functions: FaultySteps, wire: Wire, deployment: Deployment
) -> None:
    deployment.set(LIVE_MARGIN="1")
    functions.lost = {"create_version", "update_campaign", "record_version"}
    solution = deployment.value("RECOMMENDER_SOLUTION_ARN_PATH")
    before = len(versions(wire, solution))
    execution = run(reranking_enabled=False)
    assert execution["status"] == "SUCCEEDED", execution
    assert functions.lost == set()
    assert len(versions(wire, solution)) == before + 1
    assert list(messages(deployment)) == ["Recommender: a new version is live"]
