"""Every recipe by its name; a new one is one line here."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.recipes.contract import Recipe
from pawsonalize.recipes.next_best_action import NextBestAction
from pawsonalize.recipes.popularity_count import PopularityCount
from pawsonalize.recipes.similar_items import SimilarItems
from pawsonalize.recipes.trending_now import TrendingNow
from pawsonalize.recipes.user_personalization import PersonalizedRanking, UserPersonalization

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
