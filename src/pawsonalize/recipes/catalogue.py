"""Every recipe by its name; a new one is one line here."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.recipes.contract import Model, Recipe
from pawsonalize.recipes.counts.counting import Countable
from pawsonalize.recipes.next_best_action import NextBestAction
from pawsonalize.recipes.popularity_count import PopularityCount
from pawsonalize.recipes.similar_items import SimilarItems
from pawsonalize.recipes.trending_now import TrendingNow
from pawsonalize.recipes.user_personalization import (
    PersonalizedRanking,
    UserPersonalization,
    UserPersonalizationModel,
)

RECIPES: Mapping[str, Recipe[Any]] = {
    PopularityCount.name: PopularityCount(),
    SimilarItems.name: SimilarItems(),
    TrendingNow.name: TrendingNow(),
    UserPersonalization.name: UserPersonalization(),
    PersonalizedRanking.name: PersonalizedRanking(),
    NextBestAction.name: NextBestAction(),
}


def recipe_named(name: str) -> Recipe[Any]:
    """The recipe of that name; InvalidInput lists the names there are."""
    recipe = RECIPES.get(name)
    if recipe is None:
        raise InvalidInput(
            f"there is no recipe {name}; there are {', '.join(RECIPES)}", field="recipe"
        )
    return recipe


def refreshed(model: Model, data: Countable) -> Model:
    """A model with the counts of a fit on `data`, bit for bit; this one stays as it is."""
    # All is counted again: sums that are only added to would drift from those of a training.
    # It has more than counts, which a refresh leaves as it was trained.
    if isinstance(model, UserPersonalizationModel):
        return model.refreshed(data)
    recipe = recipe_named(model.card.recipe)
    return recipe.fit(data, recipe.settings(**model.card.settings), model.card.seed)
