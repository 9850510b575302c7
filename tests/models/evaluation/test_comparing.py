"""Intervals, slices, calibration, controls and baselines."""

import numpy as np
import pytest

from pawsonalize.models.evaluation.intervals import intervals, paired_differences
from pawsonalize.models.evaluation.metrics import calibration
from pawsonalize.models.evaluation.splits import (
    by_attributes,
    by_chance,
    by_own_history,
    by_value,
    popularity_shares,
    shuffled_order,
)

NOBODY = np.zeros(0, np.int64)


def test_an_interval_holds_the_true_mean_about_95_times_in_100() -> None:
    dice = np.random.default_rng(2)
    samples = dice.random((100, 200))  # 200 times 100 users
    found = intervals(samples, seed=1)
    held = sum(one.low <= 0.5 <= one.high for one in found)
    assert 180 <= held <= 199
    assert all(one.low <= one.mean <= one.high for one in found)


def test_the_same_seed_draws_the_same_interval() -> None:
    values = np.random.default_rng(0).random((50, 3))
    assert intervals(values, 4) == intervals(values, 4)
    assert intervals(values, 4) != intervals(values, 5)
    assert len(intervals(values, 4)) == 3


def test_pairing_sees_a_difference_that_two_intervals_hide() -> None:
    dice = np.random.default_rng(1)
    theirs = dice.random((200, 1))
    ours = theirs + 0.02 + dice.normal(0, 0.02, (200, 1))
    (one,), (other,) = intervals(ours, 0), intervals(theirs, 0)
    assert one.low < other.high
    (lead,) = paired_differences(ours, theirs, 0)
    assert lead.low > 0
    assert lead.better == 1
    (none,) = paired_differences(ours, ours, 0)
    assert (none.mean, none.low, none.high, none.better) == (0, 0, 0, 0.5)


def test_small_slices_are_left_out() -> None:
    found = by_value("history", ("0", "1 to 4", "5 and more"), np.repeat([0, 1, 2], [10, 20, 2]))
    assert [(part.value, int(part.targets.sum())) for part in found] == [("0", 10), ("1 to 4", 20)]


def test_scores_that_come_true_as_often_as_they_say_have_no_error() -> None:
    scores = np.repeat([0.1, 0.5], [100, 100])
    came_true = np.concatenate([np.arange(100) < 10, np.arange(100) < 50])
    found = calibration(scores, came_true)
    assert found.expected_calibration_error == pytest.approx(0)
    assert [(one.pairs, one.frequency) for one in found.bins] == [(100, 0.1), (100, 0.5)]


def test_the_calibration_error_is_the_mean_gap() -> None:
    scores = np.repeat([0.1, 0.5], [300, 100])
    came_true = np.concatenate([np.arange(300) < 90, np.arange(100) < 50])
    assert calibration(scores, came_true).expected_calibration_error == pytest.approx(0.15)
    assert calibration(np.zeros(0), np.zeros(0, np.bool_)).expected_calibration_error == 0


def test_shuffling_keeps_every_users_items_and_the_rows_that_stay() -> None:
    group = np.array([0] * 50 + [-1] * 10 + [1] * 50)
    taken = shuffled_order(group, seed=1)
    assert sorted(taken[:50].tolist()) == list(range(50))
    assert taken[50:60].tolist() == list(range(50, 60))
    assert sorted(taken[60:].tolist()) == list(range(60, 110))
    assert taken[:50].tolist() != list(range(50))
    assert taken.tolist() == shuffled_order(group, seed=1).tolist()


def test_popularity_counts_each_user_once() -> None:
    user, item = np.array([0, 0, 0, 1], np.int32), np.array([2, 2, 1, 2], np.int32)
    shares = popularity_shares(user, item, 4)
    assert shares.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 0])
    assert popularity_shares(user[:0], item[:0], 0).tolist() == []


def test_own_history_puts_the_newest_item_first_and_then_what_is_popular() -> None:
    score = by_own_history(np.array([0.5, 0.3, 0.2, 0.0]))
    assert np.argsort(-score(np.array([3, 2, 3]), 0)).tolist() == [3, 2, 0, 1]
    assert np.argsort(-score(NOBODY, 0)).tolist() == [0, 1, 2, 3]


def test_attributes_alone_prefer_what_shares_more_of_them() -> None:
    codes = np.array([[0, 0], [0, 1], [1, 2], [-1, -1]], np.int32)
    assert by_attributes(codes)(np.array([0, 3]), 0).tolist() == [2, 1, 0, 0]
    assert by_attributes(codes)(NOBODY, 0).tolist() == [0, 0, 0, 0]
    assert by_attributes(np.zeros((0, 2), np.int32))(NOBODY, 0).tolist() == []


def test_chance_is_another_for_every_question_and_the_same_for_a_seed() -> None:
    score = by_chance(5, seed=3)
    assert score(NOBODY, 0).tolist() == by_chance(5, seed=3)(NOBODY, 0).tolist()
    assert score(NOBODY, 0).tolist() != score(NOBODY, 1).tolist()
