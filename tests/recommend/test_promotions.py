"""Promotions: how many places, which, and with which odds."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.recommend.exploration import Explored, spread
from pawsonalize.recommend.query import Promotion
from pawsonalize.resources.filters import AppliedFilter

NONE = AppliedFilter(None, {})


def certain(*positions: int) -> Explored:
    return Explored(positions, (False,) * len(positions), (1.0,) * len(positions))


@pytest.mark.parametrize(
    ("percent", "limit", "places"), [(50, 10, 5), (20, 25, 5), (1, 10, 1), (33, 10, 4), (100, 7, 7)]
)
def test_the_share_of_the_places_is_rounded_up(percent: int, limit: int, places: int) -> None:
    assert Promotion("elders", percent, NONE).places(limit) == places


@pytest.mark.parametrize(
    ("name", "percent"), [("", 1), ("a b", 1), ("x" * 64, 1), ("a", 0), ("a", 101)]
)
def test_a_promotion_has_a_name_and_one_to_a_hundred_per_cent(name: str, percent: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        Promotion(name, percent, NONE)
    assert caught.value.field in {"promotions[0].name", "promotions[0].percentPromotedItems"}


@given(st.integers(0, 6), st.integers(0, 6), st.text(max_size=5))
def test_both_keep_their_order_and_nothing_is_lost(first: int, second: int, seed: str) -> None:
    promoted = list(range(first))
    rest = certain(*range(100, 100 + second))
    mixed, marks = spread(promoted, rest, seed)
    assert spread(promoted, rest, seed) == (mixed, marks)
    pairs = list(zip(mixed.positions, marks, strict=True))
    assert [position for position, mark in pairs if mark] == promoted
    assert [position for position, mark in pairs if not mark] == list(rest.positions)


def test_every_mixture_is_equally_likely_and_the_odds_say_so() -> None:
    seen = Counter[tuple[bool, ...]]()
    for seed in range(6_000):
        mixed, marks = spread([1, 2], certain(8, 9), f"{seed}")
        seen[marks] += 1
        likely = 1.0
        for odds in mixed.propensities:
            likely *= odds
        assert likely == pytest.approx(1 / 6)
    assert len(seen) == 6
    assert all(900 < count < 1_100 for count in seen.values())


def test_explored_places_stay_explored_with_their_own_odds() -> None:
    rest = Explored((8, 9), (True, False), (0.1, 0.9))
    mixed, marks = spread([], rest, "s")
    assert (mixed, marks) == (rest, (False, False))
