"""What a campaign serves, before, during and after an update."""

from dataclasses import replace
from pathlib import Path

import pytest
from pawsonalize.engine.live_model import LiveModel

from pawsonalize.app import attempt, follow_campaign
from pawsonalize.domain.errors import CorruptArtefact, InvalidInput, NotReady
from pawsonalize.engine.exposure import Exposure
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Context
from pawsonalize.storage.artefacts import LocalArtefacts
from pawsonalize.storage.base import Campaign, SolutionVersion
from pawsonalize.storage.sql import SqlCampaigns, SqlCatalogue, SqlEventLog
from tests.event_data import T0
from tests.recipe_data import training_data


class Release:
    """Puts versions into the campaign, one after the other."""

    def __init__(self, campaigns: SqlCampaigns, artefacts: LocalArtefacts) -> None:
        self._campaigns = campaigns
        self._artefacts = artefacts
        self._revision = 0

    def __call__(self, name: str, item: str, recipe: str = "popularity-count") -> None:
        fitted = recipe_named("popularity-count")
        model = fitted.fit(training_data([("ann", item, T0)]), fitted.settings(), 0)
        location = self._artefacts.save(name, model.card, model.arrays())
        self._campaigns.add_version(SolutionVersion(name, recipe, location, T0, 0, T0))
        self.point_at(name)

    def point_at(self, name: str) -> None:
        updated = Campaign("recommender", name, self._revision + 1, T0)
        assert self._campaigns.activate(updated, expected_revision=self._revision)
        self._revision += 1


@pytest.fixture
def release(campaigns: SqlCampaigns, artefacts: LocalArtefacts) -> Release:
    return Release(campaigns, artefacts)


@pytest.fixture
def live(campaigns: SqlCampaigns, artefacts: LocalArtefacts) -> LiveModel:
    return LiveModel("recommender", campaigns, artefacts)


def serves(live: LiveModel) -> tuple[str, tuple[str, ...]]:
    return live.current.version.solution_version, live.current.model.item_ids


def test_without_a_campaign_nothing_is_live(live: LiveModel) -> None:
    assert not live.refresh()
    assert not live.is_ready
    with pytest.raises(NotReady, match="pawsonalize train"):
        _ = live.current


def test_a_campaigns_version_is_loaded_once(live: LiveModel, release: Release) -> None:
    release("v1", "a")
    assert live.refresh()
    assert serves(live) == ("v1", ("a",))
    served = live.current
    assert not live.refresh()
    assert live.current is served


def test_an_update_swaps_the_model_and_who_holds_the_old_one_keeps_it(
    live: LiveModel, release: Release
) -> None:
    release("v1", "a")
    live.refresh()
    held = live.current
    release("v2", "b")
    assert live.refresh()
    assert serves(live) == ("v2", ("b",))
    assert held.model.score(Context((), T0), ["a"])[0] > 0
    release.point_at("v1")
    assert live.refresh(), "going back is an update like any other"
    assert serves(live) == ("v1", ("a",))


@pytest.mark.parametrize("file", ["card.json", "SHA256SUMS", "*.npy"])
def test_a_corrupt_new_artefact_keeps_the_old_one_serving(
    live: LiveModel, release: Release, tmp_path: Path, file: str
) -> None:
    release("v1", "a")
    live.refresh()
    release("v2", "b")
    next((tmp_path / "models" / "v2").glob(file)).write_bytes(b"\x93NUMPY")
    with pytest.raises(CorruptArtefact):
        live.refresh()
    assert serves(live) == ("v1", ("a",))
    release("v3", "c")
    assert live.refresh(), "a good one is taken again"


def test_a_model_that_is_not_what_its_version_says_is_not_served(
    live: LiveModel, release: Release
) -> None:
    release("v1", "a", recipe="user-personalization")
    with pytest.raises(CorruptArtefact):
        live.refresh()
    release("v2", "a", recipe="from the future")
    with pytest.raises(InvalidInput, match="no recipe from the future"):
        live.refresh()


def test_the_server_follows_on_whatever_a_refresh_runs_into(
    live: LiveModel, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    release("v1", "a")

    def fail(self: object, location: str) -> None:
        raise RuntimeError("nobody foresaw this")

    with monkeypatch.context() as patch:
        patch.setattr(LocalArtefacts, "load", fail)
        attempt(follow_campaign, live)
    attempt(follow_campaign, live)
    assert serves(live) == ("v1", ("a",))


def test_a_campaign_that_names_a_lost_version_is_a_corrupt_one(
    live: LiveModel, release: Release, campaigns: SqlCampaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    release("v1", "a")
    monkeypatch.setattr(campaigns, "version", lambda name: None)
    with pytest.raises(CorruptArtefact, match="v1 is not recorded"):
        live.refresh()
    assert replace(Campaign("recommender", "v1", 1, T0)) == campaigns.campaign("recommender")


def test_what_is_due_for_exploration_comes_with_the_model(
    campaigns: SqlCampaigns,
    artefacts: LocalArtefacts,
    release: Release,
    log: SqlEventLog,
    catalogue: SqlCatalogue,
) -> None:
    live = LiveModel("recommender", campaigns, artefacts, Exposure(log, catalogue, 65500))
    release("v1", "a")
    live.refresh()
    assert live.current.novelty is not None
    assert live.current.novelty.weights.shape == (1,)
    assert live.current.novelty.total > 0
