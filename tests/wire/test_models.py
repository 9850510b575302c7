"""Solutions, their versions, campaigns and recipes, by boto3: they train and serve."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.service_data import make_service
from tests.wire.server import ACCOUNT, GROUP, REGION, Wire, served

RECIPE = "arn:aws:personalize:::recipe/"
POPULARITY = f"{RECIPE}aws-popularity-count"
_PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service where cat people saw cats and dog people saw dogs."""
    folder = tmp_path_factory.mktemp("data")
    make_service(folder, train=False)
    with served(folder) as running:
        yield running


def settled(describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is described, as soon as it is neither pending nor in progress."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (found := describe())["status"] in {"CREATE PENDING", "CREATE IN_PROGRESS"}:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def create_solution(wire: Wire, name: str, recipe: str = POPULARITY, **more: Any) -> str:
    arn: str = wire.personalize.create_solution(
        name=name, recipeArn=recipe, datasetGroupArn=GROUP, performAutoTraining=False, **more
    )["solutionArn"]
    return arn


def trained(wire: Wire, solution: str, **more: Any) -> str:
    """A new version of the solution, ACTIVE."""
    arn: str = wire.personalize.create_solution_version(solutionArn=solution, **more)[
        "solutionVersionArn"
    ]
    version = settled(lambda: described_version(wire, arn))
    assert version["status"] == "ACTIVE", version
    return arn


def described_version(wire: Wire, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = wire.personalize.describe_solution_version(solutionVersionArn=arn)
    return found["solutionVersion"]  # type: ignore[no-any-return]


def described_campaign(wire: Wire, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = wire.personalize.describe_campaign(campaignArn=arn)
    return found["campaign"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def popular(wire: Wire) -> str:
    """The ARN of a version of popularity-count, trained once."""
    return trained(wire, create_solution(wire, "popular"))


def test_a_solution_is_answered_as_it_was_asked_for(wire: Wire) -> None:
    config = {
        "algorithmHyperParameters": {"half_life_days": "7", "hidden_dimension": "64"},
        "eventValueThreshold": "0.5",
    }
    arn = create_solution(wire, "as-asked", eventType="view", solutionConfig=config)
    assert arn == f"arn:aws:personalize:{REGION}:{ACCOUNT}:solution/as-asked"
    solution = wire.personalize.describe_solution(solutionArn=arn)["solution"]
    assert (solution["solutionConfig"], solution["eventType"]) == (config, "view")
    assert (solution["recipeArn"], solution["datasetGroupArn"]) == (POPULARITY, GROUP)
    assert solution["status"] == "ACTIVE"
    assert solution["performAutoTraining"] is False
    listed = wire.personalize.list_solutions(datasetGroupArn=GROUP)["solutions"]
    assert arn in [one["solutionArn"] for one in listed]
    wire.personalize.delete_solution(solutionArn=arn)
    with pytest.raises(wire.personalize.exceptions.ResourceNotFoundException):
        wire.personalize.describe_solution(solutionArn=arn)


@pytest.mark.parametrize(
    "wish",
    [
        {"performHPO": True},
        {"performAutoML": True},
        {"performAutoTraining": True},
        {"performIncrementalUpdate": True},
        {"recipeArn": f"{RECIPE}aws-next-best-action"},
        {"solutionConfig": {"algorithmHyperParameters": {"half_life_days": "long"}}},
        {"solutionConfig": {"algorithmHyperParameters": {"no_setting": "1"}}},
        {"solutionConfig": {"eventValueThreshold": "high"}, "eventType": "view"},
        {"solutionConfig": {"eventValueThreshold": "1"}},
        {"solutionConfig": {"eventsConfig": {"eventParametersList": [{"weight": 1}]}}},
        {"solutionConfig": {"optimizationObjective": {"itemAttribute": "PRICE"}}},
    ],
    ids=lambda wish: next(iter(wish)),
)
def test_what_a_solution_cannot_be_is_refused(wire: Wire, wish: dict[str, Any]) -> None:
    known = {"name": "refused", "recipeArn": POPULARITY, "datasetGroupArn": GROUP}
    errors = wire.personalize.exceptions
    with pytest.raises((errors.InvalidInputException, errors.ResourceNotFoundException)):
        wire.personalize.create_solution(**{**known, **wish})


def test_events_of_a_solution_can_be_changed(wire: Wire) -> None:
    arn = create_solution(wire, "events-changed")
    events = {"eventParametersList": [{"eventType": "adoption", "eventValueThreshold": 0.5}]}
    wire.personalize.update_solution(solutionArn=arn, solutionUpdateConfig={"eventsConfig": events})
    solution = wire.personalize.describe_solution(solutionArn=arn)["solution"]
    assert solution["solutionConfig"]["eventsConfig"] == events


def test_a_version_trains_and_its_solution_names_it(wire: Wire, popular: str) -> None:
    version = described_version(wire, popular)
    assert (version["trainingMode"], version["trainingType"]) == ("FULL", "MANUAL")
    assert (version["recipeArn"], version["datasetGroupArn"]) == (POPULARITY, GROUP)
    solution = wire.personalize.describe_solution(solutionArn=version["solutionArn"])["solution"]
    assert solution["latestSolutionVersion"]["solutionVersionArn"] == popular
    listed = wire.personalize.list_solution_versions(solutionArn=version["solutionArn"])
    assert [one["solutionVersionArn"] for one in listed["solutionVersions"]] == [popular]
    in_use = wire.personalize.exceptions.ResourceInUseException
    with pytest.raises(in_use):
        wire.personalize.stop_solution_version_creation(solutionVersionArn=popular)


def test_versions_have_the_names_they_are_given(wire: Wire) -> None:
    solution = create_solution(wire, "named")
    arn = trained(wire, solution, name="first", tags=[{"tagKey": "a", "tagValue": "b"}])
    assert described_version(wire, arn)["name"] == "first"
    assert wire.personalize.list_tags_for_resource(resourceArn=arn)["tags"] == [
        {"tagKey": "a", "tagValue": "b"}
    ]
    with pytest.raises(wire.personalize.exceptions.ResourceAlreadyExistsException):
        wire.personalize.create_solution_version(solutionArn=solution, name="first")


def test_what_waits_for_training_can_be_stopped(wire: Wire) -> None:
    solution = create_solution(wire, "stopped")
    create = wire.personalize.create_solution_version
    arns = [create(solutionArn=solution)["solutionVersionArn"] for _ in range(2)]
    waiting = arns[1]
    with pytest.raises(wire.personalize.exceptions.ResourceInUseException):
        wire.personalize.get_solution_metrics(solutionVersionArn=waiting)
    wire.personalize.stop_solution_version_creation(solutionVersionArn=waiting)
    assert settled(lambda: described_version(wire, waiting))["status"] == "CREATE STOPPED"
    assert settled(lambda: described_version(wire, arns[0]))["status"] == "ACTIVE"


def test_an_update_needs_a_recipe_that_can_take_events_in(wire: Wire, popular: str) -> None:
    solution = described_version(wire, popular)["solutionArn"]
    for mode in ("UPDATE", "AUTOTRAIN"):
        with pytest.raises(wire.personalize.exceptions.InvalidInputException):
            wire.personalize.create_solution_version(solutionArn=solution, trainingMode=mode)


def test_a_campaign_becomes_active_and_keeps_its_settings(wire: Wire, popular: str) -> None:
    config = {"itemExplorationConfig": {"explorationWeight": "0.3"}}
    arn = wire.personalize.create_campaign(
        name="shop", solutionVersionArn=popular, minProvisionedTPS=2, campaignConfig=config
    )["campaignArn"]
    campaign = settled(lambda: described_campaign(wire, arn))
    assert campaign["status"] == "ACTIVE"
    assert (campaign["solutionVersionArn"], campaign["minProvisionedTPS"]) == (popular, 2)
    assert campaign["campaignConfig"] == config
    assert "latestCampaignUpdate" not in campaign
    solution = described_version(wire, popular)["solutionArn"]
    listed = wire.personalize.list_campaigns(solutionArn=solution)["campaigns"]
    assert [one["campaignArn"] for one in listed] == [arn]
    with pytest.raises(wire.personalize.exceptions.ResourceInUseException):
        wire.personalize.delete_solution(solutionArn=solution)
    wire.personalize.delete_campaign(campaignArn=arn)
    assert not wire.personalize.list_campaigns(solutionArn=solution)["campaigns"]


def test_every_recipe_describes_itself_its_algorithm_and_its_transformation(wire: Wire) -> None:
    first = wire.personalize.list_recipes(maxResults=3)
    rest = wire.personalize.list_recipes(nextToken=first["nextToken"])["recipes"]
    names = [recipe["name"] for recipe in first["recipes"] + rest]
    assert len(names) == len(set(names)) > 10
    assert "aws-user-personalization-v2" in names
    for name in names:
        recipe = wire.personalize.describe_recipe(recipeArn=RECIPE + name)["recipe"]
        assert recipe["status"] == "ACTIVE"
        algorithm = wire.personalize.describe_algorithm(algorithmArn=recipe["algorithmArn"])
        assert algorithm["algorithm"]["defaultHyperParameters"]
        wire.personalize.describe_feature_transformation(
            featureTransformationArn=recipe["featureTransformationArn"]
        )
