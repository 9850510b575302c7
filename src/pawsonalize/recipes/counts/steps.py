"""Counts of item-to-item steps within users' histories, and of co-visits."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array, vstack

from pawsonalize.recipes.artefact import take_weights
from pawsonalize.recipes.counts.rows import Counts, SparseRows, keep_largest, tidy
from pawsonalize.recipes.counts.weights import WeighedLog, on_grain
from pawsonalize.recipes.data import Arrays, TrainingData
from pawsonalize.recipes.items import ItemIndex

PAIR_GRAIN = 2.0**28
"""Products of two weights' roots are whole numbers of parts of one: as many parts as this."""
_CHUNK = 1_000  # source items at a time, so that unpruned co-visits never fill the memory


@dataclass(frozen=True, slots=True)
class Covisits:
    """Items that users met together: of two items, the sum over users of the weights' roots.

    Made of some rows at a time, since all pairs might not fit.
    """

    rows: Callable[[int, int], Counts]
    """The pairs of the items from the first position to before the second, (items, all items)."""
    weights: NDArray[np.float64]
    """Weighed visits of each item, shape (items,)."""

    def minus(self, part: "Covisits") -> "Covisits":
        """Those of all users but some."""
        return Covisits(
            lambda start, end: self.rows(start, end) - part.rows(start, end),
            self.weights - part.weights,
        )


def count_steps(
    user: NDArray[np.integer],
    item: NDArray[np.integer],
    weight: NDArray[np.floating],
    n_items: int,
    *,
    window: int,
    gap_decay: float,
    to_itself: bool = True,
) -> Counts:
    """Steps from an item to a later one of the same user, shape (items, items).

    A step over g - 1 visits between counts gap_decay ** (g - 1) times its later visit's `weight`,
    for g up to `window`. Visits are in order of user, then time. `to_itself`: steps from an item
    to the same item count as well. Every summand is on the grain, so that the counts of some users
    can be taken out of the counts of all.
    """
    shape = (n_items, n_items)
    counts: Counts = csr_array(shape, dtype=np.float64)
    for gap in range(1, window + 1):
        counted = user[:-gap] == user[gap:]
        if not to_itself:
            counted &= item[:-gap] != item[gap:]
        first = np.flatnonzero(counted)
        worth = on_grain(weight[first + gap] * gap_decay ** (gap - 1))
        counts = counts + coo_array((worth, (item[first], item[first + gap])), shape=shape).tocsr()
    return tidy(counts)


def both_ways(counts: Counts, back: float) -> Counts:
    """The steps, and `back` times as much in the other direction."""
    return csr_array(counts + back * counts.T)


def transition_table(counts: Counts, *, width: int, power: float) -> SparseRows:
    """Rows of the counts, each divided by its sum to `power`, so that busy items do not drown."""
    total = np.asarray(counts.sum(axis=1))
    scale = np.where(total > 0, np.maximum(total, 1e-30) ** -power, 0.0)
    return SparseRows.of(csr_array(diags_array(scale) @ counts), width)


def meetings(log: WeighedLog, history: int) -> Covisits:
    """The pairs of items from each user's last `history` visits, in any order."""
    data, visit = log.data, count_visits(log.data)
    user = data.user[visit]
    visits_left = np.searchsorted(user, user, side="right") - np.arange(len(user))
    visit = visit[visits_left <= history]
    shape = (data.n_users, len(data.item_ids))
    places = (data.user[visit], data.item[visit])
    chosen = csr_array(coo_array((on_grain(log.weight[visit]), places), shape=shape))
    weights = np.asarray(chosen.sum(axis=0), np.float64)
    chosen.data = np.floor(np.sqrt(chosen.data) * PAIR_GRAIN**0.5 + 0.5).astype(np.int64)
    by_item = csr_array(chosen.T)

    def rows(start: int, end: int) -> Counts:
        together = csr_array(by_item[start:end] @ chosen)
        return csr_array(
            (together.data / PAIR_GRAIN, together.indices, together.indptr), shape=together.shape
        )

    return Covisits(rows, weights)


def covisit_table(covisits: Covisits, *, width: int, shrinkage: float) -> SparseRows:
    """Cosine of items over users.

    `shrinkage` is added to the cosine's denominator: two rare items met by one user are no
    certainty.
    """
    norm = np.sqrt(covisits.weights)
    n_items = len(norm)
    rows: list[Counts] = []
    for start in range(0, max(n_items, 1), _CHUNK):  # at least once: no item, no row
        together = coo_array(covisits.rows(start, min(start + _CHUNK, n_items)))
        source, target = together.row + start, together.col
        cosine = together.data / np.maximum(norm[source] * norm[target] + shrinkage, 1e-30)
        cosine[source == target] = 0.0
        chunk = csr_array(coo_array((cosine, (together.row, target)), shape=together.shape))
        chunk.eliminate_zeros()
        rows.append(keep_largest(chunk, width))
    return SparseRows.of(csr_array(vstack(rows)), width)


def count_repeats(data: TrainingData, window: int) -> tuple[int, int]:
    """Count events whose item is among the `window` before, and those that have any before."""
    user, item = data.user, data.item
    repeated = np.zeros(len(data), np.bool_)
    for gap in range(1, window + 1):
        repeated[gap:] |= (user[:-gap] == user[gap:]) & (item[:-gap] == item[gap:])
    return int(np.count_nonzero(repeated)), int(np.count_nonzero(user[:-1] == user[1:]))


def repeat_share(repeated: int, preceded: int) -> float:
    """Share of events whose item is among those before it, of events that have any before.

    Smoothed by twenty imagined events of which one repeats.
    """
    return (repeated + 1) / (preceded + 20)


def count_visits(data: TrainingData) -> NDArray[np.int64]:
    """The events that do not repeat the item of the same user's event before."""
    again = (data.user[:-1] == data.user[1:]) & (data.item[:-1] == data.item[1:])
    return np.flatnonzero(np.concatenate(([True], ~again))[: len(data)])


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
