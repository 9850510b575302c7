"""Exploration: who gets a place, how often, and with which odds."""

import math
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pawsonalize.recommend.exploration import MAX_COUNT, Explored, Novelty, explore, novelty

WEIGHTS = st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1)
SEEDS = st.text(max_size=20)


def due(*counts: int | None) -> Novelty:
    """The novelty of items with so many events; None is one that exploration leaves alone."""
    eligible = np.array([count is not None for count in counts], np.bool_)
    return novelty(np.array([count or 0 for count in counts], np.int64), eligible)


def order(*positions: int) -> NDArray[np.intp]:
    return np.array(positions, np.intp)


def seen(best: NDArray[np.intp], of: Novelty, weight: float, answers: int) -> list[Explored]:
    return [explore(best, of, weight, f"RID-{n}") for n in range(answers)]


def within_5_deviations(hits: int, tries: int, probability: float) -> bool:
    deviation = math.sqrt(tries * probability * (1 - probability))
    return abs(hits - tries * probability) <= 5 * deviation


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[NDArray[np.intp], Novelty]:
    """The best positions of a small catalogue, in some order, and its novelty."""
    counts = draw(st.lists(st.none() | st.integers(0, 2**40), min_size=1, max_size=12))
    places = draw(st.permutations(range(len(counts))))
    return order(*places[: draw(st.integers(1, len(counts)))]), due(*counts)


@given(catalogue=catalogues(), seed=SEEDS)
def test_weight_0_is_the_best_first_with_certainty(
    catalogue: tuple[NDArray[np.intp], Novelty], seed: str
) -> None:
    best, of = catalogue
    shown = explore(best, of, 0, seed)
    assert list(shown.positions) == best.tolist()
    assert not any(shown.explored)
    assert set(shown.propensities) == {1.0}


@given(catalogue=catalogues(), weight=WEIGHTS, seed=SEEDS)
def test_no_item_comes_twice_and_places_that_are_not_explored_keep_their_order(
    catalogue: tuple[NDArray[np.intp], Novelty], weight: float, seed: str
) -> None:
    best, of = catalogue
    shown = explore(best, of, weight, seed)
    assert len({*shown.positions}) == len(shown.positions) == len(best)
    assert {*shown.positions} <= {*range(len(of.weights))}
    for place, (position, explored) in enumerate(zip(shown.positions, shown.explored, strict=True)):
        before = shown.positions[:place]
        if explored:
            assert of.weights[position] > 0
        else:
            assert position == next(one for one in best.tolist() if one not in before)


@given(
    catalogue=catalogues(),
    weight=WEIGHTS,
    seed=SEEDS,
    kept=st.integers(0, 4),
    numbers=st.none() | st.lists(st.integers(0, 2), min_size=12, max_size=12),
)
def test_propensities_are_as_defined_and_sum_to_1_over_the_catalogue_at_each_place(
    catalogue: tuple[NDArray[np.intp], Novelty],
    weight: float,
    seed: str,
    kept: int,
    numbers: list[int] | None,
) -> None:
    best, of = catalogue
    alike = None if numbers is None else np.array(numbers[: len(of.weights)], np.float64)
    shown = explore(best, of, weight, seed, kept=kept, alike=alike)
    assert len(shown.positions) == len(best)
    for place, position in enumerate(shown.positions):
        chance = weight if place >= kept else 0.0
        odds = exact_odds(best, of, chance, shown.positions[:place], numbers)
        assert sum(odds.values()) == 1
        assert shown.propensities[place] == pytest.approx(float(odds[position]), rel=1e-12)
        assert 0 < shown.propensities[place] <= 1 + 1e-15


def exact_odds(
    best: NDArray[np.intp],
    of: Novelty,
    weight: float,
    before: tuple[int, ...],
    numbers: list[int] | None = None,
) -> dict[int, Fraction]:
    """The definition, in fractions: every item's probability at the place after `before`."""
    rest = [position for position in range(len(of.weights)) if position not in before]
    head = next(position for position in best.tolist() if position in rest)
    rest = [one for one in rest if numbers is None or numbers[one] == numbers[head]]
    left = sum(int(of.weights[position]) for position in rest)
    explored = Fraction(weight) if left else Fraction(0)
    odds = {one: explored * int(of.weights[one]) / (left or 1) for one in rest}
    odds[head] += 1 - explored
    return odds


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_what_is_shown_is_as_frequent_as_its_propensity_says(weight: float) -> None:
    answers = 6_000
    followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    told: dict[tuple[int, ...], dict[int, float]] = defaultdict(dict)
    for shown in seen(order(2, 0, 3), due(0, 1, 4, None, 1), weight, answers):
        for place, position in enumerate(shown.positions):
            before = shown.positions[:place]
            followers[before][position] += 1
            told[before][position] = shown.propensities[place]
    for before, counts in followers.items():
        for position, probability in told[before].items():
            assert within_5_deviations(counts[position], counts.total(), probability)
    assert sum(told[()].values()) == pytest.approx(1)


@pytest.mark.parametrize("weight", [0.02, 0.1, 0.5])
def test_each_place_is_explored_as_often_as_the_weight_says(weight: float) -> None:
    answers = seen(order(*range(10)), due(*[5] * 40), weight, 1_000)
    for place in range(10):
        hits = sum(answer.explored[place] for answer in answers)
        assert within_5_deviations(hits, len(answers), weight)


def test_weight_1_draws_every_place() -> None:
    assert all(explore(order(*range(10)), due(*range(20)), 1, "RID-1").explored)


def test_an_item_without_events_is_drawn_ten_times_as_often_as_one_with_nine() -> None:
    answers = seen(order(2), due(0, 9, None), 1, 4_000)
    assert {answer.positions[0] for answer in answers} == {0, 1}
    assert within_5_deviations(sum(a.positions == (0,) for a in answers), len(answers), 10 / 11)


@pytest.mark.parametrize("weight", [0.1, 0.4])
def test_a_new_item_is_shown_in_proportion_to_the_weight(weight: float) -> None:
    """Ten known items fill the places; one new one, of lowest score, takes what is explored."""
    answers = seen(order(*range(10)), due(*[None] * 10, 0), weight, 2_000)
    shown = sum(10 in answer.positions for answer in answers)
    assert within_5_deviations(shown, len(answers), 1 - (1 - weight) ** 10)


@pytest.mark.parametrize("weight", [0.05, 0.2, 0.6])
def test_cold_groups_get_the_places_that_their_propensities_add_up_to(weight: float) -> None:
    """Each is shown as often as the sum, over all places, of its probability there.

    The difference of the two is a sum of steps of mean 0 and known spread.
    """
    best, of, cold, answers = order(*range(8)), due(*[50] * 8, *[0] * 6, None), range(8, 14), 400
    shown, expected, variance = (defaultdict[int, float](float) for _ in range(3))
    for answer in seen(best, of, weight, answers):
        for place, position in enumerate(answer.positions):
            shown[position] += 1
            for one, odds in exact_odds(best, of, weight, answer.positions[:place]).items():
                expected[one] += float(odds)
                variance[one] += float(odds * (1 - odds))
    for one in cold:
        assert abs(shown[one] - expected[one]) <= 5 * math.sqrt(variance[one])
    share = sum(expected[one] for one in cold) / (len(best) * answers)
    assert share == pytest.approx(weight, rel=0.1)


def test_when_all_that_is_new_is_shown_the_best_follow_with_certainty() -> None:
    shown = explore(order(0, 1, 2), due(None, None, None, 7), 1, "RID-1")
    assert shown.positions == (3, 0, 1)
    assert shown.explored == (True, False, False)
    assert shown.propensities == (1, 1, 1)


def test_the_first_places_are_never_drawn_and_the_others_among_those_alike() -> None:
    alike = np.array([1.0, 0.5, 0.5, 1.0, 0.5, 1.0, 0.0])
    shown = explore(order(0, 3, 1, 2), due(*[0] * 7), 1, "RID-1", kept=1, alike=alike)
    assert shown.explored == (False, True, True, True)
    assert shown.positions[1] in {3, 5}, "who is alike goes before others"
    assert shown.propensities[:2] == (1, 1 / 2)


def test_a_rare_item_among_many_that_are_taken_is_still_drawn() -> None:
    counts = [0] * 300 + [MAX_COUNT] * 2
    shown = explore(order(*range(302)), due(*counts), 1, "RID-1")
    assert sorted(shown.positions) == list(range(302))
    assert all(shown.explored)


@given(catalogue=catalogues(), weight=WEIGHTS, seed=SEEDS)
def test_the_seed_alone_decides(
    catalogue: tuple[NDArray[np.intp], Novelty], weight: float, seed: str
) -> None:
    assert explore(*catalogue, weight, seed) == explore(*catalogue, weight, seed)


def test_an_empty_catalogue_has_no_places_to_explore() -> None:
    assert explore(order(), due(), 1, "RID-1") == Explored((), (), ())


def test_what_is_masked_is_never_drawn_whether_all_items_have_a_share_or_some() -> None:
    mask = np.array([True, False, True, True])
    dense = Novelty(np.array([0, 4, 2, 0]))
    sparse = Novelty(np.array([4, 2]), np.array([1, 2]))
    for shares in (dense.among(mask), sparse.among(mask)):
        assert shares.total == 2
        assert [shares.weight(position) for position in range(4)] == [0, 0, 2, 0]


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_every_unit_of_the_total_belongs_to_the_item_that_has_it(kind: type) -> None:
    weights: NDArray[np.int64] = np.random.default_rng(0).integers(0, 3, 2_500).astype(kind)
    shares = Novelty(weights)
    owners = np.repeat(np.arange(len(weights)), weights).tolist()
    assert shares.total == len(owners)
    assert [shares.draw(unit) for unit in range(shares.total)] == owners
