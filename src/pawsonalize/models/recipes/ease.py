"""EASE, a linear autoencoder without a diagonal: what goes with what a user had, in any order."""

from typing import Annotated

import numpy as np

from pawsonalize.models.recipes.artefact import Kept, finite
from pawsonalize.models.recipes.counts.rows import Counts, SparseRows
from pawsonalize.models.recipes.data import Array, Floats, Ints, Singles
from pawsonalize.models.recipes.late_scipy import lapack, sparse


def choices(user: Array, item: Array, shape: tuple[int, int]) -> Counts:
    """Return 1 for each item that a user had, shape (users, items)."""
    ones = sparse.csr_array(sparse.coo_array((np.ones(len(item)), (user, item)), shape=shape))
    ones.data[:] = 1.0
    return ones


def ease_weights(had: Counts, penalty: float) -> Floats:
    """Return B = -P / diag(P) with a diagonal of 0, where P = (XᵀX + λI)⁻¹ (Steck, WWW 2019)."""
    n_items = had.shape[1]
    if n_items == 0:
        return np.zeros((0, 0))
    gram = (had.T @ had).toarray(order="F")
    gram[np.diag_indices(n_items)] += penalty
    # By Cholesky's factor, in place: half the time and memory of a general inverse.
    factor, _ = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    inverse = np.tril(lapack.dpotri(factor, lower=1, overwrite_c=1)[0])
    scale = -1 / np.diag(inverse)
    inverse += np.tril(inverse, -1).T
    inverse *= scale
    np.fill_diagonal(inverse, 0.0)
    return np.asarray(inverse)


class SignedRows(SparseRows, frozen=True):
    """Rows of which the values may be below 0; the ones of the largest size are kept."""

    values: Annotated[Singles, Kept("values", "entries", finite)]

    def scores(self, items: Array, weights: Array) -> Singles:
        """Return Σ weights[…, k] · row of items[k], shape (…, items)."""
        columns, values, lengths = self.gather(items)
        found = np.zeros((len(weights), len(self.starts) - 2), np.float32)
        for row, weight in zip(found, weights, strict=True):
            row[:] = np.bincount(columns, values * weight.repeat(lengths), len(row))
        return found

    def of_rows(self, rows: Ints) -> "SignedRows":
        """Those of items that are numbered anew; the row behind the last is of a new item."""
        size = len(self.starts) - 1
        before = sparse.csr_array((self.values, self.columns, self.starts), shape=(size, size))
        return SignedRows.of(sparse.csr_array(before[rows][:, rows]), size)
