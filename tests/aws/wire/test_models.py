"""Solutions, their versions, campaigns and recipes, by boto3: they train and serve."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws.wire.server import GROUP, Wire, served
from tests.aws.wire.waiting import settled
from tests.aws_shapes import ACCOUNT, REGION
from tests.service_data import CATS, DOGS, make_service

RECIPE = "arn:aws:personalize:::recipe/"
POPULARITY = f"{RECIPE}aws-popularity-count"
MIN_USERS = "min_user_history_length_percentile"
PERCENTILES = {"max_user_history_length_percentile": "0.99"}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service where cat people saw cats and dog people saw dogs."""
    folder = tmp_path_factory.mktemp("data")
    make_service(folder, train=False)
    with served(folder) as running:
        yield running


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
    version = settled(wire.personalize.describe_solution_version, solutionVersionArn=arn)
    assert version["status"] == "ACTIVE", version
    return arn


def serving(wire: Wire, name: str, version: str) -> str:
    """A new campaign that serves the version, ACTIVE."""
    arn: str = wire.personalize.create_campaign(name=name, solutionVersionArn=version)[
        "campaignArn"
    ]
    settled(wire.personalize.describe_campaign, campaignArn=arn)
    return arn


def described_version(wire: Wire, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = wire.personalize.describe_solution_version(solutionVersionArn=arn)
    return found["solutionVersion"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def popular(wire: Wire) -> str:
    """The ARN of a version of popularity-count, trained once."""
    tags = [{"tagKey": "a", "tagValue": "b"}]
    return trained(wire, create_solution(wire, "popular"), name="first", tags=tags)


def hpo(name: str = "half_life_days", trials: str = "2") -> dict[str, Any]:
    ranges = [{"name": name, "minValue": 1.0, "maxValue": 60.0}]
    return {
        "hpoResourceConfig": {"maxNumberOfTrainingJobs": trials, "maxParallelTrainingJobs": "1"},
        "algorithmHyperParameterRanges": {"continuousHyperParameterRanges": ranges},
    }


def test_a_solution_is_tuned_where_hpo_is_asked_for(wire: Wire) -> None:
    arn = create_solution(wire, "tuned", performHPO=True, solutionConfig={"hpoConfig": hpo()})
    assert wire.personalize.describe_solution(solutionArn=arn)["solution"]["performHPO"] is True
    version = described_version(wire, trained(wire, arn))
    assert version["performHPO"] is True
    chosen = version["tunedHPOParams"]["algorithmHyperParameters"]
    assert set(chosen) == {"half_life_days"}, "the given one, if none was better"


def test_ranges_of_parameters_without_effect_give_way_to_those_of_the_recipe(wire: Wire) -> None:
    config = {"hpoConfig": hpo("min_cointeraction_count")}
    config["hpoConfig"]["algorithmHyperParameterRanges"]["continuousHyperParameterRanges"][0][
        "maxValue"
    ] = 9.0
    arn = create_solution(wire, "tuned-of-nothing", performHPO=True, solutionConfig=config)
    version = described_version(wire, trained(wire, arn))
    assert set(version["tunedHPOParams"]["algorithmHyperParameters"]) == {"half_life_days"}
    wire.personalize.delete_solution(solutionArn=arn)


def test_a_solution_is_answered_as_it_was_asked_for(wire: Wire) -> None:
    config = {
        "algorithmHyperParameters": {"half_life_days": "7", "hidden_dimension": "64"},
        "featureTransformationParameters": {"cold_start_max_interactions": "15"},
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
        {"performHPO": True, "solutionConfig": {"hpoConfig": hpo("no_setting")}},
        {"performHPO": True, "solutionConfig": {"hpoConfig": hpo(trials="many")}},
        {"solutionConfig": {"hpoConfig": hpo()}},
        {"performAutoML": True},  # beside a recipeArn
        {"solutionConfig": {"autoMLConfig": {"metricName": "coverage"}}},
        {"performHPO": True, "solutionConfig": {"hpoConfig": {"hpoObjective": {"type": "max"}}}},
        {"solutionConfig": {"algorithmHyperParameters": {"hidden_dimension": "9999"}}},
        {"solutionConfig": {"algorithmHyperParameters": {"trend_discovery_frequency": "1 year"}}},
        {"solutionConfig": {"featureTransformationParameters": {"no_setting": "1"}}},
        {"solutionConfig": {"featureTransformationParameters": PERCENTILES | {MIN_USERS: "1.5"}}},
        {"solutionConfig": {"featureTransformationParameters": PERCENTILES | {MIN_USERS: "0.99"}}},
        {"performHPO": True, "solutionConfig": {"hpoConfig": hpo(MIN_USERS)}},
        {"solutionConfig": {"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["X"]}}}},
        {
            "solutionConfig": {
                "trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["ITEM_ID"]}}
            }
        },
        {"solutionConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}},
        {"performIncrementalUpdate": True},
        {"recipeArn": f"{RECIPE}aws-no-such-recipe"},
        {"solutionConfig": {"algorithmHyperParameters": {"half_life_days": "long"}}},
        {"solutionConfig": {"algorithmHyperParameters": {"no_setting": "1"}}},
        {"solutionConfig": {"eventValueThreshold": "high"}, "eventType": "view"},
        {"solutionConfig": {"eventValueThreshold": "1"}},
        {"solutionConfig": {"eventsConfig": {"eventParametersList": [{"weight": 1}]}}},
        {"solutionConfig": {"optimizationObjective": {"itemAttribute": "CREATION_TIMESTAMP"}}},
        {
            "recipeArn": f"{RECIPE}aws-user-personalization-v2",
            "solutionConfig": {"optimizationObjective": {"itemAttribute": "ANIMAL_TYPE"}},
        },
    ],
    ids=lambda wish: next(iter(wish)),
)
def test_what_a_solution_cannot_be_is_refused(wire: Wire, wish: dict[str, Any]) -> None:
    known = {"name": "refused", "recipeArn": POPULARITY, "datasetGroupArn": GROUP}
    errors = wire.personalize.exceptions
    with pytest.raises((errors.InvalidInputException, errors.ResourceNotFoundException)):
        wire.personalize.create_solution(**{**known, **wish})


def test_configurations_of_aws_are_taken_and_answered(
    wire: Wire, subtests: pytest.Subtests
) -> None:
    personal = f"{RECIPE}aws-user-personalization-v2"
    objective = {"itemAttribute": "CREATION_TIMESTAMP", "objectiveSensitivity": "HIGH"}
    cases: dict[str, dict[str, Any]] = {
        "objective": {"optimizationObjective": objective},
        "excluded": {"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["ANIMAL_AGE"]}}},
        "included": {"trainingDataConfig": {"includedDatasetColumns": {"ITEMS": ["ANIMAL_TYPE"]}}},
        "percentiles": {"featureTransformationParameters": PERCENTILES},
    }
    for name, config in cases.items():
        with subtests.test(name):
            arn = create_solution(wire, name, personal, solutionConfig=config)
            solution = wire.personalize.describe_solution(solutionArn=arn)["solution"]
            assert solution["solutionConfig"] == config
            wire.personalize.delete_solution(solutionArn=arn)
    trends = {"algorithmHyperParameters": {"trend_discovery_frequency": "3 hours"}}
    arn = create_solution(wire, "trends", f"{RECIPE}aws-trending-now", solutionConfig=trends)
    wire.personalize.delete_solution(solutionArn=arn)
    arn = wire.personalize.create_solution(
        name="automatic", performAutoML=True, datasetGroupArn=GROUP
    )["solutionArn"]
    solution = wire.personalize.describe_solution(solutionArn=arn)["solution"]
    assert (solution["performAutoML"], solution["performHPO"]) == (True, True)
    assert solution["recipeArn"] == personal
    wire.personalize.delete_solution(solutionArn=arn)
    listed = {"autoMLConfig": {"recipeList": [f"{RECIPE}aws-hrnn"]}}
    arn = wire.personalize.create_solution(
        name="listed", performAutoML=True, datasetGroupArn=GROUP, solutionConfig=listed
    )["solutionArn"]
    solution = wire.personalize.describe_solution(solutionArn=arn)["solution"]
    assert solution["recipeArn"] == f"{RECIPE}aws-hrnn"
    wire.personalize.delete_solution(solutionArn=arn)


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
    assert 0 < version["trainingHours"] < 1
    solution = wire.personalize.describe_solution(solutionArn=version["solutionArn"])["solution"]
    assert solution["latestSolutionVersion"]["solutionVersionArn"] == popular
    listed = wire.personalize.list_solution_versions(solutionArn=version["solutionArn"])
    assert [one["solutionVersionArn"] for one in listed["solutionVersions"]] == [popular]
    in_use = wire.personalize.exceptions.ResourceInUseException
    with pytest.raises(in_use):
        wire.personalize.stop_solution_version_creation(solutionVersionArn=popular)


def test_versions_have_the_names_they_are_given(wire: Wire, popular: str) -> None:
    version = described_version(wire, popular)
    assert version["name"] == "first"
    tags = wire.personalize.list_tags_for_resource(resourceArn=popular)["tags"]
    assert tags == [{"tagKey": "a", "tagValue": "b"}]
    with pytest.raises(wire.personalize.exceptions.ResourceAlreadyExistsException):
        wire.personalize.create_solution_version(solutionArn=version["solutionArn"], name="first")


def test_a_training_and_one_that_waits_for_it_can_be_stopped(wire: Wire) -> None:
    solution = create_solution(wire, "stopped")
    create = wire.personalize.create_solution_version
    arns = [create(solutionArn=solution)["solutionVersionArn"] for _ in range(2)]
    assert [described_version(wire, arn)["status"] for arn in arns] == [
        "CREATE IN_PROGRESS",
        "CREATE PENDING",
    ]
    for arn in reversed(arns):
        with pytest.raises(wire.personalize.exceptions.ResourceInUseException):
            wire.personalize.get_solution_metrics(solutionVersionArn=arn)
        wire.personalize.stop_solution_version_creation(solutionVersionArn=arn)
        assert described_version(wire, arn)["status"] == "CREATE STOPPED"


def test_popular_items_have_no_scores(wire: Wire, popular: str) -> None:
    arn = serving(wire, "scoreless", popular)
    items = wire.runtime.get_recommendations(campaignArn=arn, userId="a")["itemList"]
    assert items
    assert not [item for item in items if "score" in item]
    wire.personalize.delete_campaign(campaignArn=arn)


def test_a_version_is_measured_on_held_out_users(wire: Wire, popular: str) -> None:
    metrics = wire.personalize.get_solution_metrics(solutionVersionArn=popular)["metrics"]
    wanted = {"coverage", "mean_reciprocal_rank_at_25"} | {
        f"{name}_at_{k}"
        for name in ("normalized_discounted_cumulative_gain", "precision")
        for k in (5, 10, 25)
    }
    assert wanted <= metrics.keys()
    assert all(0 <= value <= 1 for value in metrics.values())
    assert metrics["mean_reciprocal_rank_at_25"] > 0


def test_percentiles_leave_items_out_of_training_and_not_of_answers(
    wire: Wire, popular: str
) -> None:
    def most_popular(name: str, version: str) -> list[str]:
        arn = serving(wire, name, version)
        answer = wire.runtime.get_recommendations(campaignArn=arn, userId="new", numResults=20)
        wire.personalize.delete_campaign(campaignArn=arn)
        return [item["itemId"] for item in answer["itemList"]]

    most, next_most = {CATS[2], CATS[4]}, {DOGS[2], DOGS[4]}  # 7 and 6 users
    assert set(most_popular("all-items", popular)[:2]) == most
    config = {"featureTransformationParameters": {"max_item_interaction_count_percentile": "0.8"}}
    found = most_popular("few", trained(wire, create_solution(wire, "few", solutionConfig=config)))
    assert set(found[:2]) == next_most
    assert most < set(found)


def test_affinity_recipes_are_measured_by_their_segments(wire: Wire) -> None:
    config = {"algorithmHyperParameters": {"learn": "false"}}
    arn = create_solution(wire, "affinity", f"{RECIPE}aws-item-affinity", solutionConfig=config)
    version = trained(wire, arn)
    metrics = wire.personalize.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert metrics.keys() == {"hit", "recall", "coverage"}
    assert all(0 <= value <= 1 for value in metrics.values())  # a segment of two users has one


def test_automatic_training_is_no_mode_that_can_be_asked_for(wire: Wire, popular: str) -> None:
    solution = described_version(wire, popular)["solutionArn"]
    with pytest.raises(wire.personalize.exceptions.InvalidInputException):
        wire.personalize.create_solution_version(solutionArn=solution, trainingMode="AUTOTRAIN")


def test_a_campaign_becomes_active_and_keeps_its_settings(wire: Wire, popular: str) -> None:
    config = {"itemExplorationConfig": {"explorationWeight": "0.3"}}
    arn = wire.personalize.create_campaign(
        name="shop", solutionVersionArn=popular, minProvisionedTPS=2, campaignConfig=config
    )["campaignArn"]
    campaign = settled(wire.personalize.describe_campaign, campaignArn=arn)
    assert campaign["status"] == "ACTIVE"
    assert (campaign["solutionVersionArn"], campaign["minProvisionedTPS"]) == (popular, 2)
    assert campaign["campaignConfig"] == config
    assert "latestCampaignUpdate" not in campaign
    solution = described_version(wire, popular)["solutionArn"]

    def listed() -> bool:
        of_solution = wire.personalize.list_campaigns(solutionArn=solution)["campaigns"]
        return arn in [one["campaignArn"] for one in of_solution]

    assert listed()
    with pytest.raises(wire.personalize.exceptions.ResourceInUseException):
        wire.personalize.delete_solution(solutionArn=solution)
    wire.personalize.delete_campaign(campaignArn=arn)
    assert not listed()


def test_every_recipe_describes_itself_its_algorithm_and_its_transformation(wire: Wire) -> None:
    first = wire.personalize.list_recipes(maxResults=3)
    rest = wire.personalize.list_recipes(nextToken=first["nextToken"])["recipes"]
    names = [recipe["name"] for recipe in first["recipes"] + rest]
    assert len(names) == len(set(names)) > 10
    assert {"aws-user-personalization-v2", "ease", "imported-scores", "http-scorer"} <= {*names}
    for name in names:
        recipe = wire.personalize.describe_recipe(recipeArn=RECIPE + name)["recipe"]
        assert recipe["status"] == "ACTIVE"
        algorithm = wire.personalize.describe_algorithm(algorithmArn=recipe["algorithmArn"])
        assert algorithm["algorithm"]["defaultHyperParameters"]
        ranges = algorithm["algorithm"]["defaultHyperParameterRanges"]
        assert {one["name"] for one in ranges["continuousHyperParameterRanges"]} <= set(
            algorithm["algorithm"]["defaultHyperParameters"]
        )
        wire.personalize.describe_feature_transformation(
            featureTransformationArn=recipe["featureTransformationArn"]
        )


def test_a_campaign_answers_and_goes_on_with_another_version(wire: Wire, popular: str) -> None:
    solution = create_solution(
        wire,
        "personal",
        f"{RECIPE}aws-user-personalization",
        solutionConfig={"algorithmHyperParameters": {"learn": "false"}},
    )
    first = trained(wire, solution)
    campaign = serving(wire, "personal", first)
    answer = wire.runtime.get_recommendations(campaignArn=campaign, userId="seed 0", numResults=3)
    assert answer["recommendationId"].startswith("RID-")
    assert [item["itemId"].partition("-")[0] for item in answer["itemList"]] == ["1", "1", "1"]
    assert len(wire.runtime.get_recommendations(campaignArn=campaign, userId="new")["itemList"]) > 3
    ranks = create_solution(wire, "ranks", f"{RECIPE}aws-personalized-ranking-v2")
    ranked = wire.runtime.get_personalized_ranking(
        campaignArn=serving(wire, "ranks", trained(wire, ranks)),
        userId="seed 1",
        inputList=["unknown", CATS[1], DOGS[1], CATS[1]],
    )["personalizedRanking"]
    assert [item["itemId"] for item in ranked] == [DOGS[1], CATS[1], "unknown"]
    assert sum(item["score"] for item in ranked) == pytest.approx(1)

    second = trained(wire, solution)
    wire.personalize.update_campaign(
        campaignArn=campaign, solutionVersionArn=second, minProvisionedTPS=3
    )
    busy = wire.personalize.exceptions.ResourceInUseException
    shown = wire.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    if shown["latestCampaignUpdate"]["status"] != "ACTIVE":
        assert (shown["solutionVersionArn"], shown["minProvisionedTPS"]) == (first, 1)
    assert shown["latestCampaignUpdate"]["minProvisionedTPS"] == 3
    after = settled(wire.personalize.describe_campaign, campaignArn=campaign)
    assert (after["solutionVersionArn"], after["minProvisionedTPS"]) == (second, 3)
    with pytest.raises(busy):
        wire.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=popular)


@pytest.mark.parametrize(
    "config",
    [
        {"itemExplorationConfig": {"explorationWeight": "much"}},
        {"itemExplorationConfig": {"explorationWeight": "1.5"}},
        {"itemExplorationConfig": {"explorationItemAgeCutOff": "-1"}},
        {"itemExplorationConfig": {"exploration": "1"}},
        {"syncWithLatestSolutionVersion": True},
    ],
    ids=str,
)
def test_what_a_campaign_cannot_be_is_refused(
    wire: Wire, popular: str, config: dict[str, Any]
) -> None:
    with pytest.raises(wire.personalize.exceptions.InvalidInputException):
        wire.personalize.create_campaign(
            name="refused", solutionVersionArn=popular, campaignConfig=config
        )


def test_who_asks_nobody_or_nothing_is_told(wire: Wire) -> None:
    nobody = f"arn:aws:personalize:{REGION}:{ACCOUNT}:campaign/nobody"
    not_found = wire.runtime.exceptions.ResourceNotFoundException
    with pytest.raises(not_found):
        wire.runtime.get_recommendations(campaignArn=nobody, userId="a")
    with pytest.raises(not_found, match="serves no version yet"):
        wire.runtime.get_recommendations(
            campaignArn=nobody.replace("nobody", "recommender"), userId="a"
        )
    invalid = wire.runtime.exceptions.InvalidInputException
    with pytest.raises(invalid):
        wire.runtime.get_recommendations(userId="a")
