"""Additive item-to-item step counts, the rows served from them, and their exact cross-fit.

A step a -> b inside `window` visits counts gap_decay ** (gap - 1) times the weight of b. Every
contribution is rounded to a multiple of 2 ** -20, so float64 sums are exact in any order: adding
later visits gives bit for bit the counts a rebuild would give.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pawsonalize.recipes.learned.log import Log
from pawsonalize.recipes.learned.rows import Rows, expand, look_up, to_rows
from pawsonalize.recipes.tables import Counts

Array = NDArray[Any]
_GRAIN = 2.0**20


@dataclass(frozen=True, slots=True)
class Pairs:
    """What to take out of rows: `worth` of the step row -> column, for a request of a batch."""

    request: Array
    row: Array
    column: Array
    worth: Array


def count_steps(log: Log, window: int, gap_decay: float, since: Array | None = None) -> Counts:
    """Counts of shape (items, items), row = earlier item, column = later item.

    `since` (users,) is how many visits of each user are counted already: then only steps into
    later ones are, so that count(all) == count(old) + count(all, since=old lengths).
    """
    owners = log.owners
    fresh = np.ones(len(owners), bool)
    if since is not None:
        fresh = np.arange(len(owners)) - log.offsets[owners] >= since[owners]
    shape = (log.n_items, log.n_items)
    total: Counts = sparse.csr_array(shape, dtype=np.float64)
    for gap in range(1, window + 1):
        first = np.flatnonzero((owners[gap:] == owners[:-gap]) & fresh[gap:])
        worth = _on_grain(gap_decay ** (gap - 1) * log.weights[first + gap])
        pairs = (log.items[first], log.items[first + gap])
        total = total + sparse.coo_array((worth, pairs), shape=shape).tocsr()
    total.sort_indices()
    return total


def row_scale(counts: Counts, power: float) -> Array:
    """Multiplier of each row, shape (items,): popular rows are damped, not flattened."""
    return np.asarray(np.maximum(np.asarray(counts.sum(axis=1)), 1.0) ** -power)


def serving_rows(counts: Counts, scale: Array, keep: int) -> Rows:
    """The largest entries of each scaled row."""
    return to_rows(sparse.csr_array(sparse.diags_array(scale) @ counts), keep)


def own_steps(
    log: Log, users: Array, cuts: Array, *, window: int, gap_decay: float, depth: int
) -> Pairs:
    """What users' own visits from position `cut` on added to the counts, summed per pair.

    Training requests lie at most `depth` visits before the end of their user.
    """
    start, length = log.offsets[users][:, None, None], log.lengths[users][:, None, None]
    later = cuts[:, None, None] + np.arange(depth)[None, :, None]
    earlier = later - np.arange(1, window + 1)[None, None, :]
    request, column, step = np.nonzero((later < length) & (earlier >= 0))
    at = start[request, 0, 0] + later[request, column, 0]
    b, a = log.items[at], log.items[at - step - 1]
    worth = _on_grain(gap_decay**step * log.weights[at])
    distinct, inverse = np.unique(
        (request * log.n_items + a) * log.n_items + b, return_inverse=True
    )
    pair, b = np.divmod(distinct, log.n_items)
    request, a = np.divmod(pair, log.n_items)
    return Pairs(request, a, b, np.bincount(inverse, worth, minlength=len(distinct)))


def spread(rows: Rows, context: Array, weights: list[Array], own: Pairs | None) -> list[Array]:
    """Sum the rows of the context items, once per weighting; each (requests, items) float64.

    `context` (requests, L) holds items or -1, each of `weights` is (requests, L), `own` are scaled
    steps to take out.
    """
    n, (count, length) = rows.width, context.shape
    entry = np.flatnonzero(context.ravel() >= 0)
    item = context.ravel()[entry]
    owner, at = expand(rows.starts[item], rows.starts[item + 1] - rows.starts[item])
    entry = entry[owner]
    key, values = entry // length * n + rows.columns[at], rows.values[at]
    results = [np.bincount(key, values * w.ravel()[entry], minlength=count * n) for w in weights]
    if own is not None:
        _take_out(results, rows, context, weights, own)
        results = [np.maximum(result, 0.0) for result in results]
    return [result.reshape(count, n) for result in results]


def _take_out(
    results: list[Array], rows: Rows, context: Array, weights: list[Array], own: Pairs
) -> None:
    """Subtract own steps in place.

    Without these visits an entry below its row's floor would have been pruned: it goes whole, for
    a value under the floor would mark the label. What was pruned was never added.
    """
    present = look_up(rows, own.row, own.column)
    pruned = present - own.worth < rows.floor[own.row] + 1e-6
    worth = np.where(pruned, present, np.minimum(own.worth, present))
    matches = context[own.request] == own.row[:, None]
    key = own.request * rows.width + own.column
    for result, weight in zip(results, weights, strict=True):
        np.subtract.at(result, key, worth * (weight[own.request] * matches).sum(axis=1))
        result[np.abs(result) < 1e-6] = 0.0


def _on_grain(values: Array) -> Array:
    return np.asarray(np.round(values * _GRAIN) / _GRAIN)
