"""The places of the largest values."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.models.recipes.counts.rows import largest


@given(
    st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=30),
    st.integers(1, 5_000),
    st.integers(1, 40),
)
def test_the_largest_come_first_and_ties_by_place(
    some: list[float], length: int, keep: int
) -> None:
    values = np.resize(some, length)
    expected = np.argsort(-values, kind="stable")[:keep]
    assert largest(values, keep).tolist() == expected.tolist()
