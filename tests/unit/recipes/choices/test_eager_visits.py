"""Visits in which nearly everything was opened."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.recipes.choices.eager_visits import FEW, are_eager


def is_eager(opened: float, looked: float, usual: float) -> bool:
    return bool(are_eager(*np.array([[opened], [looked], [looked * usual]]))[0])


@pytest.mark.parametrize(
    ("opened", "looked", "usual", "eager"),
    [
        (6, 6.1, 0.1, True),
        (12, 12.2, 0.1, True),
        (3, 6.1, 0.1, False),
        (12, 24, 0.1, False),
        (6, 6.1, 0.5, False),
        (3, 3, 0.001, False),
    ],
    ids=["a bot", "two pages", "a keen visitor", "a keener one", "where all are keen", "few"],
)
def test_a_visit_is_eager_if_its_odds_to_open_are_far_beyond_those_of_others(
    opened: float, looked: float, usual: float, *, eager: bool
) -> None:
    assert is_eager(opened, looked, usual) == eager


@given(
    st.floats(0, 500),
    st.floats(0, 500),
    st.floats(0, 1),
)
def test_whatever_is_counted_few_openings_are_never_eager_and_more_make_no_less_so(
    opened: float, looked: float, usual: float
) -> None:
    one = is_eager(opened, looked, usual)
    assert not one or opened >= FEW
    assert not one or is_eager(opened + 5, looked, usual)
