"""The factors of step counts, beside the exact decomposition."""

import numpy as np
import pytest
from scipy import sparse

from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.factors import factorise


@pytest.mark.parametrize("rank", [3, 40])
def test_factors_of_few_directions_say_all_of_them(rank: int) -> None:
    """More factors are asked for than there are directions: what is left over says nothing."""
    dice = np.random.default_rng(0)
    counts = np.zeros((400, 400))
    counts[:rank, 100:] = dice.integers(1, 9, (rank, 300))
    plain = Design(rank=45, damping=1.0, degree_power=0.0, backward=0.0)
    factors = factorise(sparse.csr_array(counts), plain)
    degrees = counts.sum(axis=1, keepdims=True) + 1
    found = factors.source @ factors.target.T * np.sqrt(degrees)
    np.testing.assert_allclose(found, counts, atol=1e-3)


def test_the_directions_of_targets_are_at_right_angles_and_the_largest_first() -> None:
    dice = np.random.default_rng(0)
    counts = sparse.random_array((400, 400), density=0.05, rng=dice)
    plain = Design(rank=30, damping=1.0, degree_power=0.0, backward=0.0, sweeps=12)
    factors = factorise(sparse.csr_array(counts), plain)
    np.testing.assert_allclose(factors.target.T @ factors.target, np.eye(30), atol=1e-5)
    exact = counts.toarray()
    np.fill_diagonal(exact, 0.0)
    lengths = np.linalg.norm(exact @ factors.target, axis=0)
    assert (np.diff(lengths) < 1e-5).all()
    np.testing.assert_allclose(lengths, np.linalg.svd(exact, compute_uv=False)[:30], rtol=0.03)


def test_without_any_step_between_items_the_factors_say_nothing() -> None:
    factors = factorise(sparse.csr_array(np.eye(50)), Design())
    assert not (factors.source @ factors.target.T).any()
