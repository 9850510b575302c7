"""Sparse rows: for each source (an item or a cell) a short list of weighted targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pawsonalize.recipes.artefact import check_codes, check_offsets, take, take_weights
from pawsonalize.recipes.data import Arrays

Array = NDArray[Any]
Entries = tuple[Array, Array, Array]
"""Columns and values of some rows, one row after the other, and the length of each."""
Counts = csr_array[Any, tuple[int, int]]
_LONG = 6  # a sample has so many times the values that are wanted, or `_SAMPLE` if that is more
_SAMPLE = 1_200
_SHORT = 500  # so many values are sorted whole: that is faster than to find the least first


@dataclass(frozen=True, slots=True)
class SparseRows:
    """The largest values of each row, in order of their columns.

    Row r is `columns[starts[r] : starts[r + 1]]` with its `values`. The last row is empty and
    stands for any source outside the catalogue.
    """

    starts: NDArray[np.int64]
    """Start of each row, shape (rows + 2,)."""
    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    width: int
    """Number of columns."""
    floor: NDArray[np.float32]
    """The smallest value kept of each row that was cut, else 0, shape (rows,); for trainings."""

    @classmethod
    def of(cls, counts: Counts, keep: int) -> "SparseRows":
        """The `keep` largest values of each row, among equals the first; `counts` is sorted."""
        counts.eliminate_zeros()
        kept = keep_largest(counts, keep)
        return cls(
            np.append(kept.indptr, kept.indptr[-1]).astype(np.int64),
            kept.indices.astype(np.int32),
            kept.data.astype(np.float32),
            kept.shape[1],
            _floors(kept, np.diff(counts.indptr)),
        )

    def add_to(
        self, out: NDArray[np.float32], rows: NDArray[np.int64], factors: NDArray[np.float32]
    ) -> None:
        """Add `factors[…, k]` times row `rows[k]` to `out[…]`, for every k; rows may repeat."""
        columns, values, lengths = self.gather(rows)
        for sums, scales in zip(np.atleast_2d(out), np.atleast_2d(factors), strict=True):
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

    def arrays(self, name: str) -> dict[str, Array]:
        """The rows as plain arrays, `name.starts` and so on."""
        return {
            f"{name}.starts": self.starts,
            f"{name}.columns": self.columns,
            f"{name}.values": self.values,
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Arrays, rows: int, width: int) -> "SparseRows":
        """Rebuild from `arrays`; CorruptArtefact when sizes or columns do not fit."""
        starts = take(arrays, f"{name}.starts", np.int64, (rows + 2,))
        columns = take(arrays, f"{name}.columns", np.int32, (None,))
        values = take_weights(arrays, f"{name}.values", columns.shape)
        check_offsets(f"{name}.starts", starts, len(columns))
        check_codes(f"{name}.columns", columns, width)
        return cls(starts, columns, values, width, np.zeros(rows, np.float32))


def tidy(counts: Counts) -> Counts:
    """The same counts in the one form that equal counts have, in place."""
    counts.sum_duplicates()
    counts.eliminate_zeros()
    counts.sort_indices()
    return counts


def _floors(kept: Counts, full: Array) -> NDArray[np.float32]:
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
    """The same rows with only the `width` largest entries of each; among equals the first."""
    rows.sort_indices()
    starts = rows.indptr
    keep = np.ones(rows.nnz, np.bool_)
    for row in np.flatnonzero(np.diff(starts) > width).tolist():
        first, end = starts[row], starts[row + 1]
        keep[first:end] = False
        keep[first + largest(rows.data[first:end], width)] = True
    kept = np.concatenate(([0], np.cumsum(np.minimum(np.diff(starts), width))))
    return csr_array((rows.data[keep], rows.indices[keep], kept), shape=rows.shape)


def largest(values: NDArray[Any], keep: int) -> NDArray[np.intp]:
    """Places of the `keep` largest, largest first, ties by place."""
    if len(values) <= max(keep, _SHORT):
        return np.asarray((-values).argsort(kind="stable")[:keep])
    places = _likely(values, keep)
    if len(places) < len(values):
        return places[largest(values[places], keep)]
    places = (values >= np.partition(values, -keep)[-keep]).nonzero()[0]
    return np.asarray(places[(-values[places]).argsort(kind="stable")[:keep]])


def _likely(values: NDArray[Any], keep: int) -> NDArray[np.intp]:
    """Places of few values, in order, with the `keep` largest among them."""
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
