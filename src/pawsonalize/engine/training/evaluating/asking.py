"""How the gate asks: a recommender for the whole catalogue, a re-ranker for the order of a list."""

from collections.abc import Callable
from dataclasses import dataclass

from pawsonalize.engine.training.evaluating.holdout import Holdout
from pawsonalize.engine.training.evaluating.lists import draw_lists, ranked_lists, within_lists
from pawsonalize.evaluation.judging import Ranker
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model
from pawsonalize.recipes.next_best_action import NextBestAction
from pawsonalize.recipes.personalized_ranking import PersonalizedRanking
from pawsonalize.recipes.popularity_count import PopularityCount
from pawsonalize.recipes.trending_now import TrendingNow

_SAME_FOR_EVERYBODY = frozenset({PopularityCount.name, TrendingNow.name})


def has_questions(recipe: str) -> bool:
    """Whether the gate can judge a version of the recipe: it knows visitors with histories.

    What is like an item, and which action is best, are other questions.
    """
    return not recipe_named(recipe).needs_item and recipe != NextBestAction.name


@dataclass(frozen=True, slots=True)
class Asking:
    """Makes rankers of models and of baselines, all asked the same.

    `chooses` says whether the recipe chooses items for a visitor, so that their spread tells
    something; `personal` whether it can be expected to beat what is the same for everybody.
    """

    of_model: Callable[[Model], Ranker]
    of_baseline: Callable[[Ranker], Ranker]
    chooses: bool
    personal: bool


def asking(holdout: Holdout, recipe: str, seed: int) -> Asking:
    """How versions of the recipe are asked the hold-out's questions; the seed draws lists."""
    if recipe == PersonalizedRanking.name:
        lists = draw_lists(holdout, seed)
        return Asking(
            of_model=lambda model: ranked_lists(holdout, model, lists),
            of_baseline=lambda ranker: within_lists(ranker, lists),
            chooses=False,
            personal=True,
        )
    personal = recipe not in _SAME_FOR_EVERYBODY
    return Asking(holdout.ranker, lambda ranker: ranker, chooses=personal, personal=personal)
