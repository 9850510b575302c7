"""Visits in which nearly everything was opened."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from pawsonalize.models.recipes.choices.own_effects import FEW, are_eager


def is_eager(opened: float, looked: float, usual: float) -> bool:
    return bool(are_eager(*np.array([[opened], [looked], [looked * usual]]))[0])


def test_a_visit_is_eager_if_its_odds_to_open_are_far_beyond_those_of_others(
    subtests: pytest.Subtests,
) -> None:
    cases: list[tuple[float, float, float, bool]] = [
        (6, 6.1, 0.1, True),
        (12, 12.2, 0.1, True),
        (3, 6.1, 0.1, False),
        (12, 24, 0.1, False),
        (6, 6.1, 0.5, False),
        (3, 3, 0.001, False),
    ]
    for opened, looked, usual, eager in cases:
        with subtests.test(opened=opened, looked=looked, usual=usual):
            assert is_eager(opened, looked, usual) == eager


def test_of_people_who_differ_a_lot_hardly_any_are_called_eager_and_of_bots_nearly_all() -> None:
    rng = np.random.default_rng(0)
    visits, attention = 20_000, 1 / np.arange(1, 21) ** 0.6
    bots = np.arange(visits) < 200
    chance = np.where(bots, 1.0, expit(rng.normal(-2.6, 1.0, visits)))
    pages = np.minimum(rng.geometric(0.55, visits), 4)
    looked = pages * attention.sum()
    opened = rng.binomial(pages[:, None], attention * chance[:, None]).sum(axis=1).astype(float)
    found = are_eager(opened, looked, looked * opened.sum() / looked.sum())
    assert found[~bots].mean() < 0.005
    assert found[bots].mean() > 0.8


@given(st.floats(0, 500), st.floats(0, 500), st.floats(0, 1))
def test_whatever_is_counted_few_openings_are_never_eager_and_more_make_no_less_so(
    opened: float, looked: float, usual: float
) -> None:
    one = is_eager(opened, looked, usual)
    assert not one or opened >= FEW
    assert not one or is_eager(opened + 5, looked, usual)


def test_where_visitors_differ_much_a_visit_has_to_be_further_off() -> None:
    opened, looked, expected = np.array([[6.0], [6.1], [0.61]])
    assert are_eager(opened, looked, expected).tolist() == [True]
    assert are_eager(opened, looked, expected, variance=4.0).tolist() == [False]
