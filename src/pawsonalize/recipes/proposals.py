"""Weighing what tables propose, without changing how much each of them proposes."""

import numpy as np
from numpy.typing import NDArray


def reweigh(parts: NDArray[np.float32], factors: NDArray[np.float32], n_items: int) -> None:
    """Multiply proposals (tables, items + outside) in place by `factors` (items + outside,).

    Each table keeps its sum over the catalogue, its first `n_items` columns.
    """
    before = parts[:, :n_items].sum(axis=1)
    parts *= factors
    after = np.maximum(parts[:, :n_items].sum(axis=1), np.float32(1e-30))
    parts *= (before / after)[:, np.newaxis]
