"""EASE as a signal of the ranker: there where order says nothing, and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.worlds import taste
from msgspec.structs import replace

from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.models.recipes.ease import SignedRows, choices, ease_weights
from pawsonalize.models.recipes.late_scipy import sparse
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationModel,
    UserPersonalizationSettings,
)
from pawsonalize.recommend.query import code_attributes
from pawsonalize.testing.recipe_checks import walks

SETTINGS = UserPersonalizationSettings(repeats=False, trees=5, candidates=20)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return taste(200, 80, 1).data.events


@pytest.fixture(scope="module")
def model(data: TrainingData) -> UserPersonalizationModel:
    return UserPersonalization().fit(data, SETTINGS, 3)


def visitor(data: TrainingData, *items: int) -> Context:
    at = data.as_of
    return Context(tuple(ContextEvent(data.item_ids[item], "view", at) for item in items), at)


def test_where_order_says_nothing_ease_is_a_signal(
    data: TrainingData, model: UserPersonalizationModel
) -> None:
    assert model.learned is not None
    assert model.learned.tables.ease is not None
    some = visitor(data, 3, 14, 15, 9, 2, 6)
    turned = replace(some, events=some.events[::-1])
    again = UserPersonalization().load(model.card, model.arrays())
    np.testing.assert_array_equal(again.score_catalogue(some), model.score_catalogue(some))
    assert not np.array_equal(model.score_catalogue(turned), model.score_catalogue(some))
    assert "co-visits" in model.contributions(some, data.item_ids[:5])


def test_a_log_of_one_moment_is_told_by_other_users(data: TrainingData) -> None:
    at_once = replace(data, time=np.full_like(data.time, data.as_of))
    model = UserPersonalization().fit(at_once, SETTINGS, 3)
    assert model.learned is not None
    assert model.learned.tables.ease is not None


def test_where_the_order_says_all_nothing_of_ease_is_kept() -> None:
    model = UserPersonalization().fit(walks(), replace(SETTINGS, repeats=True), 3)
    assert model.learned is not None
    assert model.learned.tables.ease is None
    assert not any("ease" in name for name in model.arrays())
    assert not any("ease" in name for name in model.learned.ranker.names)


def test_new_counts_leave_ease_as_it_was_learned_and_new_items_without(
    data: TrainingData, model: UserPersonalizationModel
) -> None:
    ids = ("a new one", *data.item_ids)
    fresh = model.refreshed(
        replace(data, item=data.item + 1, item_ids=ids, attributes=code_attributes(ids, {}))
    )
    assert model.learned is not None
    assert fresh.learned is not None
    before, after = model.learned.tables.ease, fresh.learned.tables.ease
    assert before is not None
    assert after is not None
    one = np.ones((1, 2))
    known = before.scores(np.array([3, 7]), one)
    place = [fresh.item_ids.index(item) for item in model.item_ids]
    np.testing.assert_array_equal(after.scores(np.take(place, [3, 7]), one)[:, place], known)
    assert not after.scores(np.array([fresh.item_ids.index("a new one")]), one[:, :1]).any()


def test_rows_that_keep_all_are_the_matrix_and_others_its_largest_values() -> None:
    dice = np.random.default_rng(0)
    had = choices(dice.integers(0, 50, 400), dice.integers(0, 12, 400), (50, 12))
    matrix = ease_weights(had, 5.0)
    items, weights = np.array([2, 7, 2]), np.array([[1.0, 1.0, 0.0], [0.5, 0.25, 2.0]])
    rows = SignedRows.of(sparse.csr_array(matrix), 12)
    np.testing.assert_allclose(rows.scores(items, weights), weights @ matrix[items], atol=1e-6)
    few = SignedRows.of(sparse.csr_array(matrix), 3)
    kept = np.flatnonzero(few.scores(np.array([4]), np.ones((1, 1)))[0])
    assert set(kept) == set(np.argsort(-np.abs(matrix[4]))[:3])


def test_any_number_of_threads_solves_it_to_the_same_bytes() -> None:
    code = (
        "from hashlib import sha256;"
        "from tests.models.recipes.test_ease_signal import *;"
        "log = taste(200, 80, 1).data.events;"
        "rows = UserPersonalization().fit(log, SETTINGS, 3).learned.tables.ease;"
        "print(sha256(rows.values.tobytes() + rows.columns.tobytes()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1
