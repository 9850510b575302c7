"""Small compressed rows: gather, prune and look up, for batches of one as well as of many."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.artefact import check_codes, check_offsets, take, take_weights
from pawsonalize.recipes.contract import Arrays
from pawsonalize.recipes.tables import Counts, keep_largest

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """CSR with sorted columns: `starts` (rows + 1,), `columns` int32, `values` float32.

    `floor` (rows,) float32 is the smallest value kept of a row that was pruned, else 0.
    """

    starts: Array
    columns: Array
    values: Array
    width: int
    floor: Array

    def arrays(self, name: str) -> dict[str, Array]:
        """The rows as plain arrays; floors serve the training alone."""
        return {
            f"{name}.starts": self.starts,
            f"{name}.columns": self.columns,
            f"{name}.values": self.values,
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: Arrays, rows: int, width: int) -> "Rows":
        """Rebuild from `arrays`; CorruptArtefact when sizes or columns do not fit."""
        starts = take(arrays, f"{name}.starts", np.int64, (rows + 1,))
        columns = take(arrays, f"{name}.columns", np.int32, (None,))
        values = take_weights(arrays, f"{name}.values", columns.shape)
        check_offsets(f"{name}.starts", starts, len(columns))
        check_codes(f"{name}.columns", columns, width)
        return cls(starts, columns, values, width, np.zeros(rows, np.float32))


def to_rows(matrix: Counts, keep: int) -> Rows:
    """The `keep` largest values of each row."""
    full = np.diff(matrix.indptr)
    pruned = prune(matrix, keep)
    pruned.sort_indices()
    return Rows(
        pruned.indptr.astype(np.int64),
        pruned.indices.astype(np.int32),
        pruned.data.astype(np.float32),
        pruned.shape[1],
        _floors(pruned, full),
    )


def _floors(matrix: Counts, full: Array) -> Array:
    result = np.zeros(matrix.shape[0], np.float32)
    filled = np.flatnonzero(np.diff(matrix.indptr))  # reduceat needs rows that are not empty
    if len(filled):
        result[filled] = np.minimum.reduceat(matrix.data, matrix.indptr[filled])
    return np.where(np.diff(matrix.indptr) < full, result, np.float32(0.0))


def expand(starts: Array, lengths: Array) -> tuple[Array, Array]:
    """Concatenate the ranges starts[k] … starts[k] + lengths[k]: each element's k and position."""
    owner = np.repeat(np.arange(len(starts)), lengths)
    before = np.cumsum(lengths) - lengths
    return owner, np.arange(len(owner)) + (starts - before)[owner]


def prune(matrix: Counts, keep: int) -> Counts:
    """Keep the `keep` largest values of each row; ties: the lower column."""
    if np.diff(matrix.indptr).max(initial=0) <= keep:
        return matrix
    matrix.sort_indices()
    return keep_largest(matrix, keep)


def look_up(table: Rows, rows: Array, columns: Array) -> Array:
    """Values at (rows, columns), 0 where there are none: a binary search inside each row."""
    if not len(table.columns):
        return np.zeros(len(rows))
    low, high = table.starts[rows], table.starts[rows + 1]
    end, last = high.copy(), len(table.columns) - 1
    for _ in range(int(np.diff(table.starts).max(initial=1)).bit_length()):
        middle = (low + high) // 2
        smaller = (low < high) & (table.columns[np.minimum(middle, last)] < columns)
        low = np.where(smaller, middle + 1, low)
        high = np.where(smaller, high, np.minimum(middle, high))
    safe = np.minimum(low, last)
    found = (low < end) & (table.columns[safe] == columns)
    return np.where(found, table.values[safe], 0.0)
