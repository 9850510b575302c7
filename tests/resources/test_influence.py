"""Popularity and freshness among similar items, as who serves them says."""

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes.contract import Model
from pawsonalize.models.recipes.similar_items import SimilarItems, SimilarItemsSettings
from pawsonalize.recommend.live_model import Loader, RefreshedCounts, ServingSettings
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.testing.recipe_checks import context, training_data
from tests.event_data import T0
from tests.releases import Release

ASKED, ALIKE, HIT = "2-Beagle-1-1", "2-Boxer-1-1", "2-Boxer-2-3"
EVENTS = [(f"user {number}", HIT, T0) for number in range(100)]


@pytest.fixture
def loader(registry: Registry, artefacts: ArtefactStore) -> Loader:
    """Of one version, v1, that was trained without any influence."""
    model = SimilarItems().fit(
        training_data(EVENTS, [ASKED, ALIKE, HIT]), SimilarItemsSettings(), 0
    )
    version = SolutionVersion(
        name="v1",
        solution="recommender",
        recipe="similar-items",
        cut=Cut(0, T0),
        status=Status.ACTIVE,
        artefact=artefacts.save("v1", model.card, model.arrays()),
    )
    registry.create(version, T0)
    return Loader(registry, artefacts)


def hit_is_first(model: Model) -> bool:
    alike, hit = model.score(context(ASKED), [ALIKE, HIT])
    return bool(hit > alike)


@pytest.mark.parametrize(("influence", "hit"), [(None, False), (0.0, False), (1.0, True)])
def test_a_version_is_served_with_the_influence_that_is_wanted(
    loader: Loader, influence: float | None, hit: bool
) -> None:
    served = loader.load("v1", ServingSettings(popularity_influence=influence), T0)
    assert hit_is_first(served.model) is hit


def test_its_folds_keep_the_influence(loader: Loader, artefacts: ArtefactStore) -> None:
    served = loader.load("v1", ServingSettings(popularity_influence=1.0), T0)
    counts = RefreshedCounts("v1", Cut(1, T0))
    artefacts.save(counts.location, served.model.card, served.model.arrays())
    refreshed = loader.refreshed(served, counts, T0)
    assert hit_is_first(refreshed.model)


def test_a_campaign_may_not_ask_for_influence_on_a_recipe_without(
    campaigns: Campaigns, release: Release
) -> None:
    before = release("v1", "a")
    with pytest.raises(InvalidInput, match="popularity-count has none"):
        campaigns.update("recommender", "v1", T0, freshness_influence=0.5)
    assert campaigns.get("recommender") == before
