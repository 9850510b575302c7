"""Test cases of the gate: a recommender ranks the whole catalogue, a re-ranker orders lists.

The log of an imported event does not say what else was on the page. So lists are drawn: the targets
of the test case, and other items by chance. Numbers on drawn lists say who orders a list better.
They are not those of a whole catalogue (Krichene & Rendle, "On Sampled Metrics", KDD 2020).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.training.evaluating.holdout import Holdout
from pawsonalize.evaluation.metrics import Ranker
from pawsonalize.recipes import (
    NEXT_BEST_ACTION,
    PERSONALIZED_RANKING,
    POPULARITY_COUNT,
    TRENDING_NOW,
)
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model

LIST_SIZE = 50
Lists = tuple[NDArray[np.int64], ...]
"""For each test case the listed candidates, as positions among all, rising."""


def draw_lists(holdout: Holdout, seed: int, size: int = LIST_SIZE) -> Lists:
    """A list for each test case: its targets, and others up to `size`, if there are so many."""
    n_items = len(holdout.training.item_ids)
    return tuple(
        _drawn(wanted[wanted >= 0], n_items, size, np.random.default_rng((seed, question)))
        for question, wanted in enumerate(holdout.targets)
    )


def ranked_lists(holdout: Holdout, model: Model, lists: Lists) -> Ranker:
    """The model's scores of the listed items, as in a re-ranking; -inf for all others."""
    ids = holdout.training.item_ids

    def scores(question: int) -> NDArray[np.floating]:
        listed = lists[question]
        given = model.score(holdout.contexts[question], [ids[item] for item in listed.tolist()])
        return _only(listed, given, len(ids))

    return scores


def within_lists(ranker: Ranker, lists: Lists) -> Ranker:
    """The ranker's scores of the listed items; -inf for all others."""

    def scores(question: int) -> NDArray[np.floating]:
        given = ranker(question)
        return _only(lists[question], given[lists[question]], len(given))

    return scores


def _drawn(
    wanted: NDArray[np.int64], n_items: int, size: int, dice: np.random.Generator
) -> NDArray[np.int64]:
    others = np.setdiff1d(np.arange(n_items), wanted)
    many = min(max(size - len(wanted), 0), len(others))
    return np.sort(np.concatenate([wanted, dice.choice(others, many, replace=False)]))


def _only(
    listed: NDArray[np.int64], given: NDArray[np.floating], n_items: int
) -> NDArray[np.float64]:
    scores = np.full(n_items, -np.inf)
    scores[listed] = given
    return scores


_SAME_FOR_EVERYBODY = frozenset({POPULARITY_COUNT, TRENDING_NOW})


def can_be_judged(recipe: str) -> bool:
    """Whether the gate can judge the recipe: its models rank for visitors with histories.

    Recipes for similar items and for actions answer something else.
    """
    return not recipe_named(recipe).needs_item and recipe != NEXT_BEST_ACTION


@dataclass(frozen=True, slots=True)
class GateQueries:
    """Makes rankers of models and of baselines, which all get the same test cases.

    `chooses`: the recipe chooses items for a visitor, so the spread of its choices tells something.
    `personal`: it should beat a ranking that is the same for every visitor.
    """

    of_model: Callable[[Model], Ranker]
    of_baseline: Callable[[Ranker], Ranker]
    chooses: bool
    personal: bool


def gate_queries(holdout: Holdout, recipe: str, seed: int) -> GateQueries:
    """Return the recipe's queries of the hold-out's test cases; the seed draws lists."""
    if recipe == PERSONALIZED_RANKING:
        lists = draw_lists(holdout, seed)
        return GateQueries(
            of_model=lambda model: ranked_lists(holdout, model, lists),
            of_baseline=lambda ranker: within_lists(ranker, lists),
            chooses=False,
            personal=True,
        )
    personal = recipe not in _SAME_FOR_EVERYBODY
    return GateQueries(holdout.ranker, lambda ranker: ranker, chooses=personal, personal=personal)
