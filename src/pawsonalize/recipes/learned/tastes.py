"""What a context says of an item's attributes, whichever items it holds.

Three views of it: the likeness of the attributes' values, the steps between cells that users
make (`kin`), and the share of a visitor's choices that fell on each value, drawn towards the usual
share where there are few (`taste`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.learned.likeness import Likeness
from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.supply import Supply

if TYPE_CHECKING:
    from pawsonalize.recipes.learned.tables import Tables

Array = NDArray[Any]
_RATES = ("newest", "slow", "all")
_DOUBTS = (2.0, 10.0)  # choices with the usual shares that are added to the visitor's own
_LEAST_LIFT = 0.01


@dataclass(frozen=True, slots=True)
class Usual:
    """What is chosen usually. `rate` (cells + 1,): log of choices per available animal.

    `shares[k]` are the shares of choices by value of the k-th single attribute, shape (values +
    1,), the first for items without one.
    """

    rate: Array
    shares: tuple[Array, ...]

    @classmethod
    def of(cls, total: Array, index: ItemIndex, supply: Supply, likeness: Likeness) -> "Usual":
        """Count the choices `total` (items,)."""
        size = index.n_cells + 1
        chosen, there = np.zeros(size), np.zeros(size)
        for cells in index.cells[:, :-1]:
            chosen += np.bincount(cells, total, size)
            there += np.bincount(cells, supply.usual, size)
        shares = []
        for column in likeness.matched:
            code = likeness.codes[:, column]
            weight = np.bincount(code + 1, total, int(code.max(initial=-1)) + 2) + 1.0
            shares.append(weight / weight.sum())
        return cls(np.log((chosen + 1.0) / (there + supply.smoothing)), tuple(shares))


def taste_names(t: "Tables") -> list[str]:
    """The features' names, in the order of `taste_columns`."""
    single = [t.likeness.columns[column] for column in t.likeness.matched]
    levels = range(len(t.index.cells))
    names = list(t.likeness.names)
    names += [f"kin_{rate}_{level}_log" for rate in _RATES for level in levels]
    return names + [f"taste_{k}_{name}_log" for name in single for k in range(len(_DOUBTS))]


def taste_columns(
    t: "Tables", r: Requests, weights: Mapping[str, Array], top: Array
) -> Iterator[Array]:
    """Each (B, N) for the candidates `top`."""
    yield from t.likeness.compare(r, tuple(weights[rate] for rate in _RATES), top)
    for rate in _RATES:
        yield from _kin_columns(t, r, weights[rate], top)
    for column, usual in zip(t.likeness.matched, t.usual.shares, strict=True):
        yield from _shares_of_choices(t.likeness.codes[:, column], usual, r, top)


def _kin_columns(t: "Tables", r: Requests, weight: Array, top: Array) -> Iterator[Array]:
    """How much likelier the context makes each of a candidate's cells, as a log."""
    kin = t.mixture.kin
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    rows = zip(r.cells, share.astype(np.float32), strict=True)
    lift = np.stack([kin.lift(cells, strengths) for cells, strengths in rows])
    lift = np.log(lift * kin.cell_base.max() + _LEAST_LIFT)
    request = np.arange(len(top))[:, None]
    for cells in t.index.cells[:, :-1]:
        yield lift[request, cells[top]]


def _shares_of_choices(code: Array, usual: Array, r: Requests, top: Array) -> Iterator[Array]:
    size = len(usual)
    mine = np.where(r.context >= 0, code[r.context], -1) + 1
    request = np.arange(len(top))[:, None] * size
    own = np.bincount((request + mine).ravel(), r.worth.ravel(), len(top) * size)
    theirs = code[top] + 1
    own, expected = own[request + theirs], usual[theirs]
    total = r.worth.sum(axis=1, keepdims=True)
    for doubt in _DOUBTS:
        yield np.log((own + doubt * expected) / ((total + doubt) * expected))
