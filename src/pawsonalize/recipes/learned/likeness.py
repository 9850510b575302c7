"""Likeness of items by their attributes.

An attribute name that is given more than once is one attribute with several values (a product's
categories): those columns share one vocabulary. Rare values count more.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.contract import ItemAttributes
from pawsonalize.recipes.counts.rows import SparseRows, expand
from pawsonalize.recipes.learned.requests import Requests

Array = NDArray[Any]
_MATCHED = 8  # single-valued attributes that are also compared one by one, at most


@dataclass(frozen=True, slots=True)
class Likeness:
    """Attributes of the items, weighed by how rare each value is."""

    rows: SparseRows
    """Unit rows, shape (items, values)."""
    codes: Array
    """Shape (items, columns) int32, -1 = none."""
    columns: tuple[str, ...]
    matched: tuple[int, ...]
    """The columns of attributes with a single value, whose values share one numbering."""
    values: Array
    """Values of the matched columns, shape (items + 1, matched); the last row is no item."""
    nothing: Array
    """Stands for an item without a value, shape (matched,)."""

    @property
    def n_values(self) -> int:
        """How many values the matched attributes have, nothing included."""
        return int(self.values.max(initial=-1)) + 1

    @property
    def names(self) -> list[str]:
        """The features' names, in the order of `compare`."""
        single = [self.columns[column] for column in self.matched]
        whole = ["like_newest", "like_slow", "like_flat"] if self.rows.width else []
        return whole + [
            f"like_{rate}_{name}" for name in single for rate in ("newest", "slow", "flat")
        ]

    def compare(self, r: Requests, weights: tuple[Array, ...], top: Array) -> list[Array]:
        """Likeness of candidates `top` (B, N) to the weighted contexts; each (B, N)."""
        if not self.rows.width:
            return []
        return _cosines(self.rows, r.context, weights, top)

    def profile(self, r: Requests, weights: tuple[Array, ...]) -> Array:
        """What the contexts hold of each value by each weighting, (B, weightings, values)."""
        count, size = len(r.context), self.n_values
        mine = self.values[r.context][:, None]  # (B, 1, L, matched); -1 is the row of no item
        first = np.arange(count * len(weights)).reshape(count, -1, 1, 1) * size
        worth = np.stack(weights, axis=1).ravel().repeat(self.values.shape[1])
        found = np.bincount((first + mine).ravel(), worth, count * len(weights) * size)
        return found.reshape(count, len(weights), size)


def build_likeness(attributes: ItemAttributes) -> tuple[Array, tuple[str, ...]]:
    """Codes in one vocabulary per attribute name, and the columns' names."""
    codes = np.array(attributes.codes, np.int32)
    vocabulary: dict[str, dict[str, int]] = {}
    for column, (name, values) in enumerate(zip(attributes.names, attributes.values, strict=True)):
        known = vocabulary.setdefault(name, {})
        merged = np.array([known.setdefault(value, len(known)) for value in values] + [-1])
        codes[:, column] = merged[codes[:, column]]
    return codes, attributes.names


def likeness_of(codes: Array, columns: tuple[str, ...]) -> Likeness:
    """Weigh the values: the inverse of how many items have each."""
    times = Counter(columns)
    matched = [c for c, name in enumerate(columns) if times[name] == 1][:_MATCHED]
    first, width = {}, 0
    for name in times:
        first[name] = width
        own = [c for c, other in enumerate(columns) if other == name]
        width += int(codes[:, own].max(initial=-1)) + 1
    item, column = np.nonzero(codes >= 0)
    base = np.array([first[name] for name in columns], np.int64)
    place = codes[item, column] + base[column] if len(item) else np.zeros(0, np.int64)
    shape = (len(codes), width)
    matrix = sparse.csr_array(sparse.coo_array((np.ones(len(item)), (item, place)), shape=shape))
    matrix.data[:] = 1.0
    rarity = np.log1p(shape[0] / (1.0 + np.bincount(matrix.indices, minlength=width)))
    weighted = sparse.csr_array(matrix @ sparse.diags_array(rarity)) if width else matrix
    norm = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)))
    unit = (
        sparse.diags_array(1.0 / np.where(norm > 0, norm, 1.0)) @ weighted
        if len(codes)
        else weighted
    )
    rows = SparseRows.of(sparse.csr_array(unit), max(width, 1))
    return Likeness(rows, codes, columns, tuple(matched), *_numbered(codes[:, matched]))


def _numbered(codes: Array) -> tuple[Array, Array]:
    """Values of several columns in one numbering, each column's -1 first, and those places."""
    nothing = np.zeros(codes.shape[1], np.int64)
    nothing[1:] = np.cumsum(codes[:, :-1].max(axis=0, initial=-1) + 2)
    return np.concatenate([codes + 1 + nothing, nothing[None]]), nothing


def _cosines(
    rows: SparseRows, context: Array, weights: tuple[Array, ...], top: Array
) -> list[Array]:
    count, length = context.shape
    entry = np.flatnonzero(context.ravel() >= 0)
    item = context.ravel()[entry]
    owner, at = expand(rows.starts[item], rows.starts[item + 1] - rows.starts[item])
    entry = entry[owner]
    key, values = entry // length * rows.width + rows.columns[at], rows.values[at]
    items = top.ravel()
    slot, position = expand(rows.starts[items], rows.starts[items + 1] - rows.starts[items])
    place = slot // top.shape[1] * rows.width + rows.columns[position]
    results = []
    for weight in weights:
        profile = np.bincount(key, values * weight.ravel()[entry], minlength=count * rows.width)
        matched = np.bincount(slot, rows.values[position] * profile[place], minlength=len(items))
        results.append(matched.astype(np.float32).reshape(top.shape))
    return results
