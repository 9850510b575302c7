"""Candidate tables: for each source (an item or a cell) a short list of weighted targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pawsonalize.recipes.artefact import check_codes, check_offsets, take, take_weights
from pawsonalize.recipes.contract import Arrays

Counts = csr_array[Any, tuple[int, int]]
_LONG = 6  # so many times the wanted are thinned out by a sample first
_SHORT = 500  # so many values are sorted whole: that is faster than to find the least first


@dataclass(frozen=True, slots=True)
class Table:
    """Sparse rows: `targets[starts[r] : starts[r + 1]]` and their `weights` belong to source r.

    The last row is empty and stands for any source outside the catalogue.
    """

    starts: NDArray[np.int64]
    targets: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, rows: Counts) -> "Table":
        """A table of these rows, with the empty one behind them."""
        starts = np.append(rows.indptr, rows.indptr[-1]).astype(np.int64)
        return cls(starts, rows.indices.astype(np.int32), rows.data.astype(np.float32))

    def add_to(
        self, out: NDArray[np.float32], rows: NDArray[np.int64], factors: NDArray[np.float32]
    ) -> None:
        """Add `factors[…, k]` times row `rows[k]` to `out[…]`, for every k; rows may repeat."""
        starts = self.starts[rows]
        lengths = self.starts[rows + 1] - starts
        ends = lengths.cumsum()
        # Position p of the concatenated rows lies at p plus its row's start less its row's place.
        at = np.arange(ends[-1] if len(ends) else 0)
        at += (starts - ends + lengths).repeat(lengths)
        # Places of the native size are added in half the time.
        targets, weights = self.targets[at].astype(np.intp), self.weights[at]
        for sums, scales in zip(np.atleast_2d(out), np.atleast_2d(factors), strict=True):
            np.add.at(sums, targets, weights * scales.repeat(lengths))

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The rows as plain arrays, `name.starts` and so on."""
        return {
            f"{name}.starts": self.starts,
            f"{name}.targets": self.targets,
            f"{name}.weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Arrays, sources: int, targets: int) -> "Table":
        """Rebuild from `arrays`; CorruptArtefact when sizes or targets do not fit."""
        starts = take(arrays, f"{name}.starts", np.int64, (sources + 2,))
        codes = take(arrays, f"{name}.targets", np.int32, (None,))
        weights = take_weights(arrays, f"{name}.weights", codes.shape)
        check_offsets(f"{name}.starts", starts, len(codes))
        check_codes(f"{name}.targets", codes, targets)
        return cls(starts, codes, weights)


def heaviest(rows: Counts, width: int) -> Counts:
    """The same rows with only the `width` heaviest targets of each; among equals the first."""
    rows.eliminate_zeros()
    rows.sort_indices()
    return keep_largest(rows, width)


def keep_largest(rows: Counts, width: int) -> Counts:
    """The same rows with only the `width` largest entries of each; among equals the first."""
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
        return np.argsort(-values, kind="stable")[:keep]
    if len(values) > _LONG * keep:
        # So many of a sample are as large as its bound: of all values there are no fewer.
        sample = values[:: len(values) // (_LONG * keep) + 1]
        places = np.flatnonzero(values >= np.partition(sample, -keep)[-keep])
        if len(places) < len(values):
            return places[largest(values[places], keep)]
    least = np.partition(values, -keep)[-keep]
    above, equal = np.flatnonzero(values > least), np.flatnonzero(values == least)
    places = np.sort(np.concatenate([above, equal[: keep - len(above)]]))
    return places[np.argsort(-values[places], kind="stable")]
