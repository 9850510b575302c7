"""Estimators of what another policy would have been worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.evaluation.off_policy.choices import Choices, Predictions, effective_sample
from pawsonalize.evaluation.off_policy.estimators import (
    doubly_robust,
    inverse_propensity,
    self_normalised,
    self_normalised_doubly_robust,
)
from pawsonalize.evaluation.off_policy.reward_model import PRIOR, mean_rewards, predict

SEEDS = st.integers(0, 10_000)


def choices(seed: int, rows: int = 50) -> Choices:
    dice = np.random.default_rng(seed)
    logged, target = dice.uniform(0.05, 1.0, (2, rows))
    return Choices(dice.normal(size=rows), logged, target, np.arange(rows) // 3)


def no_model(rows: int) -> Predictions:
    return Predictions(np.zeros(rows), np.zeros(rows))


@given(SEEDS)
def test_of_the_policy_that_served_every_estimate_is_the_plain_mean(seed: int) -> None:
    other = choices(seed)
    own = Choices(other.reward, other.logged, other.logged, other.answer)
    mean = pytest.approx(own.reward.mean())
    assert inverse_propensity(own).mean() == mean
    assert self_normalised(own).mean() == mean
    assert np.allclose(inverse_propensity(own), own.reward)
    constant = Predictions(np.full(50, 0.3), np.full(50, 0.3))
    assert doubly_robust(own, constant).mean() == mean
    assert self_normalised_doubly_robust(own, constant).mean() == mean
    assert effective_sample(own) == pytest.approx(50)


@given(SEEDS, st.floats(0.1, 0.9))
def test_propensities_all_too_high_by_a_factor_scale_ips_and_leave_snips(
    seed: int, factor: float
) -> None:
    right = choices(seed)
    wrong = Choices(right.reward, right.logged * factor, right.target, right.answer)
    assert inverse_propensity(wrong).mean() == pytest.approx(
        inverse_propensity(right).mean() / factor
    )
    assert self_normalised(wrong).mean() == pytest.approx(self_normalised(right).mean())
    assert effective_sample(wrong) == pytest.approx(effective_sample(right))


@given(SEEDS, st.floats(-5, 5))
def test_snips_moves_with_the_rewards_and_stays_in_their_range(seed: int, more: float) -> None:
    plain = choices(seed)
    moved = Choices(plain.reward + more, plain.logged, plain.target, plain.answer)
    value = self_normalised(plain).mean()
    assert self_normalised(moved).mean() == pytest.approx(value + more)
    assert plain.reward.min() <= value <= plain.reward.max()


@given(SEEDS)
def test_a_perfect_reward_model_leaves_no_chance_in_doubly_robust_estimates(seed: int) -> None:
    plain = choices(seed)
    perfect = Predictions(plain.reward, np.full(50, 0.7))
    assert np.allclose(doubly_robust(plain, perfect), 0.7)
    assert np.allclose(self_normalised_doubly_robust(plain, perfect), 0.7)


@given(SEEDS)
def test_without_a_model_doubly_robust_is_importance_weighting(seed: int) -> None:
    plain = choices(seed)
    assert np.array_equal(doubly_robust(plain, no_model(50)), inverse_propensity(plain))
    assert np.array_equal(
        self_normalised_doubly_robust(plain, no_model(50)), self_normalised(plain)
    )


def bandit(seed: int, rows: int) -> tuple[Choices, NDArray[np.int64], NDArray[np.float64], float]:
    """A log of three items, what was shown, the target policy, and its true value."""
    dice = np.random.default_rng(seed)
    logged, target = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    worth = np.array([0.1, 0.2, 0.4])
    item = dice.choice(3, rows, p=logged)
    reward = (dice.random(rows) < worth[item]).astype(np.float64)
    logs = Choices(reward, logged[item], target[item], np.arange(rows))
    return logs, item, target, float(target @ worth)


def test_estimates_are_right_on_average_where_the_plain_mean_is_not() -> None:
    found, plain = [], []
    for seed in range(300):
        logs, item, target, truth = bandit(seed, 300)
        place = np.zeros(300, np.int64)
        model = predict(item, place, logs.reward, logs.answer, target)
        found.append(
            [
                inverse_propensity(logs).mean(),
                doubly_robust(logs, model).mean(),
                self_normalised(logs).mean(),
                self_normalised_doubly_robust(logs, model).mean(),
            ]
        )
        plain.append(logs.reward.mean())
    errors = np.array(found) - truth
    deviation = errors.std(axis=0) / np.sqrt(len(errors))
    assert (np.abs(errors.mean(axis=0)) <= 4 * deviation + 0.002).all()
    assert abs(np.mean(plain) - truth) > 0.1
    assert errors[:, 1].std() < errors[:, 0].std(), "a reward model takes out variance"


def test_a_wrong_reward_model_does_no_harm_on_average() -> None:
    errors = []
    for seed in range(300):
        logs, item, target, truth = bandit(seed, 300)
        nonsense = np.array([0.9, 0.5, 0.0])
        model = Predictions(nonsense[item], np.full(300, target @ nonsense))
        errors.append(doubly_robust(logs, model).mean() - truth)
    assert abs(np.mean(errors)) <= 4 * np.std(errors) / np.sqrt(len(errors))


def test_mean_rewards_are_means_drawn_to_the_place() -> None:
    item, place = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    reward = np.array([1.0, 0.0, 0.0, 0.0])
    table = mean_rewards(item, place, reward, 3)
    assert table.shape == (3, 2)
    of_place = (1.0 + PRIOR * 0.25) / (2 + PRIOR)
    assert table[0, 0] == pytest.approx((1.0 + PRIOR * of_place) / (1 + PRIOR))
    assert table[2, 0] == pytest.approx(of_place), "an item nobody saw is worth what its place is"


def test_a_prediction_has_not_seen_its_own_answer() -> None:
    logs, item, target, _ = bandit(0, 40)
    place, answer = np.zeros(40, np.int64), np.arange(40) // 2
    before = predict(item, place, logs.reward, answer, target)
    reward = logs.reward.copy()
    reward[answer == 3] += 100
    after = predict(item, place, reward, answer, target)
    assert np.array_equal(before.chosen[answer == 3], after.chosen[answer == 3])
    assert not np.array_equal(before.chosen, after.chosen)
    rows = np.tile(target, (40, 1))
    assert np.allclose(predict(item, place, logs.reward, answer, rows).expected, before.expected)


@pytest.mark.parametrize(
    ("reward", "logged", "target", "answer"),
    [
        ([], [], [], []),
        ([1.0, 0.0], [0.5], [0.5], [0]),
        ([1.0], [0.0], [0.5], [0]),
        ([1.0], [1.1], [0.5], [0]),
        ([1.0], [0.5], [-0.1], [0]),
        ([1.0], [0.5], [np.nan], [0]),
        ([np.nan], [0.5], [0.5], [0]),
        ([1.0], [0.5], [0.5], [-1]),
    ],
)
def test_what_cannot_have_been_logged_is_refused(
    reward: list[float], logged: list[float], target: list[float], answer: list[int]
) -> None:
    with pytest.raises(InvalidInput):
        Choices(np.array(reward), np.array(logged), np.array(target), np.array(answer, np.int64))
