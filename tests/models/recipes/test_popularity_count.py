from typing import Any

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.popularity_count import PopularityCount, PopularityCountSettings
from pawsonalize.testing.recipe_checks import DAY, NOW, RecipeChecks, context, training_data


class TestPopularityCount(RecipeChecks):
    recipe = RECIPES["popularity-count"]
    personal = False


def shares(*events: tuple[str, str, int], half_life: float = 30.0) -> dict[str, float]:
    model = PopularityCount().fit(
        training_data(events), PopularityCountSettings(half_life_days=half_life), 0
    )
    return dict(zip(model.item_ids, model.score_catalogue(Context((), NOW)).tolist(), strict=True))


def test_a_user_counts_once_however_often_they_come_back() -> None:
    again = [("u", "loved by one", NOW)] * 9
    found = shares(*again, ("v", "liked by two", NOW), ("w", "liked by two", NOW))
    assert found["liked by two"] > found["loved by one"]


def test_a_choice_one_half_life_ago_counts_half() -> None:
    busy = [("someone", "busy", NOW - day * DAY) for day in range(31)]
    old = [(user, "old", NOW - 30 * DAY) for user in "uv"]
    found = shares(*old, ("w", "new", NOW), *busy)
    assert found["old"] == pytest.approx(found["new"], rel=1e-6)


def test_of_a_users_visits_the_newest_decides() -> None:
    found = shares(("u", "a", NOW - 300 * DAY), ("u", "a", NOW), ("v", "b", NOW))
    assert found["a"] == pytest.approx(found["b"], rel=1e-6)


def test_users_decide_the_order_whatever_the_breed() -> None:
    many = [(f"u{user}", "2-Boxer-1-1", NOW) for user in range(500)]
    found = shares(
        *many, ("a", "2-Boxer-1-2", NOW), ("a", "1-Manx-1-1", NOW), ("b", "1-Manx-1-1", NOW)
    )
    assert found["2-Boxer-1-1"] > found["1-Manx-1-1"] > found["2-Boxer-1-2"]


def test_an_unknown_group_of_a_popular_breed_comes_before_one_of_a_rare_breed() -> None:
    many = [(f"u{user}", "2-Boxer-1-1", NOW) for user in range(50)]
    model = PopularityCount().fit(
        training_data([*many, ("u0", "2-Pug-1-1", NOW)]), PopularityCountSettings(), 0
    )
    boxer, pug, seen = model.score(context(), ["2-Boxer-3-3", "2-Pug-3-3", "2-Pug-1-1"])
    assert seen > boxer > pug > 0


def test_a_setting_without_sense_is_refused_by_name(subtests: pytest.Subtests) -> None:
    for name in ["half_life_days", "smoothing"]:
        for value in [0, -1, float("nan"), float("inf")]:
            with subtests.test(name=name, value=value), pytest.raises(InvalidInput, match=name):
                PopularityCountSettings(**dict[str, Any]({name: value}))


def test_popularity_of_unseen_items_leaves_out_what_the_visitor_had() -> None:
    events = [(f"u{user}", item, NOW) for user in range(4) for item in ("a", "b", "c")[: user + 1]]
    model = PopularityCount().fit(training_data(events), PopularityCountSettings(unseen=True), 0)
    a, b, c = model.score_catalogue(context("a", "gone"))
    assert a == 0
    assert b > c > 0
    assert b + c == pytest.approx(1)
    assert (model.score_catalogue(context("c", "b", "a")) > 0).all()  # there is nothing else
