"""Reasons are the weighty parts of a score, in words."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pytest

from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import Scores
from pawsonalize.recommend.animals.reasons import group_reasons
from pawsonalize.site.languages import languages, reason, speaking
from pawsonalize.testing.recipe_checks import training_data

ITEMS = ("2-Beagle-2-3", "2-Pug-1-3", "1-Siamese-1-1")


def said(parts: Mapping[str, Scores], seen: Sequence[ContextEvent] = ()) -> list[tuple[str, ...]]:
    """Return the reasons as the API says them; each language has words for them, too."""
    given = group_reasons(parts, seen)
    for tag in languages():
        with speaking(tag):
            assert all(map(reason, chain(*given)))
    return [tuple(map(str, reasons)) for reasons in given]


def test_the_weightiest_part_is_the_first_reason_and_light_ones_are_none() -> None:
    parts = {
        "related items": np.array([0.5, 0.1]),
        "popularity": np.array([0.4, 0.9]),
        "co-visits": np.array([0.1, 0.0]),
    }
    assert said(parts) == [("of a kind you look at", "popular now"), ("popular now",)]


def test_where_all_are_equally_popular_nobody_is_popular() -> None:
    flat = {"popularity": np.array([0.2, 0.2]), "freshness": np.array([0.0, 0.5])}
    assert said(flat) == [(), ("new here",)]


def test_nobody_who_only_picked_on_a_board_is_said_to_have_looked() -> None:
    parts = {"own history": np.ones(1), "related items": np.ones(1)}
    picked, viewed = ContextEvent(ITEMS[0], "pick", 0), ContextEvent(ITEMS[0], "view", 1)
    assert said(parts, [picked]) == [("you picked such an animal before", "of a kind you picked")]
    assert said(parts, [picked, viewed]) == said(parts)


def test_an_item_without_a_score_has_no_reason() -> None:
    assert said({"popularity": np.zeros(1)}) == [()]


def test_every_part_of_every_recipe_has_words(subtests: pytest.Subtests) -> None:
    for name in RECIPES:
        with subtests.test(name=name):
            recipe = RECIPES[name]
            data = training_data([("ann", item, n * DAY) for n, item in enumerate(ITEMS)])
            model = recipe.fit(data, recipe.settings(), 0)
            context = Context((ContextEvent(ITEMS[0], "view", 3 * DAY),), 3 * DAY)
            parts = model.contributions(context, ITEMS)
            assert parts
            for part in parts:
                assert all(said({part: np.ones(1)}))
