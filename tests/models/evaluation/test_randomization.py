"""The randomization test: a lead between equals is chance, one that all users agree on is not."""

import numpy as np
import pytest

from pawsonalize.models.evaluation.intervals import chance_of_lead


def test_few_users_cannot_show_a_lead_and_more_can() -> None:
    nothing = np.zeros(100)
    for differing, expected in ((1, 1 / 2), (4, 1 / 16), (7, 1 / 128)):
        ours = nothing.copy()
        ours[:differing] = 0.5
        assert chance_of_lead(ours, nothing, 0) == pytest.approx(expected, abs=0.02)


def test_no_difference_is_all_chance_and_a_deficit_nearly_so() -> None:
    same = np.random.default_rng(0).random(50)
    assert chance_of_lead(same, same, 0) == 1
    assert chance_of_lead(same - 0.1, same, 0) == 1


def test_between_equals_every_chance_is_as_likely_as_another() -> None:
    dice = np.random.default_rng(4)
    found = np.array(
        [chance_of_lead(dice.random(30), dice.random(30), seed) for seed in range(300)]
    )
    assert 0.005 <= (found <= 0.025).mean() <= 0.05
    assert 0.42 <= (found <= 0.5).mean() <= 0.58


def test_the_same_seed_gives_the_same_chance() -> None:
    dice = np.random.default_rng(4)
    ours, theirs = dice.random(30), dice.random(30)
    assert chance_of_lead(ours, theirs, 1) == chance_of_lead(ours, theirs, 1)
