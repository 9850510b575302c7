import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes.baselines import (
    EASE,
    MOST_ITEMS,
    EASESettings,
    HistoryModel,
    ItemKNN,
    ItemKNNSettings,
    Transitions,
    TransitionsSettings,
)
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.testing.recipe_checks import (
    DAY,
    GROUPS,
    NOW,
    RecipeChecks,
    context,
    described,
    training_data,
)


class BaselineChecks(RecipeChecks):
    """Baselines know nothing of what is outside their catalogue."""

    related = False

    def test_what_the_visitor_had_is_left_out_as_the_setting_says(self) -> None:
        events = [(user, item, NOW) for user in "uvw" for item in GROUPS[:5]]
        once, again = training_data(events, GROUPS), training_data(events * 2, GROUPS)
        visitor = context(GROUPS[0], GROUPS[2])
        for data, unseen, left_out in (
            (once, None, True),
            (again, None, False),
            (once, False, False),
            (again, True, True),
        ):
            model = self.recipe.fit(data, self.recipe.settings(unseen=unseen), 0)
            scores = model.score_catalogue(visitor)
            assert (scores[[0, 2]] == 0).all() == left_out, (unseen, left_out)
            assert (scores[1:2] > 0).all()
            assert (model.score_catalogue(context(*GROUPS)) > 0).all()  # there is nothing else


class TestRandom(BaselineChecks):
    recipe = RECIPES["random"]
    personal = False

    def test_an_unknown_visitor_gets_the_popular_first(self) -> None:
        """Not here: nobody is first but by chance, and for each visitor another one."""
        model = self.fitted()
        first = {int(model.score_catalogue(Context((), NOW + k)).argmax()) for k in range(40)}
        assert len(first) > 10


class TestOwnHistory(BaselineChecks):
    recipe = RECIPES["own-history"]
    personal = False  # the checkerboard's right answer is the one item that a visitor did not have


class TestAttributes(BaselineChecks):
    recipe = RECIPES["attributes"]
    personal = False  # the checkerboard's items have none


class TestItemKNN(BaselineChecks):
    recipe = RECIPES["item-knn"]


class TestEASE(BaselineChecks):
    recipe = RECIPES["ease"]


class TestTransitions(BaselineChecks):
    recipe = RECIPES["item-transitions"]


def taste(repeats: bool = True) -> TrainingData:
    """40 users, who each had some of 30 items, at random; some of them twice."""
    dice = np.random.default_rng(3)
    events = [
        (f"u{user}", f"i{item}", NOW - DAY + 1000 * place)
        for user in range(40)
        for place, item in enumerate(dice.choice(30, 8, replace=repeats).tolist())
    ]
    return training_data(events, [f"i{item}" for item in range(30)])


VISITORS = (("i3", "i7", "i3", "gone", "i29"), ("i0",), ("i5", "i6", "i7", "i8", "i9"))


def raw(model: HistoryModel, items: tuple[str, ...]) -> NDArray[Any]:
    asked = context(*items)
    scores, weights = model.weigh(*model._asked(asked)), model.score_catalogue(asked)
    # The order of weights is that of raw scores.
    clear = np.flatnonzero(np.diff(np.sort(scores)) > 1e-6)
    assert (np.diff(weights[np.argsort(scores)])[clear] > 0).all()
    assert len(clear) > 3
    return scores


def matrix(data: TrainingData) -> NDArray[np.float64]:
    chosen = np.zeros((data.n_users, len(data.item_ids)))
    chosen[data.user, data.item] = 1
    return chosen


def test_ease_is_the_ridge_regression_of_each_item_on_all_others() -> None:
    # Steck, "Embarrassingly Shallow Autoencoders" (WWW 2019): column j minimises
    # |x_j - X b|² + λ|b|² with b_j = 0. Here each is solved by itself, without an inverse.
    data, penalty = taste(), 12.5
    model = EASE().fit(data, EASESettings(unseen=False, regularisation=penalty), 0)
    chosen = matrix(data)
    table = np.zeros((30, 30))
    for item in range(30):
        others = np.arange(30) != item
        rest = chosen[:, others]
        table[others, item] = np.linalg.solve(
            rest.T @ rest + penalty * np.eye(29), rest.T @ chosen[:, item]
        )
    for items in VISITORS:
        mine = [int(item[1:]) for item in set(items) - {"gone"}]
        np.testing.assert_allclose(raw(model, items), table[mine].sum(axis=0), rtol=0, atol=1e-6)


def test_item_knn_adds_the_cosines_of_the_nearest_neighbours() -> None:
    data = taste()
    settings = ItemKNNSettings(unseen=False, neighbours=5, shrinkage=2.0)
    model = ItemKNN().fit(data, settings, 0)
    users = [set(data.user[data.item == item].tolist()) for item in range(30)]

    def cosine(one: int, other: int) -> float:
        if one == other:
            return 0.0
        together = len(users[one] & users[other])
        return together / (math.sqrt(len(users[one]) * len(users[other])) + 2.0)

    for items in VISITORS:
        expected = [0.0] * 30
        for item in {int(item[1:]) for item in items if item != "gone"}:
            # The most alike; among equals the first.
            nearest = sorted(range(30), key=lambda other: (-cosine(item, other), other))
            for other in nearest[:5]:
                expected[other] += cosine(item, other)
        np.testing.assert_allclose(raw(model, items), expected, rtol=0, atol=1e-6)


def test_transitions_add_the_faded_steps_from_the_visitors_items() -> None:
    data = taste()
    settings = TransitionsSettings(
        unseen=False, window=3, gap_decay=0.5, back=0.25, row_power=1.0, history_fade=0.5
    )
    model = Transitions().fit(data, settings, 0)
    steps = np.zeros((30, 30))
    for user in range(data.n_users):
        visits: list[int] = []
        for item in data.item[data.user == user].tolist():
            if visits[-1:] != [item]:
                visits.append(item)
        for place, item in enumerate(visits):
            for gap in (1, 2, 3):
                if place >= gap and visits[place - gap] != item:
                    steps[visits[place - gap], item] += 0.5 ** (gap - 1)
    both = steps + 0.25 * steps.T
    both /= both.sum(axis=1, keepdims=True)
    for items in VISITORS:
        mine = list(dict.fromkeys(int(item[1:]) for item in items if item != "gone"))
        expected = sum(0.5**place * both[item] for place, item in enumerate(mine))
        np.testing.assert_allclose(raw(model, items), expected, rtol=0, atol=1e-6)


def test_own_history_comes_back_newest_first_before_what_is_popular() -> None:
    model = RECIPES["own-history"].fit(taste(), RECIPES["own-history"].settings(unseen=False), 0)
    order = np.argsort(-model.score_catalogue(context("i4", "i1", "i4", "i9")))[:4]
    popular = int(np.argmax(np.where(np.isin(np.arange(30), [4, 1, 9]), 0, matrix(taste()).sum(0))))
    assert order.tolist() == [4, 1, 9, popular]
    own, others = model.contributions(context("i4"), ["i4", "i1"])["own history"]
    assert own > others == 0  # nobody is told that they looked at what they did not


def test_attributes_count_what_items_have_in_common_with_the_visitors() -> None:
    about = described([["cat", "old"], ["cat", "young"], ["dog", "old"]], ("kind", "age"))
    data = training_data([("u", "a", NOW)], ["a", "b", "c"], about)
    model = RECIPES["attributes"].fit(data, RECIPES["attributes"].settings(), 0)
    assert isinstance(model, HistoryModel)
    assert model.weigh(np.array([0, 1]), 0).tolist() == [3, 3, 1]


def test_ease_refuses_a_catalogue_that_is_too_large_and_names_another_recipe() -> None:
    data = training_data([("u", "i0", NOW)], [f"i{item}" for item in range(MOST_ITEMS + 1)])
    with pytest.raises(InvalidInput, match=r"up to 10,000 items.*there are 10,001: take item-knn"):
        EASE().fit(data, EASESettings(), 0)
