"""Splits keep what is known apart from what is to be guessed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pawsonalize.models.evaluation.splits import (
    Split,
    births,
    global_time_split,
    moment_after,
    personalize_split,
)

NEVER = np.iinfo(np.int64).max
_COUNTS = st.lists(st.integers(1, 25), max_size=60)


def users(counts: list[int]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(counts)), counts)


def spans(split: Split) -> list[tuple[int, int, int]]:
    return list(zip(split.start.tolist(), split.cut.tolist(), split.end.tolist(), strict=True))


def test_the_oldest_nine_tenths_rounded_down_are_input(subtests: pytest.Subtests) -> None:
    cases: list[tuple[int, int]] = [(2, 1), (9, 1), (10, 1), (11, 2), (20, 2), (21, 3), (100, 10)]
    for events, truth in cases:
        with subtests.test(events=events, truth=truth):
            (found,) = spans(personalize_split(users([events]), seed=0))
            assert found == (0, events - truth, events)


@given(_COUNTS, st.integers(0, 3))
def test_one_user_in_ten_is_a_test_user_and_trains_nothing(counts: list[int], seed: int) -> None:
    user = users(counts)
    split = personalize_split(user, seed)
    able = sum(count >= 2 for count in counts)
    assert len(split) == -(-able // 10)
    held = set()
    for start, cut, end in spans(split):
        assert start < cut < end
        assert len(set(user[start:end])) == 1
        assert end - start == counts[user[start]]
        held.add(int(user[start]))
    assert set(user[~split.training].tolist()) == held
    assert not held & set(user[split.training].tolist())


def test_a_user_with_one_event_cannot_be_asked() -> None:
    assert len(personalize_split(users([1, 1, 1]), seed=0)) == 0


def test_the_seed_decides_who_is_asked() -> None:
    user = users([3] * 200)
    one, same, other = (personalize_split(user, seed).start.tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=8), max_size=20), st.integers(-1, 10)
)
def test_the_time_split_trains_on_the_past_and_asks_each_later_user_once(
    visits: list[list[int]], moment: int
) -> None:
    user = users([len(times) for times in visits])
    time = np.array([at for times in visits for at in sorted(times)], np.int64)
    split = global_time_split(user, time, moment, seed=3)
    assert split.training.tolist() == (time < moment).tolist()
    asked = [int(user[cut]) for _, cut, _ in spans(split)]
    assert asked == [number for number, times in enumerate(visits) if max(times) >= moment]
    for start, cut, end in spans(split):
        assert time[cut] >= moment
        assert end == cut + 1
        assert set(user[start:end]) == {user[cut]}
        assert start == 0 or user[start - 1] != user[start]


def test_a_sample_of_questions_leaves_the_training_part_alone() -> None:
    start = np.arange(0, 150, 3)
    split = Split(np.ones(150, np.bool_), start, start + 1, start + 2)
    part = split.sample(10, seed=1)
    assert len(part) == 10
    assert set(spans(part)) <= set(spans(split))
    assert part.training is split.training
    assert split.sample(50, seed=1) is split


def test_the_moment_of_the_split_has_the_share_before_it() -> None:
    assert moment_after(np.array([5, 1, 4, 2, 3, 9, 8, 7, 6, 10]), 0.9) == 10
    assert moment_after(np.array([7]), 0.9) == 7
    assert moment_after(np.array([7, 7, 7]), 0.9) == 7


def test_an_item_is_born_when_created_or_first_seen_whichever_was_earlier() -> None:
    item, time = np.array([0, 1, 1, 3]), np.array([50, 40, 30, 20], np.int64)
    found = births(item, time, np.array([10, NEVER, 60, 90, NEVER]))
    assert found[:4].tolist() == [10, 30, 60, 20]
    assert found[4] < 0
