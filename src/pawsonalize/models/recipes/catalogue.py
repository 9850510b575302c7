"""Every recipe by its name: a built-in one is one line here, others are entry points."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np

from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.core.extensions import BrokenExtension, load_extensions
from pawsonalize.models.recipes import HTTP_SCORER, IMPORTED_SCORES, IMPORTED_SIMILAR_ITEMS
from pawsonalize.models.recipes.artefact import ModelCard, make_card, read_card
from pawsonalize.models.recipes.baselines import (
    EASE,
    Attributes,
    ItemKNN,
    OwnHistory,
    Random,
    Transitions,
)
from pawsonalize.models.recipes.contract import AnyRecipe, Context, Model
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.data import Array, Arrays, Floats
from pawsonalize.models.recipes.imported_scores import ImportedScores
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.next_best_action import NextBestAction
from pawsonalize.models.recipes.popularity_count import HttpScorer, PopularityCount
from pawsonalize.models.recipes.settings import RecipeSettings
from pawsonalize.models.recipes.similar_items import SimilarItems
from pawsonalize.models.recipes.trending_now import TrendingNow
from pawsonalize.models.recipes.user_personalization import (
    PersonalizedRanking,
    UserPersonalization,
    UserPersonalizationModel,
)

RECIPES: Mapping[str, AnyRecipe] = {
    PopularityCount.name: PopularityCount(),
    SimilarItems.name: SimilarItems(),
    TrendingNow.name: TrendingNow(),
    UserPersonalization.name: UserPersonalization(),
    PersonalizedRanking.name: PersonalizedRanking(),
    NextBestAction.name: NextBestAction(),
    Random.name: Random(),
    OwnHistory.name: OwnHistory(),
    Attributes.name: Attributes(),
    ItemKNN.name: ItemKNN(),
    EASE.name: EASE(),
    Transitions.name: Transitions(),
}
BROUGHT: Mapping[str, AnyRecipe] = {
    IMPORTED_SCORES: ImportedScores(),
    IMPORTED_SIMILAR_ITEMS: ImportedScores(IMPORTED_SIMILAR_ITEMS, needs_item=True),
    HTTP_SCORER: HttpScorer(),
}
"""Recipes of models that were trained elsewhere: fits need what a version was trained with."""


GROUP = "pawsonalize.recipes"
"""The entry points of recipes that other distributions bring."""


def recipe_named(name: str) -> AnyRecipe:
    """The recipe of that name; InvalidInput lists the names there are."""
    recipe = all_recipes().get(name)
    if recipe is None:
        there_are = ", ".join(all_recipes())
        broken = "".join(f"; {one}" for one in broken_recipes() if one.name == name)
        raise InvalidInput(
            f"there is no recipe {name}; there are {there_are}{broken}", field="recipe"
        )
    return recipe


def all_recipes() -> Mapping[str, AnyRecipe]:
    """Return the recipes that solutions may have, by their names: ours first."""
    return {**RECIPES, **BROUGHT, **other_recipes()}


def docstring(recipe: AnyRecipe) -> str:
    """What a recipe says of itself, its first line in one sentence; empty if it says nothing."""
    return inspect.getdoc(getattr(recipe, "kind", type(recipe))) or ""


def recipe_of(model: Model) -> AnyRecipe:
    """The recipe of a model, with what it was trained with elsewhere, if it was."""
    recipe: AnyRecipe | None = getattr(model, "recipe", None)
    return recipe or recipe_named(model.card.recipe)


def rebuild_model(recipe: str, card: ModelCard, arrays: Arrays) -> Model:
    """Rebuild a stored model; CorruptArtefact if it does not fit, or its recipe is gone."""
    try:
        return recipe_named(recipe).load(card, arrays)
    except InvalidInput as error:
        raise CorruptArtefact(f"{error}: install again what brings it") from error


def other_recipes() -> Mapping[str, AnyRecipe]:
    """Return the recipes of other distributions, by their names."""
    return _others()[0]


def broken_recipes() -> Sequence[BrokenExtension]:
    """Return the recipes of other distributions that did not load."""
    return _others()[1]


@cache
def _others() -> tuple[dict[str, AnyRecipe], tuple[BrokenExtension, ...]]:
    def load(entry: EntryPoint) -> AnyRecipe:
        kind = entry.load()
        # A plain class has no settings and needs no name.
        is_plain = not hasattr(kind, "settings")
        recipe: AnyRecipe = AdaptedRecipe(kind, entry.name) if is_plain else kind()
        if recipe.name != entry.name or recipe.name in {*RECIPES, *BROUGHT}:
            raise ValueError(
                f"its name is {recipe.name!r}: it must be that of its entry point, and no built-in"
                " recipe's"
            )
        recipe.settings()  # what runs without any given
        return recipe

    return load_extensions(GROUP, load)


def refreshed(model: Model, data: Countable) -> Model:
    """A model with the counts of a fit on `data`, bit for bit; this one stays as it is."""
    # All is counted again: sums that are only added to would drift from those of a training.
    # It has more than counts, which a refresh leaves as it was trained.
    if isinstance(model, UserPersonalizationModel):
        return model.refreshed(data)
    recipe = recipe_of(model)
    return recipe.fit(data, recipe.settings(**model.card.settings), model.card.seed)


_OWN = "own."
_ALL = 1 << 62


@dataclass(frozen=True)
class AdaptedRecipe:
    """The recipe of a plain class; one with `arrays()` and `load(arrays)` can be stored."""

    kind: type[Any]
    name: str
    needs_item: bool = False
    settings = RecipeSettings  # none

    def fit(self, data: Countable, settings: RecipeSettings, seed: int) -> "AdaptedModel":
        """Fit an instance on all events; the seed only goes on the card."""
        counts = counts_of(data)
        events, fitted = counts.sample(_ALL), self.kind()
        fitted.fit(events)
        card = make_card(self.name, 1, settings, seed, counts.summary.fingerprint)
        return AdaptedModel(card, ItemIndex.build(events.item_ids, events.attributes), fitted)

    def load(self, card: ModelCard, arrays: Arrays) -> "AdaptedModel":
        """Rebuild by the class's own `load`; CorruptArtefact when it does not fit."""
        read_card(card, self.name, 1, self.settings)
        own = {k.removeprefix(_OWN): array for k, array in arrays.items() if k.startswith(_OWN)}
        return AdaptedModel.from_arrays(arrays, card=card, fitted=self.kind.load(own))


class AdaptedModel(IndexedModel, frozen=True, dict=True):
    """A fitted instance; its scores are weights, whatever they sum to."""

    fitted: Any

    def score_catalogue(self, context: Context) -> Floats:
        """Its scores of the catalogue, which sum to 1."""
        scores = self._scores(context, self.item_ids)
        return np.asarray(scores / (scores.sum() or 1.0))

    def score(self, context: Context, items: Sequence[str]) -> Floats:
        """Its scores of any ids, on the same scale."""
        whole = self._scores(context, self.item_ids).sum() or 1.0
        return np.asarray(self._scores(context, items) / whole)

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Floats]:
        """It does not say why: its score is all there is."""
        return {self.card.recipe: self.score(context, items)}

    def arrays(self) -> dict[str, Array]:
        """Its own arrays, and the catalogue; InvalidInput if it has none."""
        kind = type(self.fitted)
        if not (hasattr(kind, "arrays") and hasattr(kind, "load")):
            raise InvalidInput(
                f"{kind.__name__} can be compared but not stored: give it arrays(), which returns"
                " NumPy arrays by name, and a class method load(arrays)",
                field="recipe",
            )
        own = {_OWN + name: np.asarray(one) for name, one in self.fitted.arrays().items()}
        return {**super().arrays(), **own}

    def _scores(self, context: Context, items: Sequence[str]) -> Floats:
        return scores_of(self.fitted, self.card.recipe, context, items)


def scores_of(fitted: Any, name: str, context: Context, items: Sequence[str]) -> Floats:
    """Ask a plain class for any numbers but NaN, one an item; ValueError if it gives others.

    A comparison orders by them. A service shares out places by them: there they are at least 0.
    """
    scores = np.asarray(fitted.score(context, items), np.float64)
    if scores.shape == (len(items),) and not np.isnan(scores).any():
        return scores
    raise ValueError(
        f"{name} gives scores of shape {scores.shape} for {len(items)} items,"
        f" {np.isnan(scores).sum()} of them NaN"
    )
