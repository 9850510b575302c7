"""An update of a campaign or a recommender is refused until the one before is done."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event

import pytest

from pawsonalize.recommend.campaigns import CampaignModels
from tests.aws.wire.made import NOT_LEARNT, RECIPE, trained
from tests.aws.wire.made import served as serving
from tests.aws.wire.server import Wire, served
from tests.aws.wire.waiting import settled
from tests.service_data import make_service

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def goes_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """The server settles updates only while this is set."""
    event, refresh = Event(), CampaignModels.refresh
    event.set()

    def when_it_may(models: CampaignModels) -> None:
        if event.is_set():
            refresh(models)

    monkeypatch.setattr(CampaignModels, "refresh", when_it_may)
    yield event
    event.set()


@pytest.fixture
def wire(tmp_path_factory: pytest.TempPathFactory, goes_on: Event) -> Iterator[Wire]:
    """A service with events, whose updates wait for the test."""
    folder = tmp_path_factory.mktemp("data")
    make_service(folder, train=False)
    assert goes_on.is_set()
    with served(folder) as running:
        yield running


def test_six_updates_while_one_is_pending_are_refused_and_the_old_values_described(
    wire: Wire, goes_on: Event
) -> None:
    version = trained(wire, "personal", "aws-user-personalization", solutionConfig=NOT_LEARNT)
    campaign = serving(wire, "personal", version, minProvisionedTPS=2)
    goes_on.clear()
    explores = {"itemExplorationConfig": {"explorationWeight": "0.5"}}
    wire.personalize.update_campaign(
        campaignArn=campaign, minProvisionedTPS=3, campaignConfig=explores
    )
    for rate in range(4, 10):
        with pytest.raises(wire.personalize.exceptions.ResourceInUseException, match="PENDING"):
            wire.personalize.update_campaign(campaignArn=campaign, minProvisionedTPS=rate)
    shown = wire.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert (shown["minProvisionedTPS"], "campaignConfig" in shown) == (2, False)
    update = shown["latestCampaignUpdate"]
    assert (update["minProvisionedTPS"], update["campaignConfig"]) == (3, explores)
    goes_on.set()
    after = settled(wire.personalize.describe_campaign, campaignArn=campaign)
    assert (after["minProvisionedTPS"], after["campaignConfig"]) == (3, explores)

    wire.runtime.get_recommendations(campaignArn=campaign, userId="u")
    goes_on.clear()
    wire.personalize.delete_campaign(campaignArn=campaign)
    with pytest.raises(wire.runtime.exceptions.ResourceNotFoundException):
        wire.runtime.get_recommendations(campaignArn=campaign, userId="u")


def test_a_recommender_describes_its_update(wire: Wire, goes_on: Event) -> None:
    group = wire.personalize.create_dataset_group(name="shop", domain="ECOMMERCE")
    tracker = wire.personalize.create_event_tracker(
        name="shop", datasetGroupArn=group["datasetGroupArn"]
    )
    wire.events.put_events(
        trackingId=tracker["trackingId"],
        userId="u",
        sessionId="s",
        eventList=[{"eventType": "View", "itemId": "tea", "sentAt": NOW}],
    )
    arn = wire.personalize.create_recommender(
        name="viewed",
        datasetGroupArn=group["datasetGroupArn"],
        recipeArn=f"{RECIPE}aws-ecomm-popular-items-by-views",
        recommenderConfig={"minRecommendationRequestsPerSecond": 1},
    )["recommenderArn"]
    found = settled(wire.personalize.describe_recommender, recommenderArn=arn)
    assert "latestRecommenderUpdate" not in found
    goes_on.clear()
    config = {"minRecommendationRequestsPerSecond": 2}
    wire.personalize.update_recommender(recommenderArn=arn, recommenderConfig=config)
    with pytest.raises(wire.personalize.exceptions.ResourceInUseException):
        wire.personalize.update_recommender(recommenderArn=arn, recommenderConfig=config)
    found = wire.personalize.describe_recommender(recommenderArn=arn)["recommender"]
    assert found["recommenderConfig"] == {"minRecommendationRequestsPerSecond": 1}
    update = found["latestRecommenderUpdate"]
    assert (update["status"], update["recommenderConfig"]) == ("CREATE PENDING", config)
