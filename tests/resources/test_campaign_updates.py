"""Asking for another version, and going back."""

import pytest

from pawsonalize.core.errors import Conflict, NotFound
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, SolutionVersion
from tests.event_data import T0
from tests.releases import Release


def update_of(campaign: Campaign) -> tuple[str, Status, str | None]:
    update = campaign.latest_update
    assert update is not None
    return update.solution_version, update.status, update.failure_reason


def test_an_update_waits_until_a_server_serves_it(
    campaigns: Campaigns, release: Release, live: LiveModel
) -> None:
    asked = release("v1", "a")
    assert update_of(asked) == ("v1", Status.CREATE_PENDING, None)
    assert asked.solution_version is None
    live.refresh(T0 + 5)
    served = campaigns.get("recommender")
    assert update_of(served) == ("v1", Status.ACTIVE, None)
    assert (served.solution_version, served.previous_version) == ("v1", None)
    assert served.latest_update is not None
    assert served.latest_update.settled_at == T0 + 5


def test_asking_again_for_what_is_served_or_asked_for_changes_nothing(
    campaigns: Campaigns, release: Release, live: LiveModel
) -> None:
    asked = release("v1", "a")
    assert release.ask_for("v1") == asked
    live.refresh(T0)
    served = campaigns.get("recommender")
    assert release.ask_for("v1") == served


def test_the_newest_wish_counts(campaigns: Campaigns, release: Release, live: LiveModel) -> None:
    release("v1", "a")
    release("v2", "b")
    live.refresh(T0)
    assert campaigns.get("recommender").solution_version == "v2"
    assert campaigns.get("recommender").previous_version is None, "v1 has never been served"


def test_of_two_updates_from_one_revision_one_wins(campaigns: Campaigns, release: Release) -> None:
    for name in ("v1", "v2"):
        release.train(name, ["a"])
    seen = campaigns.get("recommender").revision
    campaigns.update("recommender", "v1", T0, expected_revision=seen)
    with pytest.raises(Conflict, match="look again"):
        campaigns.update("recommender", "v2", T0, expected_revision=seen)
    assert update_of(campaigns.get("recommender"))[0] == "v1"


def test_only_a_ready_version_of_its_own_solution_can_be_asked_for(
    campaigns: Campaigns, registry: Registry, release: Release
) -> None:
    with pytest.raises(NotFound, match="no solution version named v1"):
        campaigns.update("recommender", "v1", T0)
    waiting = SolutionVersion(name="v1", solution="recommender", recipe="x", cut=Cut(0, T0))
    registry.create(waiting, T0)
    with pytest.raises(Conflict, match="it is CREATE PENDING"):
        campaigns.update("recommender", "v1", T0)
    release.train("v2", ["a"])
    with pytest.raises(Conflict, match="serves solution reranker"):
        campaigns.update("reranker", "v2", T0)


def test_a_rollback_serves_the_version_before_and_another_returns(
    campaigns: Campaigns, release: Release, live: LiveModel
) -> None:
    for name in ("v1", "v2"):
        release(name, name)
        live.refresh(T0)
    back = campaigns.rollback("recommender", T0 + 7)
    assert (back.solution_version, back.previous_version) == ("v1", "v2")
    assert update_of(back) == ("v1", Status.ACTIVE, None)
    assert live.refresh(T0)
    assert live.current.version.name == "v1"
    assert campaigns.rollback("recommender", T0 + 8).solution_version == "v2"


def test_a_rollback_calls_off_an_update_that_is_not_served_yet(
    campaigns: Campaigns, release: Release, live: LiveModel
) -> None:
    release("v1", "a")
    live.refresh(T0)
    release("v2", "b")
    back = campaigns.rollback("recommender", T0)
    assert back.solution_version == "v1"
    assert update_of(back) == ("v2", Status.CREATE_FAILED, "rolled back before it was served")
    assert not live.refresh(T0)
    assert live.current.version.name == "v1"


def test_without_a_version_before_there_is_nothing_to_roll_back_to(
    campaigns: Campaigns, release: Release, live: LiveModel
) -> None:
    with pytest.raises(Conflict, match="no other version"):
        campaigns.rollback("recommender", T0)
    release("v1", "a")
    live.refresh(T0)
    with pytest.raises(Conflict, match="no other version"):
        campaigns.rollback("recommender", T0)


def test_a_campaign_of_another_revision_cannot_be_settled(
    campaigns: Campaigns, release: Release
) -> None:
    asked = release("v1", "a")
    campaigns.refuse(asked, "no", T0)
    with pytest.raises(Conflict):
        campaigns.settle(asked, T0)
    assert campaigns.get("recommender").solution_version is None


def test_a_new_campaign_asks_for_its_first_version(
    campaigns: Campaigns, release: Release, registry: Registry
) -> None:
    release.train("v1", ["a"])
    asked = campaigns.create(Campaign(name="second", solution="recommender"), "v1", T0 + 1)
    assert update_of(asked) == ("v1", Status.CREATE_PENDING, None)
    assert campaigns.get("second") == asked
    with pytest.raises(NotFound):
        campaigns.create(Campaign(name="third", solution="recommender"), "v2", T0 + 1)


def test_other_settings_of_the_same_version_keep_the_way_back(
    campaigns: Campaigns, release: Release, live: LiveModel
) -> None:
    for name in ("v1", "v2"):
        release(name, "a")
        live.refresh(T0)
    asked = campaigns.update("recommender", "v2", T0 + 1, exploration_weight=0.5)
    assert update_of(asked) == ("v2", Status.CREATE_PENDING, None)
    live.refresh(T0 + 2)
    served = campaigns.get("recommender")
    assert update_of(served) == ("v2", Status.ACTIVE, None)
    assert live.current.settings.exploration_weight == 0.5
    assert (served.solution_version, served.previous_version) == ("v2", "v1")
