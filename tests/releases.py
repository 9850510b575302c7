"""Versions to put into a campaign, without training."""

from collections.abc import Sequence

from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.testing.recipe_checks import training_data
from tests.event_data import T0


class Release:
    """Makes versions over given items, and asks the campaign for them.

    The model is one of popularity, or `fitted` by another recipe.
    """

    def __init__(self, registry: Registry, campaigns: Campaigns, artefacts: ArtefactStore) -> None:
        self._registry = registry
        self._campaigns = campaigns
        self._artefacts = artefacts

    def __call__(
        self, name: str, *items: str, recipe: str = "popularity-count", fitted: str = ""
    ) -> Campaign:
        self.train(name, items, fitted or recipe, fitted)
        return self.ask_for(name)

    def train(
        self, name: str, items: Sequence[str], recipe: str = "popularity-count", fitted: str = ""
    ) -> None:
        by = recipe_named(fitted or "popularity-count")
        events = [("ann", item, T0) for item in items]
        model = by.fit(training_data(events), by.settings(), 0)
        version = SolutionVersion(
            name=name,
            solution="recommender",
            recipe=recipe,
            cut=Cut(0, T0),
            status=Status.ACTIVE,
            artefact=self._artefacts.save(name, model.card, model.arrays()),
        )
        self._registry.create(version, T0)

    def ask_for(self, name: str) -> Campaign:
        return self._campaigns.update("recommender", name, T0)
