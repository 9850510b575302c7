"""Likeness of items by their attributes.

An attribute name that is given more than once is one attribute with several values (a product's
categories): those columns share one vocabulary. Rare values count more.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.counts.rows import expand
from pawsonalize.recipes.data import ItemAttributes

Array = NDArray[Any]
_MATCHED = 8  # single-valued attributes that are also compared one by one, at most


@dataclass(frozen=True)
class Likeness:
    """Attributes of the items, weighed by how rare each value is.

    Items are columns of its arrays. The last column is no item, so that -1 is none.
    """

    places: Array
    """The values of each item among all values, shape (most of an item, items + 1)."""
    rarity: Array
    """Weights of the values, of unit length for an item, 0 where it has fewer; same shape."""
    width: int
    """Number of values of all attributes."""
    codes: Array
    """Shape (items, columns) int32, -1 = none."""
    columns: tuple[str, ...]
    matched: tuple[int, ...]
    """The columns of attributes with a single value, whose values share one numbering."""
    values: Array
    """Values of the matched columns, shape (items + 1, matched) int32."""
    nothing: Array
    """Stands for an item without a value, shape (matched,)."""

    @cached_property
    def n_values(self) -> int:
        """Number of values of the matched attributes, nothing included."""
        return int(self.values.max(initial=-1)) + 1

    @property
    def has_lists(self) -> bool:
        """Whether an attribute has several values: only then `compare` says more than `held`."""
        return len(self.matched) < len(self.columns)

    @property
    def names(self) -> list[str]:
        """The features' names: of `compare`, then of each matched attribute."""
        single = [self.columns[column] for column in self.matched]
        whole = ["like_newest", "like_slow", "like_flat"] if self.has_lists else []
        return whole + [
            f"like_{rate}_{name}" for rate in ("newest", "slow", "flat") for name in single
        ]

    def compare(self, context: Array, weights: Array, top: Array) -> Array:
        """Cosines of candidates `top` (N,) to the context (L,) by each weighting (R, L).

        Shape (R, N), the context not being of unit length.
        """
        rarity = self.rarity[:, context]
        worth = (weights[:, None] * rarity).reshape(len(weights), -1)
        held = _sums(self.places[:, context], worth, self.width)
        return np.asarray((held[:, self.places[:, top]] * self.rarity[:, top]).sum(axis=1))

    def values_of(self, items: Array) -> Array:
        """The matched values of items (N,), shape (matched, N)."""
        return np.ascontiguousarray(self.values.take(items, axis=0).T, np.intp)

    def is_known(self, values: Array) -> Array:
        """Whether these (matched, N) are values, shape (matched, N)."""
        return np.asarray(values != self.nothing[:, None])

    def held(self, context: Array, weights: Array, values: Array) -> tuple[Array, Array]:
        """Return the context's weight on matched values (matched, N), and on all of its values.

        Shapes (R, matched, N) and (R, matched); the context and its weights are as above.
        """
        theirs = self.values_of(context)
        worth = np.concatenate([weights] * len(self.matched), axis=1)
        held = _sums(theirs, worth, self.n_values).take(values, axis=1, mode="clip")
        return held, weights @ self.is_known(theirs).astype(np.float32).T


def _sums(values: Array, worth: Array, size: int) -> Array:
    """Sums by value, (R, size): what each of the values (C, L) is worth, `worth` (R, C * L)."""
    found, at = np.zeros((len(worth), size), np.float32), values.ravel()
    for total, row in zip(found, worth, strict=True):
        np.add.at(total, at, row)
    return found


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
    places, rare = _padded(sparse.csr_array(unit))
    return Likeness(
        places, rare, width, codes, columns, tuple(matched), *_numbered(codes[:, matched])
    )


def _padded(rows: sparse.csr_array) -> tuple[Array, Array]:
    """Columns and values of each row as a column, filled up with 0; the last one is all 0."""
    lengths = np.diff(rows.indptr)
    shape = (int(lengths.max(initial=0)), len(lengths) + 1)
    columns, values = np.zeros(shape, np.intp), np.zeros(shape, np.float32)
    row, place = expand(np.zeros(len(lengths), np.int64), lengths)
    columns[place, row], values[place, row] = rows.indices, rows.data
    return columns, values


def _numbered(codes: Array) -> tuple[Array, Array]:
    """Values of several columns in one numbering, each column's -1 first, and those places."""
    nothing = np.zeros(codes.shape[1], np.int64)
    nothing[1:] = np.cumsum(codes[:, :-1].max(axis=0, initial=-1) + 2)
    values = np.concatenate([codes + 1 + nothing, nothing[None]])
    return np.ascontiguousarray(values, np.int32), nothing
