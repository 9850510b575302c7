"""Popularity of items: the share of each in what users chose, recent choices counting more."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.artefact import take_weights
from pawsonalize.recipes.data import Arrays, TrainingData
from pawsonalize.recipes.items import ItemIndex


@dataclass(frozen=True, slots=True)
class Popularity:
    """Shares that sum to 1 over the catalogue."""

    share: NDArray[np.float32]
    """The share of each item, shape (items,)."""
    cell_share: NDArray[np.float32]
    """The share of an item nobody has touched, by its cell, shape (cells + 1,).

    The last is for items of no known cell: 0.
    """

    @classmethod
    def of(cls, users: NDArray[np.float64], index: ItemIndex, smoothing: float) -> "Popularity":
        """Shares of `users` (decayed users per item) plus less than `smoothing` users each.

        The addition grows with the mean m of the narrowest cell, (m + 1) / (m + 2), and stays
        below `smoothing`: an untouched item of a popular breed gets more than one of a rare
        breed, while whole users still decide the order of touched ones.
        """
        mean = _cell_means(users, index)
        extra = smoothing * (mean + 1) / (mean + 2)
        raw = users + extra[_narrowest(index.cells[:, :-1], index.n_cells)]
        total = raw.sum() or 1.0
        extra[-1] = 0.0
        return cls((raw / total).astype(np.float32), (extra / total).astype(np.float32))

    def of_cells(self, cells: NDArray[np.int64]) -> NDArray[np.float32]:
        """Shares of items outside the catalogue by their cells, shape (levels, items)."""
        return self.cell_share[_narrowest(cells, len(self.cell_share) - 1)]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The shares as plain arrays."""
        return {"popularity": self.share, "cell_popularity": self.cell_share}

    @classmethod
    def from_arrays(cls, arrays: Arrays, index: ItemIndex) -> "Popularity":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit the index."""
        return cls(
            take_weights(arrays, "popularity", (len(index.ids),)),
            take_weights(arrays, "cell_popularity", (index.n_cells + 1,)),
        )


def newest_choices(data: TrainingData) -> NDArray[np.int64]:
    """The rows of the newest event of each user with each item."""
    pair = data.user.astype(np.int64) * len(data.item_ids) + data.item
    # Events of a user are in order of time, so the last of each pair is its newest.
    _, from_end = np.unique(pair[::-1], return_index=True)
    return np.asarray(len(data) - 1 - from_end, np.int64)


def _cell_means(users: NDArray[np.float64], index: ItemIndex) -> NDArray[np.float64]:
    """Mean users per item of each cell; the last entry is the mean of the whole catalogue."""
    total = np.zeros(index.n_cells + 1)
    count = np.zeros(index.n_cells + 1)
    for cells in index.cells[:, :-1]:
        total += np.bincount(cells, weights=users, minlength=index.n_cells + 1)
        count += np.bincount(cells, minlength=index.n_cells + 1)
    total[-1], count[-1] = users.sum(), len(users)
    return total / np.maximum(count, 1)


def _narrowest(cells: NDArray[np.int64], none: int) -> NDArray[np.int64]:
    """The first cell of each column that is one; `none` where there is none."""
    narrowest = np.full(cells.shape[1], none, np.int64)
    for level in cells[::-1]:
        np.copyto(narrowest, level, where=level != none)
    return narrowest
