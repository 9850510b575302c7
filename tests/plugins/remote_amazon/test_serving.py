"""Questions are asked there; versions go live there; popular groups answer while it is away."""

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import Conflict, InvalidInput, LimitExceeded
from pawsonalize.core.event import Visitor
from pawsonalize.recommend.groups import Candidate
from pawsonalize.recommend.live_model import FALLBACK
from pawsonalize.recommend.query import Query
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.kind import Status
from tests.faulty_proxy import Answer
from tests.plugins.remote_amazon.conftest import Driving
from tests.service_data import CATS, DOGS
from tests.waiting import wait_until


def rerank(driving: Driving, *groups: str) -> tuple[str, ...]:
    now = clock.now()
    query = Query(Visitor("seed 0"), now, now)
    answer = driving.group_recommender.rerank(query, [Candidate(one, one) for one in groups])
    return tuple(one.item_id for one in answer.items)


def test_a_version_has_the_remote_metrics_and_a_stand_in_here(live: Driving) -> None:
    version = live.adapters.versions.newest("recommender")
    assert version is not None
    there = live.amazon.personalize.get_solution_metrics(solutionVersionArn=version.remote)
    assert version.metrics == there["metrics"]
    assert version.fitted_recipe == "popularity-count"
    assert version.recipe == "user-personalization"
    assert version.events > 0


def test_the_remote_engine_answers_for_the_visitor(live: Driving) -> None:
    answer = live.recommend("seed 0")
    assert answer.solution_version == live.look()
    assert {one.item_id for one in answer.items} <= set(CATS)
    asked = [asked for name, asked in live.proxy.asked if name == "GetRecommendations"]
    assert [one["userId"] for one in asked] == ["seed 0"]


def test_scores_are_those_of_the_remote_engine(live: Driving) -> None:
    arn = live.remote.personalize.campaigns.find(RECOMMENDER, RECOMMENDER)
    there = live.amazon.runtime.get_recommendations(
        campaignArn=arn, userId="seed 1", numResults=500
    )["itemList"]
    here = live.recommend("seed 1", limit=len(there)).items
    assert [one.item_id for one in here] == [one["itemId"] for one in there]
    assert [one.score for one in here] == pytest.approx([one["score"] for one in there])


def test_lists_are_ranked_by_the_campaign_that_ranks(live: Driving) -> None:
    assert rerank(live, DOGS[0], CATS[0], "9-Unknown-1-1")[0] == CATS[0]
    assert live.proxy.count("GetPersonalizedRanking") == 1


def test_without_reranking_the_recommenders_campaign_ranks(live: Driving) -> None:
    kept = live.live.pop("reranker")
    try:
        assert rerank(live, DOGS[0], CATS[0])[0] == CATS[0]
    finally:
        live.live["reranker"] = kept
    assert live.proxy.count("GetPersonalizedRanking") == 0
    assert live.proxy.count("GetRecommendations") == 1


@pytest.mark.parametrize("status", [429, 500, 0], ids=["throttled", "error", "away"])
def test_popular_groups_answer_while_the_remote_engine_does_not(live: Driving, status: int) -> None:
    live.proxy.fails("*", status=status, code="ThrottlingException")
    answer = live.recommend("seed 2")
    assert answer.solution_version == FALLBACK
    assert len(answer.items) == 3
    assert "popular groups answer" in (live.live[RECOMMENDER].fault or "")
    asked = live.proxy.count("GetRecommendations")
    assert live.recommend("seed 3").solution_version == FALLBACK
    assert live.proxy.count("GetRecommendations") == asked  # nobody else waits for it
    live.proxy.mend()
    questions = live.live[RECOMMENDER].current.model._queries  # type: ignore[attr-defined]
    questions._rest_until = 0.0  # as if the pause were over
    assert live.recommend("seed 2").solution_version == live.look()
    assert live.live[RECOMMENDER].fault is None


def test_the_old_version_answers_until_the_new_one_is_live_there(driving: Driving) -> None:
    first = driving.train()
    driving.serve(first)
    second = driving.train()

    def updating(answer: Answer) -> None:
        answer["campaign"]["latestCampaignUpdate"] = {
            "status": "CREATE IN_PROGRESS",
            "solutionVersionArn": second.remote,
        }

    driving.proxy.rewrites("DescribeCampaign", updating)
    driving.adapters.campaigns.update(RECOMMENDER, second.name, clock.now())
    assert driving.look() == first.name
    assert driving.adapters.campaigns.get(RECOMMENDER).pending is not None
    assert driving.recommend().solution_version == first.name
    # A server that starts in the middle serves the old one too.
    fresh = driving.adapters.live_models()[RECOMMENDER]
    fresh.refresh(clock.now())
    assert fresh.current.version.name == first.name
    driving.proxy.mend()
    driving.serve(second)
    there = driving.remote.personalize.campaigns.described(RECOMMENDER, RECOMMENDER)
    assert there is not None
    assert there["solutionVersionArn"] == second.remote
    back(driving, first.name)


def back(driving: Driving, first: str) -> None:
    """A rollback goes live there before it does here."""
    campaign = driving.adapters.campaigns.rollback(RECOMMENDER, clock.now())
    assert campaign.pending is not None
    assert campaign.solution_version != first
    driving.serve(driving.adapters.versions.get(first))
    there = driving.remote.personalize.campaigns.described(RECOMMENDER, RECOMMENDER)
    assert there is not None
    assert there["solutionVersionArn"] == driving.adapters.versions.get(first).remote


def failed_and_serves(live: Driving, first: str | None) -> None:
    """The newest update failed, and what was served before still is."""
    update = live.adapters.campaigns.get(RECOMMENDER).latest_update
    assert update is not None
    assert update.status is Status.CREATE_FAILED
    live.proxy.mend()
    assert live.look() == first


def test_an_update_that_fails_there_fails_here_and_the_old_version_stays(live: Driving) -> None:
    first, second = live.look(), live.train()

    def failed(answer: Answer) -> None:
        answer["campaign"]["latestCampaignUpdate"] = {
            "status": "CREATE FAILED",
            "failureReason": "no room",
            "solutionVersionArn": second.remote,
        }

    live.proxy.rewrites("DescribeCampaign", failed)
    live.adapters.campaigns.update(RECOMMENDER, second.name, clock.now())
    with pytest.raises(Conflict, match="no room"):
        live.look()
    failed_and_serves(live, first)


def test_an_update_that_a_quota_refuses_there_fails_here(live: Driving) -> None:
    first, second = live.look(), live.train()
    live.proxy.fails("UpdateCampaign", status=400, code="LimitExceededException")
    live.adapters.campaigns.update(RECOMMENDER, second.name, clock.now())
    with pytest.raises(LimitExceeded, match="the proxy says so"):
        live.look()
    failed_and_serves(live, first)


def test_exploration_and_capacity_are_the_remote_campaigns(live: Driving) -> None:
    version = live.look()
    assert version is not None
    live.adapters.campaigns.update(
        RECOMMENDER, version, clock.now(), exploration_weight=0.3, min_provisioned_tps=2
    )
    campaigns = live.adapters.campaigns

    def is_settled() -> bool:
        live.look()
        return campaigns.get(RECOMMENDER).pending is None

    wait_until(is_settled)
    there = live.remote.personalize.campaigns.described(RECOMMENDER, RECOMMENDER)
    assert there is not None
    assert there["minProvisionedTPS"] == 2
    config = there["campaignConfig"]["itemExplorationConfig"]
    assert config["explorationWeight"] == "0.3"


def test_the_other_engine_refuses_what_it_cannot_ask_and_counts_answer(live: Driving) -> None:
    own = Settings(data_dir=live.settings.data_dir, log_level="error")
    with opened(own) as adapters:
        other = adapters.live_models()[RECOMMENDER]
        with pytest.raises(InvalidInput, match="engine: amazon-personalize"):
            other.refresh(clock.now())
        assert not other.is_ready
    assert live.proxy.asked == []
