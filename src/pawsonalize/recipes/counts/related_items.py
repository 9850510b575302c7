"""Related items: of one breed, size and age, or species, for what has no behaviour of its own."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array

from pawsonalize.recipes.artefact import take_weights
from pawsonalize.recipes.counts.rows import Counts, SparseRows
from pawsonalize.recipes.data import Arrays
from pawsonalize.recipes.items import ItemIndex


@dataclass(frozen=True)
class RelatedItems:
    """From a visitor's cells on to cells, and within a cell to items by their `base`."""

    steps: SparseRows
    """A row per cell, which sums to its level's weight at most."""
    base: NDArray[np.float32]
    """Users plus smoothing, shape (items,)."""
    cell_base: NDArray[np.float32]
    """The sum of `base` per cell, shape (cells + 1,)."""
    parent: NDArray[np.int64]
    """The cell of a wider level that all of a cell's items are in, shape (cells + 1,).

    "No cell" where there is none, and where another level has taken that wider one over.
    """
    apart: tuple[int, ...]
    """The levels that no narrower one has taken over."""

    @classmethod
    def of(cls, steps: SparseRows, base: NDArray[np.float32], index: ItemIndex) -> "RelatedItems":
        """Sum the bases of the cells."""
        size = index.n_cells + 1
        total = np.zeros(size)
        for cells in index.cells[:, :-1]:
            total += np.bincount(cells, weights=base, minlength=size)
        # Nothing is ever spread over the last, "no cell"; it only must not divide by zero.
        whole = np.maximum(total, 1e-30).astype(np.float32)
        return cls(steps, base, whole, *_implied_levels(index.cells, index.n_cells))

    @cached_property
    def rarity(self) -> NDArray[np.float32]:
        """Ratio of the widest cell's base to each cell's, shape (cells + 1,)."""
        return np.asarray(self.cell_base.max() / self.cell_base)

    def reached(
        self, cells: NDArray[np.int64], strengths: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the gain of each cell, shape (…, cells + 1).

        `cells` has shape (levels, k), `strengths` (…, k).
        """
        reached = np.zeros((*strengths.shape[:-1], len(self.cell_base)), np.float32)
        self.steps.add_to(reached, cells.ravel(), np.concatenate([strengths] * len(cells), axis=-1))
        return reached

    def spread_to(
        self, out: NDArray[np.float32], lift: NDArray[np.float32], index: ItemIndex
    ) -> None:
        """Write for each catalogue item its base times the lift of its cells.

        `lift` (cells + 1,) is how much each unit of base gains by its cell.
        """
        lift = lift + lift[self.parent]
        first, *others = self.apart
        lift.take(index.cells[first, :-1], out=out, mode="clip")  # checked when loaded; the fastest
        for level in others:
            out += lift.take(index.cells[level, :-1], mode="clip")
        out *= self.base

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Steps and bases as plain arrays."""
        return {**self.steps.arrays("related_items"), "related_items_base": self.base}

    @classmethod
    def from_arrays(cls, arrays: Arrays, index: ItemIndex) -> "RelatedItems":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit the index."""
        return cls.of(
            SparseRows.from_arrays("related_items", arrays, index.n_cells, index.n_cells),
            take_weights(arrays, "related_items_base", (len(index.ids),)),
            index,
        )


def _implied_levels(
    cells: NDArray[np.int64], none: int
) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Levels that follow from a narrower one, as species from breed: looked up once, not twice."""
    parent, hosts, implied = np.full(none + 1, none, np.int64), set[int](), set[int]()
    for wide in range(len(cells) - 1, 0, -1):
        for narrow in range(wide - 1, -1, -1):
            above = np.full(none + 1, none, np.int64)
            above[cells[narrow]] = cells[wide]
            follows = (above[cells[narrow]] == cells[wide]).all() and above[none] == none
            if follows and wide not in hosts and narrow not in hosts | implied:
                own = np.unique(cells[narrow])
                parent[own] = above[own]
                hosts.add(narrow)
                implied.add(wide)
                break
    return parent, tuple(level for level in range(len(cells)) if level not in implied)


def cell_steps(
    counts: Counts, index: ItemIndex, *, width: int, prior: float, fade: float
) -> SparseRows:
    """Steps between cells of one level: which breeds lead to which, and so on.

    `prior` steps from each cell to itself are added, so related items attract before anything is
    learned. Full rows sum to their level's weight, fade ** level over the sum of all levels'.
    """
    levels, shape = len(index.cells), (index.n_cells, index.n_cells)
    table = csr_array(shape, dtype=np.float32)
    for level, cells in enumerate(index.cells[:, :-1]):
        known = np.flatnonzero(cells < index.n_cells)
        member = csr_array(
            coo_array(
                (np.ones(len(known), np.float32), (known, cells[known])),
                shape=(len(index.ids), index.n_cells),
            )
        )
        own = np.zeros(index.n_cells, np.float32)
        own[cells[known]] = prior
        steps = member.T @ counts @ member + diags_array(own)
        share = fade**level / sum(fade**other for other in range(levels))
        scale = share / np.maximum(np.asarray(steps.sum(axis=1)), np.float32(1e-30))
        table = table + diags_array(scale.astype(np.float32)) @ steps
    return SparseRows.of(csr_array(table), width)
