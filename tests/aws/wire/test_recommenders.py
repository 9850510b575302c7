"""Recommenders by boto3: created, they train, serve, pause and go by themselves."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from tests.aws.wire.server import Wire, served
from tests.aws.wire.waiting import settled

NOW = datetime.now(UTC).replace(microsecond=0)
LISTS = {
    "list_campaigns": "campaigns",
    "list_solutions": "solutions",
    "list_solution_versions": "solutionVersions",
}
RECIPE = "arn:aws:personalize:::recipe/"


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with served(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def shop(wire: Wire) -> str:
    """The ARN of a shop's dataset group, where tea is seen most and milk bought most."""
    group: str = wire.personalize.create_dataset_group(name="shop", domain="ECOMMERCE")[
        "datasetGroupArn"
    ]
    tracker = wire.personalize.create_event_tracker(name="shop", datasetGroupArn=group)
    for user in range(20):
        wire.events.put_events(
            trackingId=tracker["trackingId"],
            userId=f"user {user}",
            sessionId=f"session {user}",
            eventList=[
                {"eventType": kind, "itemId": item, "sentAt": NOW}
                for kind, item in (
                    *[("View", "tea")] * 5,
                    *[("Purchase", "milk")] * 3,
                    ("Purchase", "bread"),
                )
            ],
        )
    return group


def test_a_recommender_trains_serves_pauses_and_goes(wire: Wire, shop: str) -> None:
    arn = wire.personalize.create_recommender(
        name="bought",
        datasetGroupArn=shop,
        recipeArn=f"{RECIPE}aws-ecomm-popular-items-by-purchases",
        recommenderConfig={"minRecommendationRequestsPerSecond": 1},
        tags=[{"tagKey": "a", "tagValue": "b"}],
    )["recommenderArn"]
    errors = wire.personalize.exceptions
    found = settled(wire.personalize.describe_recommender, recommenderArn=arn)
    assert found["status"] == "ACTIVE", found
    assert found["recommenderConfig"]["minRecommendationRequestsPerSecond"] == 1
    assert "coverage" in found["modelMetrics"]
    for call, parts in LISTS.items():
        assert getattr(wire.personalize, call)()[parts] == [], "its parts are in no list"
    inside = wire.personalize.list_solutions(datasetGroupArn=shop)["solutions"]
    assert inside == []
    native = httpx.get(wire.url.replace("/aws", "/v1/campaigns")).json()["campaigns"]
    assert {one["name"] for one in native} == {"recommender", "reranker"}

    def asked() -> list[str]:
        answer = wire.runtime.get_recommendations(recommenderArn=arn, userId="user 0")
        return [item["itemId"] for item in answer["itemList"]]

    assert asked()[0] == "milk"
    wire.personalize.update_recommender(
        recommenderArn=arn, recommenderConfig={"minRecommendationRequestsPerSecond": 2}
    )
    found = settled(wire.personalize.describe_recommender, recommenderArn=arn)
    assert found["recommenderConfig"]["minRecommendationRequestsPerSecond"] == 2
    assert wire.personalize.list_tags_for_resource(resourceArn=arn)["tags"]

    wire.personalize.stop_recommender(recommenderArn=arn)
    found = wire.personalize.describe_recommender(recommenderArn=arn)["recommender"]
    assert found["status"] == "INACTIVE"
    with pytest.raises(wire.runtime.exceptions.InvalidInputException, match="INACTIVE"):
        asked()
    with pytest.raises(errors.ResourceInUseException):
        wire.personalize.stop_recommender(recommenderArn=arn)
    wire.personalize.start_recommender(recommenderArn=arn)
    assert asked()[0] == "milk"

    campaign = arn.replace(":recommender/bought", ":campaign/bought-recommender")
    with pytest.raises(errors.ResourceInUseException, match="recommender"):
        wire.personalize.delete_campaign(campaignArn=campaign)
    listed = wire.personalize.list_recommenders(datasetGroupArn=shop)["recommenders"]
    assert [one["name"] for one in listed] == ["bought"]
    wire.personalize.delete_recommender(recommenderArn=arn)
    with pytest.raises(errors.ResourceNotFoundException):
        wire.personalize.describe_recommender(recommenderArn=arn)
    assert wire.personalize.list_solutions(datasetGroupArn=shop)["solutions"] == []


def test_a_recommender_is_of_the_domain_of_its_group(wire: Wire, shop: str) -> None:
    errors = wire.personalize.exceptions
    with pytest.raises(errors.InvalidInputException, match="VIDEO_ON_DEMAND"):
        wire.personalize.create_recommender(
            name="x", datasetGroupArn=shop, recipeArn=f"{RECIPE}aws-vod-top-picks"
        )
    with pytest.raises(errors.ResourceNotFoundException):
        wire.personalize.create_recommender(
            name="x", datasetGroupArn=shop, recipeArn=f"{RECIPE}aws-ecomm-magic"
        )
    with pytest.raises(errors.ResourceNotFoundException, match="Items"):
        wire.personalize.create_recommender(
            name="x",
            datasetGroupArn=shop,
            recipeArn=f"{RECIPE}aws-ecomm-recommended-for-you",
            recommenderConfig={"trainingDataConfig": {"excludedDatasetColumns": {"ITEMS": ["X"]}}},
        )
    listed = wire.personalize.list_recipes(domain="ECOMMERCE")["recipes"]
    assert len(listed) == 5
    described = wire.personalize.describe_recipe(recipeArn=listed[0]["recipeArn"])["recipe"]
    assert described["name"] == listed[0]["name"]
