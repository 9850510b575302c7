"""Picks from a board tell what a visitor likes, beside pages, and how far they are believed."""

from collections.abc import Mapping

import numpy as np
import pytest

from pawsonalize.models.recipes.choices.effects import VISITOR_TRAITS
from pawsonalize.models.recipes.choices.own_effects import (
    KINDS,
    VISITOR_VARIANCES,
    VisitorPosterior,
    Watched,
    visitor_effects,
    visitor_posterior,
)
from pawsonalize.models.recipes.choices.picks import (
    DEFAULT_PICKS,
    AnsweredBoard,
    PickScale,
    PickStages,
    fit_picks,
)
from pawsonalize.models.recipes.data import Floats, Ints

SIZE = VISITOR_TRAITS.index("size")
SMALL, MEDIUM, LARGE = 0, 1, 2
_NONE = np.empty(0)
NO_PAGES = Watched(np.empty((6, 0), np.int64), _NONE, _NONE, _NONE, np.empty(0, np.bool_))


def posterior(traits: Ints, distance: Floats, *boards: AnsweredBoard) -> VisitorPosterior:
    """What is known of animals for a visitor who answered these boards, and saw no page."""
    own = visitor_effects(NO_PAGES, VISITOR_VARIANCES, boards)
    return visitor_posterior(own, VISITOR_VARIANCES, traits, distance)


def sizes(values: list[int]) -> Ints:
    """The traits of animals that differ in their size alone."""
    traits = np.zeros((len(VISITOR_TRAITS), len(values)), np.int64)
    traits[SIZE] = values
    return traits


def board(*picks: int, of: tuple[int, ...] = (SMALL, MEDIUM, LARGE)) -> AnsweredBoard:
    return AnsweredBoard(sizes([*of]), np.zeros(len(of)), np.zeros(len(of)), picks)


def liked(*boards: AnsweredBoard, learned: PickScale = DEFAULT_PICKS) -> Floats:
    """The effects of small, medium and large."""
    return visitor_effects(NO_PAGES, VISITOR_VARIANCES, boards, learned).of(SIZE, 3)


def test_what_was_picked_is_liked_and_the_rest_less() -> None:
    small, medium, large = liked(board(LARGE))
    assert large > 0 > small == pytest.approx(medium)


def test_the_order_of_picks_counts() -> None:
    small, medium, large = liked(board(LARGE, SMALL))
    assert large > small > medium


def test_none_of_these_counts_against_all_of_them() -> None:
    small, medium, large = liked(board())
    assert 0 > small == pytest.approx(medium) == pytest.approx(large)
    easily = liked(board(), learned=PickScale(outside=3.0))
    assert small < easily[0] < 0, "where most say none, it tells little"


def test_noisier_picks_tell_less_and_more_boards_tell_more() -> None:
    once, noisy, twice = (
        liked(board(LARGE))[LARGE],
        liked(board(LARGE), learned=PickScale(scale=0.4))[LARGE],
        liked(board(LARGE), board(LARGE))[LARGE],
    )
    assert 0 < noisy < once < twice


def test_picks_and_pages_are_weighed_together() -> None:
    passed = Watched(
        sizes([LARGE] * 10), np.zeros(10), np.full(10, -1.0), np.full(10, 0.8), np.zeros(10, bool)
    )
    pages = visitor_effects(passed, VISITOR_VARIANCES).of(SIZE, 3)
    both = visitor_effects(passed, VISITOR_VARIANCES, [board(LARGE)]).of(SIZE, 3)
    assert pages[LARGE] < both[LARGE] < liked(board(LARGE))[LARGE]


def test_without_a_board_nothing_changes_to_the_bit() -> None:
    page = Watched(
        sizes([LARGE, SMALL, SMALL]),
        np.array([-0.2, 0.0, -0.5]),
        np.array([-2.0, -1.5, -2.5]),
        np.array([1.0, 0.7, 0.5]),
        np.array([True, False, False]),
    )
    found = visitor_effects(page, VISITOR_VARIANCES)
    again = visitor_effects(page, VISITOR_VARIANCES, (), PickScale(3.0, 1.0))
    assert [one.tobytes() for one in found.effects] == [one.tobytes() for one in again.effects]


def test_the_gradient_is_that_of_the_plackett_luce_likelihood() -> None:
    boards, learned = [board(2, 0), board(), board(1, of=(SMALL, LARGE))], PickScale(0.7, 0.2)
    odds = np.array([0.3, -0.2, 0.9, 0.1, -1.0, 0.4, 0.0, 1.2])

    def likelihood(at: Floats) -> float:
        utilities, none = 0.7 * at, 0.7 * 0.2
        first, second, third = utilities[:3], utilities[3:6], utilities[6:]
        with_none = [np.log(np.exp(none) + np.exp(one).sum()) for one in (first, second, third)]
        then = first[0] - np.log(np.exp(first[:2]).sum())
        return float(first[2] - with_none[0] + then + none - with_none[1] + third[1] - with_none[2])

    pull, curvature, shares = PickStages(boards, learned).gradient(odds)
    firm = np.diag(curvature) - shares.T @ shares
    steps = 1e-5 * np.eye(len(odds))
    slope = [(likelihood(odds + one) - likelihood(odds - one)) / 2e-5 for one in steps]
    assert pull == pytest.approx(slope, abs=1e-7)
    change = [(PickStages(boards, learned).gradient(odds + one)[0] - pull) / -1e-5 for one in steps]
    assert firm == pytest.approx(np.array(change), abs=1e-4)


def test_a_pick_leaves_less_to_know_of_such_animals() -> None:
    animals = sizes([SMALL, MEDIUM, LARGE]), np.zeros(3)
    before = posterior(*animals).variance()
    assert before == pytest.approx([sum(VISITOR_VARIANCES[one] for one in VISITOR_TRAITS)] * 3)
    assert (posterior(*animals, board(LARGE)).variance() < before).all()


def test_animals_that_share_what_is_not_known_vary_together() -> None:
    """With what was shown and what never was, near and far, the covariance is one of all."""
    dice = np.random.default_rng(0)
    traits, distance = dice.integers(4, size=(6, 9)), -dice.random(9)
    boards = [AnsweredBoard(traits[:, :5], distance[:5], np.zeros(5), (2, 0))]
    known = posterior(traits, distance, *boards)
    covariance = np.array([known.covariance_with(one) for one in range(9)])
    assert covariance == pytest.approx(covariance.T)
    assert np.diag(covariance) == pytest.approx(known.variance())
    assert np.linalg.eigvalsh(covariance).min() > -1e-9
    effects = visitor_effects(NO_PAGES, VISITOR_VARIANCES, boards)
    mean = sum(effects.of(trait, 4)[traits[trait]] for trait in range(6))
    assert known.mean == pytest.approx(mean + effects.distance * distance)


def answered_by(variances: Mapping[str, float], noise: float, count: int) -> list[AnsweredBoard]:
    """First boards of visitors who differ by these variances."""
    dice = np.random.default_rng(0)
    spread = np.sqrt([variances[kind] for kind in KINDS])
    boards = []
    for _ in range(count):
        traits, appeal = dice.integers(6, size=(len(VISITOR_TRAITS), 6)), dice.standard_normal(6)
        own = spread[1:-1, None] * dice.standard_normal((len(VISITOR_TRAITS), 6))
        odds = appeal + np.take_along_axis(own, traits, 1).sum(axis=0)
        chosen = odds + spread[0] * dice.standard_normal() + noise * dice.gumbel(size=6)
        best, none = np.argsort(-chosen)[:3], -0.5 + noise * dice.gumbel()
        picks = tuple(best[chosen[best] > none].tolist())
        boards.append(AnsweredBoard(traits, np.zeros(6), appeal, picks))
    return boards


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_how_noisy_picks_are_is_learned_from_boards(noise: float) -> None:
    anything, *others = (VISITOR_VARIANCES[kind] for kind in KINDS)
    found = fit_picks(answered_by(VISITOR_VARIANCES, noise, 300), anything, others)
    assert found is not None
    assert (found.picks.scale < 0.8) if noise > 1 else (found.picks.scale > 1.2)


def test_how_much_visitors_differ_is_learned_from_boards() -> None:
    anything, *others = (VISITOR_VARIANCES[kind] for kind in KINDS)
    boards = answered_by(dict.fromkeys(KINDS, 0.02) | {"size": 2.0}, 1.0, 300)
    found = fit_picks(boards, anything, others)
    assert found is not None
    *traits, _ = found.variances
    assert traits.pop(SIZE) > 1
    assert max(traits) < 0.3
