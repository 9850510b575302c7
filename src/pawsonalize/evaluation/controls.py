"""Controls: evaluations of data from which one thing was taken away.

What remains of a result without it did not come from it.
"""

import numpy as np
from numpy.typing import NDArray


def shuffled_order(group: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """Rows in random order within each group, shape (rows,): row r takes what `[r]` had.

    `group` rises; rows of group -1 (at any place) stay. Times stay where they are, so nothing
    but the order of a user's items is lost.
    """
    taken = np.arange(len(group))
    free = np.flatnonzero(group >= 0)
    chance = np.random.default_rng(seed).random(len(free))
    taken[free] = free[np.lexsort((chance, group[free]))]
    return taken


def shuffled_labels(n_rows: int, seed: int) -> NDArray[np.int64]:
    """All rows in random order: only how often an item occurs is left, and who occurs when."""
    return np.random.default_rng(seed).permutation(n_rows)
