"""Counts of item-to-item steps within users' histories, and of co-visits."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array, vstack

from pawsonalize.recipes.counts.counting import PAIR_GRAIN, Covisits
from pawsonalize.recipes.counts.rows import Counts, SparseRows, keep_largest, tidy
from pawsonalize.recipes.counts.weights import WeighedLog, on_grain
from pawsonalize.recipes.data import TrainingData

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
