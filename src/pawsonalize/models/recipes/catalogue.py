"""Every recipe by its name: a built-in one is one line here, others are entry points."""

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint

from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.core.extensions import BrokenExtension, load_extensions
from pawsonalize.models.recipes import HTTP_SCORER, IMPORTED_SCORES, IMPORTED_SIMILAR_ITEMS
from pawsonalize.models.recipes.adapted import AdaptedRecipe
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.baselines.history import Attributes, OwnHistory, Random
from pawsonalize.models.recipes.baselines.matrices import EASE, ItemKNN, Transitions
from pawsonalize.models.recipes.contract import AnyRecipe, Model
from pawsonalize.models.recipes.counts.counting import Countable
from pawsonalize.models.recipes.data import Arrays
from pawsonalize.models.recipes.imported_scores import ImportedScores
from pawsonalize.models.recipes.next_best_action import NextBestAction
from pawsonalize.models.recipes.popularity_count import HttpScorer, PopularityCount
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
