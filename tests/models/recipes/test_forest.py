"""Boosted trees as a table of splits: the answers are LightGBM's."""

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes.learned.engine import Forest

_LEAF = {"leaf_value": 0.5}


def grown(leaves: int, **params: Any) -> tuple[lgb.Booster, np.ndarray]:
    dice = np.random.default_rng(0)
    x = dice.normal(size=(3_000, 5)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1])  # many rows lie on a bound, many are 0
    y = np.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2]
    params = {"num_leaves": leaves, "min_data_in_leaf": 5, "verbosity": -1, **params}
    return lgb.train(params, lgb.Dataset(x, y), 20), x


def test_the_sums_are_lightgbms_bit_for_bit(subtests: pytest.Subtests) -> None:
    for leaves in [2, 8, 15, 16, 31, 64]:
        with subtests.test(leaves=leaves):
            booster, x = grown(leaves)
            found = Forest.of(booster.dump_model()).predict(x)
            np.testing.assert_array_equal(found, booster.predict(x, num_threads=1))


def test_trees_without_a_split_add_what_their_leaves_are_worth() -> None:
    forest = Forest.of({"tree_info": [{"tree_structure": _LEAF}] * 2})
    np.testing.assert_array_equal(forest.predict(np.zeros((3, 4), np.float32)), [1.0] * 3)


def test_no_trees_add_nothing() -> None:
    assert not Forest.of({"tree_info": []}).predict(np.zeros((3, 4), np.float32)).any()


def test_a_tree_with_more_leaves_than_a_word_has_bits_is_refused() -> None:
    with pytest.raises(CorruptArtefact, match="65 leaves"):
        Forest.of(grown(65, max_depth=-1)[0].dump_model())


def test_a_split_by_category_is_refused() -> None:
    split = {"split_feature": 0, "threshold": "1||2", "decision_type": "=="}
    root = {**split, "left_child": _LEAF, "right_child": _LEAF}
    with pytest.raises(CorruptArtefact, match="by size"):
        Forest.of({"tree_info": [{"tree_structure": root}]})
