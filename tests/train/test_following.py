"""Campaigns that go on to each newer version by themselves."""

from collections.abc import Callable

import msgspec
import pytest

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.campaigns import Following
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0
from tests.releases import Release


@pytest.fixture
def following(registry: Registry, campaigns: Campaigns, versions: SolutionVersions) -> Following:
    return Following(registry, campaigns, versions)


@pytest.fixture
def served(
    registry: Registry, campaigns: Campaigns, live: LiveModel, following: Following
) -> Callable[[], str | None]:
    """What is served after a look; the campaign follows."""
    follows = msgspec.structs.replace(campaigns.get("recommender"), follows_latest=True)
    registry.update(follows, T0)

    def served() -> str | None:
        following.look_after(T0)
        live.refresh(T0)
        return campaigns.get("recommender").solution_version

    return served


def test_it_serves_each_newest_version(release: Release, served: Callable[[], str | None]) -> None:
    assert served() is None
    for name in ("v1", "v2"):
        release.train(name, ["a"])
        assert served() == name


def test_one_that_does_not_follow_stays(
    campaigns: Campaigns, release: Release, following: Following
) -> None:
    release.train("v1", ["a"])
    following.look_after(T0)
    assert campaigns.get("recommender").latest_update is None


def test_a_rollback_lasts_until_there_is_a_newer_version(
    campaigns: Campaigns, release: Release, served: Callable[[], str | None]
) -> None:
    for name in ("v1", "v2"):
        release.train(name, ["a"])
        served()
    campaigns.rollback("recommender", T0)
    assert served() == "v1"
    release.train("v3", ["a"])
    assert served() == "v3"


def test_versions_of_a_retraining_are_left_to_its_gate(
    campaigns: Campaigns, registry: Registry, release: Release, served: Callable[[], str | None]
) -> None:
    release.train("v1", ["a"])
    assert served() == "v1"
    release.train("v2", ["a"])
    judged = msgspec.structs.replace(registry.get(SolutionVersion, "v2"), run="retrain-1")
    registry.update(judged, T0)
    assert served() == "v1"
    campaigns.update("recommender", "v2", T0)  # as the run does, if it wins
    assert served() == "v2"
    assert served() == "v2", "and nobody goes back"
    release.train("v3", ["a"])
    assert served() == "v3"


def test_looking_again_changes_nothing(
    campaigns: Campaigns, release: Release, served: Callable[[], str | None]
) -> None:
    release.train("v1", ["a"])
    served()
    before = campaigns.get("recommender")
    served()
    assert campaigns.get("recommender") == before


def test_what_the_gate_refuses_is_not_served_and_not_judged_again(
    following: Following, release: Release, served: Callable[[], str | None], campaigns: Campaigns
) -> None:
    release.train("v1", ["a"])
    served()
    judged = []

    def refusal(new: SolutionVersion, live: SolutionVersion | None, _now: int) -> str | None:
        judged.append((new.name, live and live.name))
        return "no better" if new.name == "v2" else None

    strict = Following(following.registry, campaigns, following.versions, refusal)
    release.train("v2", ["a"])
    strict.look_after(T0)
    strict.look_after(T0)
    assert (served(), judged) == ("v1", [("v2", "v1")])
    release.train("v3", ["a"])
    strict.look_after(T0)
    assert (served(), judged[1:]) == ("v3", [("v3", "v1")])


def test_it_is_behind_until_it_was_told_of_the_newest_version(
    release: Release, served: Callable[[], str | None], following: Following
) -> None:
    served()
    assert not following.is_behind()
    release.train("v1", ["a"])
    assert following.is_behind()
    served()
    assert not following.is_behind()


def test_of_servers_that_look_at_the_same_time_one_asks_for_the_version(
    following: Following, release: Release, served: Callable[[], str | None], campaigns: Campaigns
) -> None:
    served()
    release.train("v1", ["a"])
    asked = []

    def refusal(_new: SolutionVersion, _live: SolutionVersion | None, _now: int) -> None:
        following.look_after(T0)  # the other server is faster
        asked.append(campaigns.get("recommender"))

    Following(following.registry, campaigns, following.versions, refusal).look_after(T0)
    (first,) = asked
    assert first.followed == "v1"
    assert campaigns.get("recommender") == first


def test_one_that_cannot_be_judged_is_tried_again_and_holds_up_no_other(
    registry: Registry,
    campaigns: Campaigns,
    following: Following,
    release: Release,
    served: Callable[[], str | None],
) -> None:
    served()
    release.train("v1", ["a"])
    registry.create(Campaign(name="other", solution="recommender", follows_latest=True), T0)
    judged = 0

    def refusal(_new: SolutionVersion, _live: SolutionVersion | None, _now: int) -> None:
        nonlocal judged
        judged += 1
        if judged == 1:
            raise CorruptArtefact("the disk lost it")

    strict = Following(registry, campaigns, following.versions, refusal)
    strict.look_after(T0)
    told = [campaigns.get(name).followed for name in ("recommender", "other")]
    assert sorted(told, key=str) == [None, "v1"]
    strict.look_after(T0)
    assert [campaigns.get(name).followed for name in ("recommender", "other")] == ["v1", "v1"]
