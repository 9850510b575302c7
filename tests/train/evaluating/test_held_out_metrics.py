"""The metrics of a solution version, measured while it is trained."""

import numpy as np
import pytest

from pawsonalize.models.recipes.popularity_count import PopularityCount
from pawsonalize.models.recipes.user_personalization import UserPersonalization
from pawsonalize.testing.recipe_checks import NOW, training_data
from pawsonalize.train.evaluator import EvaluationOrder, evaluate_data
from pawsonalize.train.holdout import SplitName
from pawsonalize.train.trainer import held_out_metrics
from tests.train.evaluating.test_evaluator import ranker, walks


def test_they_are_those_of_an_evaluation_on_amazons_split() -> None:
    data = walks(users=60)
    born = np.zeros(len(data.item_ids), np.int64)
    recipe = PopularityCount()
    metrics = held_out_metrics(data, born, recipe, recipe.settings(), 3).metrics
    order = EvaluationOrder(recipe.name, NOW, {}, seed=3, splits=(SplitName.PERSONALIZE,))
    report = ranker(evaluate_data(data, born, order).splits[0], recipe.name)
    assert metrics["coverage"] == report.coverage
    for name, measured in report.metrics.items():
        assert metrics[name] == pytest.approx(measured.mean)


def test_those_of_user_personalization_tell_of_segments_of_the_test_users_too() -> None:
    # Ten sorts of users, who come back to their own item: the best user of an item has chosen it.
    data = training_data(
        (f"u{user}", f"2-B{user % 10}-1-1", NOW - at) for user in range(100) for at in (2, 1)
    )
    recipe = UserPersonalization()
    born = np.zeros(len(data.item_ids), np.int64)
    metrics = held_out_metrics(data, born, recipe, recipe.settings(learn=False), 3).metrics
    assert metrics["segment_hit"] == pytest.approx(1)
    assert 0 < metrics["segment_recall"] <= 1
    assert metrics["segment_coverage"] > 0


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "no events"),
        ([("ann", "2-Pug-1-1", NOW)], "no user has two events"),
        ([("ann", "2-Pug-1-1", NOW), ("ann", "2-Pug-1-1", NOW)], "too few"),
    ],
)
def test_where_no_user_can_be_tested_there_are_none_and_a_reason(
    rows: list[tuple[str, str, int]], why: str
) -> None:
    recipe = PopularityCount()
    data = training_data(rows, ["2-Pug-1-1"])
    born = np.zeros(len(data.item_ids), np.int64)
    measured = held_out_metrics(data, born, recipe, recipe.settings(), 0)
    assert measured.metrics == {}
    assert why in measured.why_not
