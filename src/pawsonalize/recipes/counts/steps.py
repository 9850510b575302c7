"""What follows what: counts of item-to-item steps within users' histories, and of co-visits."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array, vstack

from pawsonalize.recipes.contract import TrainingData
from pawsonalize.recipes.counts.rows import Counts, SparseRows, keep_largest
from pawsonalize.recipes.counts.weights import WeighedLog, on_grain

_CHUNK = 1_000  # source items at a time, so that unpruned co-visits never fill the memory


def count_steps(
    user: NDArray[np.integer],
    item: NDArray[np.integer],
    weight: NDArray[np.floating],
    n_items: int,
    *,
    window: int,
    gap_decay: float,
    to_itself: bool = True,
    exact: bool = False,
) -> Counts:
    """Steps from an item to a later one of the same user, shape (items, items).

    A step over g - 1 visits between counts gap_decay ** (g - 1) times its later visit's `weight`,
    for g up to `window`. Visits are in order of user, then time. `to_itself`: steps from an item
    to the same item count as well. `exact`: every summand is on the grain, so that the counts of
    some users can be taken out of the counts of all.
    """
    shape = (n_items, n_items)
    counts: Counts = csr_array(shape, dtype=weight.dtype)
    for gap in range(1, window + 1):
        counted = user[:-gap] == user[gap:]
        if not to_itself:
            counted &= item[:-gap] != item[gap:]
        first = np.flatnonzero(counted)
        worth = gap_decay ** (gap - 1) * weight[first + gap]
        pairs = (item[first], item[first + gap])
        found = coo_array((on_grain(worth) if exact else worth, pairs), shape=shape)
        counts = counts + found.tocsr()
    counts.sort_indices()
    return counts


def transition_counts(log: WeighedLog, *, window: int, gap_decay: float, back: float) -> Counts:
    """Steps from an item to a different one, shape (items, items).

    `back` times as much is counted in the other direction. Repeats of an item in a row are one
    visit: they must not push its neighbours out of the window.
    """
    data, visit = log.data, _visits(log.data)
    user, item, weight = data.user[visit], data.item[visit], log.weight[visit]
    n_items = len(data.item_ids)
    counts = count_steps(
        user, item, weight, n_items, window=window, gap_decay=gap_decay, to_itself=False
    )
    return csr_array(counts + back * counts.T)


def transition_table(counts: Counts, *, width: int, power: float) -> SparseRows:
    """Rows of the counts, each divided by its sum to `power`, so that busy items do not drown."""
    total = np.asarray(counts.sum(axis=1))
    scale = np.where(total > 0, np.maximum(total, 1e-30) ** -power, 0.0)
    return SparseRows.of(csr_array(diags_array(scale.astype(np.float32)) @ counts), width)


def covisit_table(log: WeighedLog, *, history: int, width: int, shrinkage: float) -> SparseRows:
    """Cosine of items over users, from each user's last `history` visits, in any order.

    `shrinkage` is added to the cosine's denominator: two rare items met by one user are no
    certainty.
    """
    data, visit = log.data, _visits(log.data)
    user = data.user[visit]
    visits_left = np.searchsorted(user, user, side="right") - np.arange(len(user))
    visit = visit[visits_left <= history]
    shape = (data.n_users, len(data.item_ids))
    chosen = csr_array(
        coo_array((log.weight[visit], (data.user[visit], data.item[visit])), shape=shape)
    )
    norm = np.sqrt(np.asarray(chosen.sum(axis=0)))
    chosen.data = np.sqrt(chosen.data)
    by_item = csr_array(chosen.T)
    rows: list[Counts] = []
    for start in range(0, max(shape[1], 1), _CHUNK):  # at least once: no item, no row
        together = coo_array(by_item[start : start + _CHUNK] @ chosen)
        source, target = together.row + start, together.col
        cosine = together.data / np.maximum(norm[source] * norm[target] + shrinkage, 1e-30)
        cosine[source == target] = 0.0
        chunk = csr_array(coo_array((cosine, (together.row, target)), shape=together.shape))
        chunk.eliminate_zeros()
        rows.append(keep_largest(chunk, width))
    return SparseRows.of(csr_array(vstack(rows)), width)


def repeat_share(data: TrainingData, window: int) -> float:
    """How often an event's item is among the `window` events before it, of those that have any.

    Smoothed by twenty imagined events of which one repeats.
    """
    user, item = data.user, data.item
    repeated = np.zeros(len(data), np.bool_)
    for gap in range(1, window + 1):
        repeated[gap:] |= (user[:-gap] == user[gap:]) & (item[:-gap] == item[gap:])
    preceded = np.count_nonzero(user[:-1] == user[1:])
    return float((np.count_nonzero(repeated) + 1) / (preceded + 20))


def _visits(data: TrainingData) -> NDArray[np.int64]:
    """The events that do not repeat the item of the same user's event before."""
    again = (data.user[:-1] == data.user[1:]) & (data.item[:-1] == data.item[1:])
    return np.flatnonzero(np.concatenate(([True], ~again))[: len(data)])
