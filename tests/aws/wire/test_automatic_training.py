"""Automatic training and campaigns that follow it, by boto3."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pawsonalize.app.adapters import opened
from tests.aws.wire.server import GROUP, Wire, served
from tests.aws.wire.waiting import settled
from tests.aws_shapes import ACCOUNT, REGION
from tests.event_data import T0
from tests.service_data import make_service
from tests.waiting import wait_until

POPULARITY = "arn:aws:personalize:::recipe/aws-popularity-count"
EVERY_DAY = {"schedulingExpression": "rate(1 day)"}
FOLLOWS = {"syncWithLatestSolutionVersion": True}
_PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder = tmp_path_factory.mktemp("data")
    make_service(folder, train=False)
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def solution(wire: Wire) -> str:
    """The ARN of one that is trained every day, by itself from the start."""
    arn: str = wire.personalize.create_solution(
        name="daily",
        recipeArn=POPULARITY,
        datasetGroupArn=GROUP,
        performAutoTraining=True,
        solutionConfig={"autoTrainingConfig": {"schedulingExpression": "rate(1 day)"}},
    )["solutionArn"]
    return arn


@pytest.fixture(scope="module")
def first(wire: Wire, solution: str) -> str:
    """The ARN of the version that nobody asked for."""
    wait_until(lambda: listed(wire, solution), pause=0.2)
    arn: str = listed(wire, solution)[0]["solutionVersionArn"]
    version = settled(wire.personalize.describe_solution_version, solutionVersionArn=arn)
    assert (version["status"], version["trainingType"]) == ("ACTIVE", "AUTOMATIC")
    return arn


def listed(wire: Wire, solution: str) -> list[dict[str, Any]]:
    answer = wire.personalize.list_solution_versions(solutionArn=solution)
    versions: list[dict[str, Any]] = answer["solutionVersions"]
    return versions


def test_a_solution_is_trained_by_itself_and_says_how_often(
    wire: Wire, solution: str, first: str
) -> None:
    described = wire.personalize.describe_solution(solutionArn=solution)["solution"]
    assert described["performAutoTraining"] is True
    assert described["solutionConfig"]["autoTrainingConfig"] == {
        "schedulingExpression": "rate(1 day)"
    }
    assert described["latestSolutionVersion"]["solutionVersionArn"] == first


# Its training is made first, as the tests after this one ask for it, and it is switched off here.
@pytest.mark.usefixtures("first")
def test_automatic_training_can_be_changed_and_switched_off(wire: Wire, solution: str) -> None:
    rarely = {"autoTrainingConfig": {"schedulingExpression": "rate(30 days)"}}
    wire.personalize.update_solution(solutionArn=solution, solutionUpdateConfig=rarely)
    changed = wire.personalize.describe_solution(solutionArn=solution)["solution"]
    assert changed["performAutoTraining"] is True
    assert changed["solutionConfig"] == rarely
    update = changed["latestSolutionUpdate"]
    assert (update["status"], update["performAutoTraining"]) == ("ACTIVE", True)
    assert update["solutionUpdateConfig"] == rarely
    wire.personalize.update_solution(solutionArn=solution, performAutoTraining=False)
    described = wire.personalize.describe_solution(solutionArn=solution)["solution"]
    assert described["performAutoTraining"] is False


def test_a_campaign_goes_on_to_the_latest_version(wire: Wire, solution: str, first: str) -> None:
    arn = wire.personalize.create_campaign(
        name="follows", solutionVersionArn=f"{solution}/$LATEST", campaignConfig=FOLLOWS
    )["campaignArn"]
    campaign = settled(wire.personalize.describe_campaign, campaignArn=arn)
    assert (campaign["solutionVersionArn"], campaign["campaignConfig"]) == (first, FOLLOWS)
    second = wire.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while campaign["solutionVersionArn"] != second:
        assert time.monotonic() < deadline, campaign
        wire.runtime.get_recommendations(campaignArn=arn, userId="seed 0")
        campaign = wire.personalize.describe_campaign(campaignArn=arn)["campaign"]


def test_a_version_that_is_asked_for_by_name_is_served_on_although_there_is_a_newer_one(
    wire: Wire, solution: str, first: str
) -> None:
    second = wire.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settled(wire.personalize.describe_solution_version, solutionVersionArn=second)
    arn = wire.personalize.create_campaign(
        name="pinned", solutionVersionArn=f"{solution}/$LATEST", campaignConfig=FOLLOWS
    )["campaignArn"]
    settled(wire.personalize.describe_campaign, campaignArn=arn)
    wire.personalize.update_campaign(campaignArn=arn, solutionVersionArn=first)
    for _ in range(3):  # longer than servers look for newer versions
        campaign = settled(wire.personalize.describe_campaign, campaignArn=arn)
        assert campaign["latestCampaignUpdate"]["solutionVersionArn"] == first
        time.sleep(1.0)
    assert campaign["solutionVersionArn"] == first


@pytest.mark.parametrize(
    ("asked", "trains"),
    [
        ({}, False),
        ({"solutionConfig": {"autoTrainingConfig": EVERY_DAY}}, True),
        (
            {"performAutoTraining": False, "solutionConfig": {"autoTrainingConfig": EVERY_DAY}},
            False,
        ),
    ],
    ids=["nothing is said", "a schedule is sent", "it is refused"],
)
def test_a_solution_is_trained_by_itself_where_a_program_says_so(
    wire: Wire, asked: dict[str, Any], trains: bool
) -> None:
    arn = wire.personalize.create_solution(
        name="says", recipeArn=POPULARITY, datasetGroupArn=GROUP, **asked
    )["solutionArn"]
    described = wire.personalize.describe_solution(solutionArn=arn)["solution"]
    wire.personalize.delete_solution(solutionArn=arn)
    assert described["performAutoTraining"] is trains
    assert described.get("solutionConfig") == asked.get("solutionConfig")


def test_a_server_that_starts_asks_the_gate_about_what_is_not_judged_yet(tmp_path: Path) -> None:
    with opened(make_service(tmp_path, train=False)) as adapters:
        campaign = adapters.campaigns.get("recommender")
        adapters.registry.update(msgspec.structs.replace(campaign, follows_latest=True), T0)
        adapters.versions.create("recommender", as_of=T0 + 1000, now=T0, name="v1")
        adapters.trainer.train("v1")
    lenient = {"gate_profile": "reference", "promotion_threshold": 0.0}
    arn = f"arn:aws:personalize:{REGION}:{ACCOUNT}:campaign/recommender"
    with served(tmp_path, campaign_sync_gated=True, **lenient) as wire:
        wait_until(
            lambda: "v1" in str(wire.personalize.describe_campaign(campaignArn=arn)), pause=0.2
        )


def test_the_latest_version_of_an_untrained_solution_cannot_be_served(wire: Wire) -> None:
    untrained = wire.personalize.create_solution(
        name="untrained", recipeArn=POPULARITY, datasetGroupArn=GROUP, performAutoTraining=False
    )["solutionArn"]
    with pytest.raises(wire.personalize.exceptions.ResourceInUseException):
        wire.personalize.create_campaign(name="none", solutionVersionArn=f"{untrained}/$LATEST")
