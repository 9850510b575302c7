"""Any tiny data train: seeded odd ones. `PAWSONALIZE_FUZZ=1000` tries that many of them."""

import os

import numpy as np
import pytest

from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationSettings,
)
from pawsonalize.testing.recipe_checks import NOW, training_data

HOW_MANY = int(os.environ.get("PAWSONALIZE_FUZZ", "40"))
TYPES = ("view", "favorite", "adoption", "something else")


def tiny(dice: np.random.Generator) -> TrainingData:
    """Few users, few items, some without any attribute, any spread of times."""
    n_items, n_users = int(dice.integers(1, 12)), int(dice.integers(1, 25))
    names = [
        f"{dice.integers(3)}-B{dice.integers(4)}-{dice.integers(3)}-{k}"
        if dice.random() < 0.8
        else f"thing {k}"
        for k in range(n_items)
    ]
    span = int(dice.choice([1, 1_000, 10**9, 10**12]))
    events = [
        (
            f"u{dice.integers(n_users)}",
            names[int(dice.integers(n_items) * dice.random())],
            NOW - int(dice.integers(span)),
            TYPES[int(dice.integers(len(TYPES)))],
        )
        for _ in range(int(dice.integers(0, 150)))
    ]
    return training_data(events, names)


def test_tiny_data_train_score_and_survive_storage(subtests: pytest.Subtests) -> None:
    for seed in range(HOW_MANY):
        with subtests.test(seed=seed):
            dice = np.random.default_rng(seed)
            data = tiny(dice)
            settings = UserPersonalizationSettings(
                min_requests=1, max_requests=40, trees=4, repeats=bool(dice.random() < 0.7)
            )
            model = UserPersonalization().fit(data, settings, seed)
            stored = UserPersonalization().load(model.card, model.arrays())
            for length in (0, 1, 5):
                items = [*data.item_ids, "1-Nowhere-1-1"]
                seen = tuple(
                    ContextEvent(
                        items[int(dice.integers(len(items)))], TYPES[place % 4], NOW - place
                    )
                    for place in range(length)
                )
                scores = model.score_catalogue(Context(seen, NOW))
                assert np.isfinite(scores).all()
                assert (scores >= 0).all()
                assert scores.sum() == pytest.approx(1, abs=1e-5)
                assert (stored.score_catalogue(Context(seen, NOW)) == scores).all()
