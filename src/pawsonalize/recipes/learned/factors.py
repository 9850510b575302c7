"""Low-rank factors of the smoothed step counts: alike contexts share what follows them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.counts.rows import Counts, keep_largest
from pawsonalize.recipes.learned.design import Design

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Factors:
    """`source` (items, rank), `target` (rank, items) float32: j after i scores their product.

    Factor by factor the targets of one request are summed in half the time.
    """

    source: Array
    target: Array


def factorise(counts: Counts, design: Design) -> Factors:
    """Truncated SVD of damped counts, divided by the degrees of both sides."""
    size = counts.shape[0]
    if counts.nnz > design.factor_entries:
        counts = keep_largest(counts, max(design.factor_entries // size, 1))
    matrix = sparse.csr_array(counts + design.backward * counts.T)
    matrix.data[matrix.data < 1e-6] = 0.0
    matrix.setdiag(0.0)
    matrix.eliminate_zeros()
    matrix.data = matrix.data**design.damping
    out = np.asarray(matrix.sum(axis=1)) + 1.0
    into = np.asarray(matrix.sum(axis=0)) + 1.0
    scaled = (
        sparse.diags_array(out**-design.degree_power)
        @ matrix
        @ sparse.diags_array(into**-design.degree_power)
    )
    rank = min(design.rank, max(size // 8, 1))
    left, right = _truncated(sparse.csr_array(scaled, dtype=np.float32), rank, design)
    source = left * (out**-0.5)[:, None]
    target = right * (into**design.degree_power)[:, None]
    return Factors(source.astype(np.float32), np.ascontiguousarray(target.T, np.float32))


def _truncated(matrix: Counts, rank: int, design: Design) -> tuple[Array, Array]:
    """Left (items, rank) @ right.T near the matrix, right orthonormal: subspace iteration."""
    rng = np.random.default_rng(design.seed)
    size = matrix.shape[1]
    basis = rng.standard_normal((size, min(rank + 16, size))).astype(np.float32)
    transposed = sparse.csr_array(matrix.T)
    for _ in range(design.sweeps):
        basis, _ = np.linalg.qr(transposed @ (matrix @ basis))
    image = matrix @ basis
    values, vectors = np.linalg.eigh(image.T @ image)
    vectors = vectors[:, np.argsort(-values, kind="stable")[:rank]]
    return image @ vectors, basis @ vectors
