"""Estimators of what another policy would have been worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.evaluation.off_policy import (
    Choices,
    doubly_robust,
    effective_sample,
    self_normalised,
)

SEEDS = st.integers(0, 10_000)


def choices(seed: int, rows: int = 50) -> Choices:
    dice = np.random.default_rng(seed)
    logged, target = dice.uniform(0.05, 1.0, (2, rows))
    return Choices(dice.normal(size=rows), logged, target, np.arange(rows) // 3)


@given(SEEDS)
def test_of_the_policy_that_served_the_estimate_is_the_plain_mean(seed: int) -> None:
    other = choices(seed)
    own = Choices(other.reward, other.logged, other.logged, other.answer)
    assert self_normalised(own).mean() == pytest.approx(own.reward.mean())
    assert effective_sample(own) == pytest.approx(50)


@given(SEEDS, st.floats(0.1, 0.9))
def test_propensities_all_too_high_by_a_factor_change_nothing(seed: int, factor: float) -> None:
    right = choices(seed)
    wrong = Choices(right.reward, right.logged * factor, right.target, right.answer)
    assert self_normalised(wrong).mean() == pytest.approx(self_normalised(right).mean())
    assert effective_sample(wrong) == pytest.approx(effective_sample(right))


@given(SEEDS, st.floats(-5, 5))
def test_snips_moves_with_the_rewards_and_stays_in_their_range(seed: int, more: float) -> None:
    plain = choices(seed)
    moved = Choices(plain.reward + more, plain.logged, plain.target, plain.answer)
    value = self_normalised(plain).mean()
    assert self_normalised(moved).mean() == pytest.approx(value + more)
    assert plain.reward.min() <= value <= plain.reward.max()


def bandit(seed: int, rows: int) -> tuple[Choices, float]:
    """A log of three items, asked for the value of another policy, and its true value."""
    dice = np.random.default_rng(seed)
    logged, target = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    worth = np.array([0.1, 0.2, 0.4])
    item = dice.choice(3, rows, p=logged)
    reward = (dice.random(rows) < worth[item]).astype(np.float64)
    return Choices(reward, logged[item], target[item], np.arange(rows)), float(target @ worth)


def test_the_estimate_is_right_on_average_where_the_plain_mean_is_not() -> None:
    found, plain = [], []
    for seed in range(300):
        logs, truth = bandit(seed, 300)
        found.append(self_normalised(logs).mean())
        plain.append(logs.reward.mean())
    errors = np.array(found) - truth
    assert abs(errors.mean()) <= 4 * errors.std() / np.sqrt(len(errors)) + 0.002
    assert abs(np.mean(plain) - truth) > 0.1


def test_doubly_robust_is_right_on_average_and_varies_less_than_ips() -> None:
    logged, worth = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.2, 0.8])
    by_ips, by_dr = [], []
    for seed in range(300):
        dice = np.random.default_rng(seed)
        item = dice.choice(3, 300, p=logged)
        wanted = dice.choice(3, 300, p=[0.1, 0.1, 0.8])  # by visitor; its truth is known
        reward = (dice.random(300) < worth[item]).astype(np.float64)
        target = (item == wanted).astype(np.float64)
        found = Choices(reward, logged[item], target, np.arange(300), item, wanted)
        by_ips.append((found.weights * reward).mean())
        by_dr.append(doubly_robust(found, item, wanted).mean())
    truth = 0.1 * 0.1 + 0.1 * 0.2 + 0.8 * 0.8
    for means in (np.array(by_ips), np.array(by_dr)):
        assert abs(means.mean() - truth) <= 4 * means.std() / np.sqrt(300)
    assert np.std(by_dr) < 0.8 * np.std(by_ips)


def test_what_cannot_have_been_logged_is_refused(subtests: pytest.Subtests) -> None:
    cases: list[tuple[list[float], list[float], list[float], list[int]]] = [
        ([], [], [], []),
        ([1.0, 0.0], [0.5], [0.5], [0]),
        ([1.0], [0.0], [0.5], [0]),
        ([1.0], [1.1], [0.5], [0]),
        ([1.0], [0.5], [-0.1], [0]),
        ([1.0], [0.5], [np.nan], [0]),
        ([np.nan], [0.5], [0.5], [0]),
        ([1.0], [0.5], [0.5], [-1]),
    ]
    for reward, logged, target, answer in cases:
        with (
            subtests.test(reward=reward, logged=logged, target=target),
            pytest.raises(InvalidInput),
        ):
            Choices(
                np.array(reward), np.array(logged), np.array(target), np.array(answer, np.int64)
            )
