"""Sparse rows of weighted targets; steps between items and between cells, and co-visits."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.models.recipes.artefact import Kept, Stored, below, rising_to, weights
from pawsonalize.models.recipes.counts.weights import WeighedLog, on_grain
from pawsonalize.models.recipes.data import Array, Floats, Int32s, Ints, Singles, TrainingData
from pawsonalize.models.recipes.items import ItemIndex
from pawsonalize.models.recipes.late_scipy import sparse

if TYPE_CHECKING:
    Counts = sparse.csr_array[Any, tuple[int, int]]
else:
    Counts = Any


Entries = tuple[Array, Array, Array]
"""Columns and values of some rows, one row after the other, and the length of each."""
_LONG = 6  # a sample has so many times the values that are wanted, or `_SAMPLE` if that is more
_SAMPLE = 1_200
_SHORT = 500  # so many values are sorted whole: that is faster than to find the least first
# Products of two weights' roots are whole numbers of parts of one, as many as this, so that their
# sums are exact in any order.
PAIR_GRAIN = 2.0**28
_CHUNK = 1_000  # source items at a time, so that unpruned co-visits never fill the memory


class SparseRows(Stored, frozen=True):
    """The largest values of each row, by column; the last row is empty, for unknown sources."""

    columns: Annotated[Int32s, Kept("columns", "entries", below("rows"))]
    values: Annotated[Singles, Kept("values", "entries", weights)]
    starts: Annotated[Ints, Kept("starts", "rows+2", rising_to("entries"))]
    # The smallest value kept of each row that was cut, else 0, shape (rows,); for trainings alone.
    floor: Singles = msgspec.field(default_factory=lambda: np.zeros(0, np.float32))

    @classmethod
    def of(cls, counts: Counts, keep: int) -> Self:
        """The `keep` values of largest size of each row, among equals the first."""
        counts.eliminate_zeros()
        kept = keep_largest(counts, keep)
        return cls(
            kept.indices.astype(np.int32),
            kept.data.astype(np.float32),
            np.append(kept.indptr, kept.indptr[-1]).astype(np.int64),
            _floors(kept, np.diff(counts.indptr)),
        )

    def add_to(self, out: Singles, rows: Ints, factors: Singles) -> None:
        """Add `factors[…, k]` times row `rows[k]` to `out[…]`, for every k; rows may repeat."""
        columns, values, lengths = self.gather(rows)
        for sums, scales in zip(np.atleast_2d(out), np.atleast_2d(factors), strict=True):
            # Not `sums[columns] +=`, which adds only once where a column repeats.
            np.add.at(sums, columns, values * scales.repeat(lengths))

    def gather(self, rows: Array) -> Entries:
        """Columns and values of these rows, one row after the other, and the length of each."""
        starts = self.starts[rows]
        lengths = self.starts[rows + 1] - starts
        ends = lengths.cumsum()
        # Position p of the concatenated rows lies at p plus its row's start less its row's place.
        at = np.arange(ends[-1] if len(ends) else 0)
        at += (starts - ends + lengths).repeat(lengths)
        # Places of the native size are added in half the time; `clip` takes fastest.
        columns = self.columns.take(at, mode="clip").astype(np.intp)
        return columns, self.values.take(at, mode="clip"), lengths


def tidy(counts: Counts) -> Counts:
    """The same counts in the one form that equal counts have, in place."""
    counts.sum_duplicates()
    counts.eliminate_zeros()
    counts.sort_indices()
    return counts


def _floors(kept: Counts, full: Array) -> Singles:
    result = np.zeros(kept.shape[0], np.float32)
    lengths = np.diff(kept.indptr)
    filled = np.flatnonzero(lengths)  # reduceat needs rows that are not empty
    if len(filled):
        result[filled] = np.minimum.reduceat(kept.data, kept.indptr[filled])
    return np.where(lengths < full, result, np.float32(0.0))


def expand(starts: Array, lengths: Array) -> tuple[Array, Array]:
    """Concatenate the ranges starts[k] … starts[k] + lengths[k]: each element's k and position."""
    owner = np.repeat(np.arange(len(starts)), lengths)
    at = np.repeat(starts + lengths - np.cumsum(lengths), lengths)
    at += np.arange(len(at))
    return owner, at


def keep_largest(rows: Counts, width: int) -> Counts:
    """The same rows with only the `width` entries of largest size; among equals the first."""
    rows.sort_indices()
    starts = rows.indptr
    keep = np.ones(rows.nnz, np.bool_)
    for row in np.flatnonzero(np.diff(starts) > width).tolist():
        first, end = starts[row], starts[row + 1]
        keep[first:end] = False
        keep[first + largest(np.abs(rows.data[first:end]), width)] = True
    kept = np.concatenate(([0], np.cumsum(np.minimum(np.diff(starts), width))))
    return sparse.csr_array((rows.data[keep], rows.indices[keep], kept), shape=rows.shape)


def largest(values: Array, keep: int) -> NDArray[np.intp]:
    """Places of the `keep` largest, largest first, ties by place."""
    if len(values) <= max(keep, _SHORT):
        return np.asarray((-values).argsort(kind="stable")[:keep])
    # Few of many are wanted: a bound from a sample drops most before anything is sorted.
    places = _likely(values, keep)
    if len(places) < len(values):
        return places[largest(values[places], keep)]
    # All that equal the last one wanted stay, since ties go by place.
    places = (values >= np.partition(values, -keep)[-keep]).nonzero()[0]
    return np.asarray(places[(-values[places]).argsort(kind="stable")[:keep]])


def _likely(values: Array, keep: int) -> NDArray[np.intp]:
    step = len(values) // max(_LONG * keep, _SAMPLE) + 1
    if step == 1:
        return np.arange(len(values))
    sample = values[::step]
    # The first bound lets about twice as many through as are wanted, but may let through too few;
    # as many as are wanted are as large as the second already in the sample.
    for rank in (min(2 * keep // step + 8, keep), keep):
        places = (values >= np.partition(sample, -rank)[-rank]).nonzero()[0]
        if len(places) >= keep:
            break
    return np.asarray(places)


class Covisits(msgspec.Struct, frozen=True):
    """Items met by the same users: sums of roots of weights, by blocks of rows to save memory."""

    rows: Callable[[int, int], Counts]
    """The pairs of the items from the first position to before the second, (items, all items)."""
    weights: Floats

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
    """Steps to later items of the same user, maybe `to_itself`, shape (items, items), on the grain.

    A step over g - 1 visits, g up to `window`, counts gap_decay ** (g - 1) times its `weight`.
    Visits are in order of user, then time.
    """
    shape = (n_items, n_items)
    counts: Counts = sparse.csr_array(shape, dtype=np.float64)
    for gap in range(1, window + 1):
        counted = user[:-gap] == user[gap:]
        if not to_itself:
            counted &= item[:-gap] != item[gap:]
        first = np.flatnonzero(counted)
        worth = on_grain(weight[first + gap] * gap_decay ** (gap - 1))
        counts = (
            counts
            + sparse.coo_array((worth, (item[first], item[first + gap])), shape=shape).tocsr()
        )
    return tidy(counts)


def both_ways(counts: Counts, back: float) -> Counts:
    """The steps, and `back` times as much in the other direction."""
    return sparse.csr_array(counts + back * counts.T)


def transition_table(counts: Counts, *, width: int, power: float) -> SparseRows:
    """Rows of the counts, each divided by its sum to `power`."""
    # Else busy items would drown the others.
    total = np.asarray(counts.sum(axis=1))
    scale = np.where(total > 0, np.maximum(total, 1e-30) ** -power, 0.0)
    return SparseRows.of(sparse.csr_array(sparse.diags_array(scale) @ counts), width)


def meetings(log: WeighedLog, history: int) -> Covisits:
    """The pairs of items from each user's last `history` visits, in any order."""
    data, visit = log.data, count_visits(log.data)
    user = data.user[visit]
    visits_left = np.searchsorted(user, user, side="right") - np.arange(len(user))
    visit = visit[visits_left <= history]
    shape = (data.n_users, len(data.item_ids))
    places = (data.user[visit], data.item[visit])
    chosen = sparse.csr_array(sparse.coo_array((on_grain(log.weight[visit]), places), shape=shape))
    weights = np.asarray(chosen.sum(axis=0), np.float64)
    # The product of two roots is one weight; on the grain, so that the sums of users are exact.
    chosen.data = np.floor(np.sqrt(chosen.data) * PAIR_GRAIN**0.5 + 0.5).astype(np.int64)
    by_item = sparse.csr_array(chosen.T)

    def rows(start: int, end: int) -> Counts:
        together = sparse.csr_array(by_item[start:end] @ chosen)
        return sparse.csr_array(
            (together.data / PAIR_GRAIN, together.indices, together.indptr), shape=together.shape
        )

    return Covisits(rows, weights)


def covisit_table(covisits: Covisits, *, width: int, shrinkage: float) -> SparseRows:
    """Cosines of items over users; `shrinkage` in the denominator makes rare pairs uncertain."""
    norm = np.sqrt(covisits.weights)
    n_items = len(norm)
    rows: list[Counts] = []
    for start in range(0, max(n_items, 1), _CHUNK):  # at least once: no item, no row
        together = sparse.coo_array(covisits.rows(start, min(start + _CHUNK, n_items)))
        source, target = together.row + start, together.col
        cosine = together.data / np.maximum(norm[source] * norm[target] + shrinkage, 1e-30)
        cosine[source == target] = 0.0
        chunk = sparse.csr_array(
            sparse.coo_array((cosine, (together.row, target)), shape=together.shape)
        )
        chunk.eliminate_zeros()
        rows.append(keep_largest(chunk, width))
    return SparseRows.of(sparse.csr_array(sparse.vstack(rows)), width)


def repeat_share(repeated: int, preceded: int) -> float:
    """Share of events that repeat an item, smoothed by twenty of which one repeats."""
    return (repeated + 1) / (preceded + 20)


def count_visits(data: TrainingData) -> Ints:
    """The events that do not repeat the item of the same user's event before."""
    again = (data.user[:-1] == data.user[1:]) & (data.item[:-1] == data.item[1:])
    return np.flatnonzero(np.concatenate(([True], ~again))[: len(data)])


class RelatedItems(Stored, frozen=True, dict=True):
    """From a visitor's cells on to cells, and within a cell to items by their `base`."""

    # A row per cell, which sums to its level's weight at most.
    steps: Annotated[SparseRows, Kept("related_items.", "cells")]
    base: Annotated[Singles, Kept("related_items_base", "items", weights)]
    cell_base: Singles
    # Wider cell that all items of a cell share, if no other level carries it; (cells + 1,).
    parent: Ints
    apart: tuple[int, ...]

    @classmethod
    def of(cls, steps: SparseRows, base: Singles, index: ItemIndex) -> Self:
        """Sum the bases of the cells."""
        size = index.n_cells + 1
        total = np.zeros(size)
        for cells in index.cells[:, :-1]:
            total += np.bincount(cells, weights=base, minlength=size)
        # Nothing is ever spread over the last, "no cell"; it only must not divide by zero.
        whole = np.maximum(total, 1e-30).astype(np.float32)
        return cls(steps, base, whole, *_implied_levels(index.cells, index.n_cells))

    @cached_property
    def rarity(self) -> Singles:
        """Ratio of the widest cell's base to each cell's, shape (cells + 1,)."""
        return np.asarray(self.cell_base.max() / self.cell_base)

    def reached(self, cells: Ints, strengths: Singles) -> Singles:
        """Gain of each cell (…, cells + 1) from `cells` (levels, k) of `strengths` (…, k)."""
        reached = np.zeros((*strengths.shape[:-1], len(self.cell_base)), np.float32)
        self.steps.add_to(reached, cells.ravel(), np.concatenate([strengths] * len(cells), axis=-1))
        return reached

    def spread_to(self, out: Singles, lift: Singles, index: ItemIndex) -> None:
        """Write base times the `lift` (cells + 1,) of its cells for each catalogue item."""
        # A level that follows from a narrower one is added once a cell here, not once an item
        # below.
        lift = lift + lift[self.parent]
        first, *others = self.apart
        lift.take(index.cells[first, :-1], out=out, mode="clip")  # checked when loaded; the fastest
        for level in others:
            out += lift.take(index.cells[level, :-1], mode="clip")
        out *= self.base


def _implied_levels(cells: Ints, none: int) -> tuple[Ints, tuple[int, ...]]:
    parent, hosts, implied = np.full(none + 1, none, np.int64), set[int](), set[int]()
    for wide in range(len(cells) - 1, 0, -1):
        for narrow in range(wide - 1, -1, -1):
            # Of a cell that lies in two wider ones, `above` keeps the last, and the comparison
            # fails.
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
    """Steps between cells of one level, plus `prior` to itself; full rows sum to their share."""
    levels, shape = len(index.cells), (index.n_cells, index.n_cells)
    table = sparse.csr_array(shape, dtype=np.float32)
    for level, cells in enumerate(index.cells[:, :-1]):
        known = np.flatnonzero(cells < index.n_cells)
        member = sparse.csr_array(
            sparse.coo_array(
                (np.ones(len(known), np.float32), (known, cells[known])),
                shape=(len(index.ids), index.n_cells),
            )
        )
        own = np.zeros(index.n_cells, np.float32)
        own[cells[known]] = prior
        steps = member.T @ counts @ member + sparse.diags_array(own)
        share = fade**level / sum(fade**other for other in range(levels))
        scale = share / np.maximum(np.asarray(steps.sum(axis=1)), np.float32(1e-30))
        table = table + sparse.diags_array(scale.astype(np.float32)) @ steps
    return SparseRows.of(sparse.csr_array(table), width)
