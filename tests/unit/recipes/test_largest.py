"""The places of the largest values."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.recipes.learned.rows import largest


@given(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), max_size=30), st.integers(1, 40))
def test_the_largest_come_first_and_ties_by_place(values: list[float], keep: int) -> None:
    expected = np.argsort(-np.array(values), kind="stable")[:keep]
    assert largest(np.array(values), keep).tolist() == expected.tolist()
