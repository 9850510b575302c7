"""Low-rank factors of the smoothed step counts: alike contexts share what follows them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.counts.rows import Counts, keep_largest
from pawsonalize.recipes.learned.design import Design

Array = NDArray[Any]
_FIRST = 32  # factors that say enough of an item to choose candidates
_LEAST_SHARE = 1e-12  # of the greatest variance: less is what float32 rounds to


@dataclass(frozen=True, slots=True)
class Factors:
    """j after i scores the product of their rows: `source` and `target`, (items, rank) float32."""

    source: Array
    target: Array
    first: Array
    """The first factors of all targets, which choose the candidates; shape (few, items).

    Factor by factor the targets of one request are summed in half the time.
    """

    @classmethod
    def of(cls, source: Array, target: Array) -> "Factors":
        """With the first of the factors of `target` (items, rank), the largest first."""
        target = np.ascontiguousarray(target, np.float32)
        return cls(source, target, np.ascontiguousarray(target[:, :_FIRST].T))


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
    return Factors.of(source.astype(np.float32), target)


def _truncated(matrix: Counts, rank: int, design: Design) -> tuple[Array, Array]:
    """Left (items, rank) @ right.T near the matrix, right orthonormal: subspace iteration."""
    rng = np.random.default_rng(design.seed)
    size = matrix.shape[1]
    basis = rng.standard_normal((size, min(rank + 16, size))).astype(np.float32)
    transposed = sparse.csr_array(matrix.T)
    for _ in range(design.sweeps):
        basis = _orthonormal(transposed @ (matrix @ basis))
    image = matrix @ basis
    values, vectors = np.linalg.eigh(image.T @ image)
    vectors = vectors[:, np.argsort(-values, kind="stable")[:rank]]
    return image @ vectors, basis @ vectors


def _orthonormal(basis: Array) -> Array:
    """Orthonormal columns with the span of these; a QR decomposition takes eight times as long."""
    wide = basis.astype(np.float64)  # products of float32 would not tell small columns apart
    values, vectors = np.linalg.eigh(wide.T @ wide)
    kept = values > _LEAST_SHARE * values.max(initial=0.0)
    return np.asarray(wide @ (vectors[:, kept] / np.sqrt(values[kept])), np.float32)
