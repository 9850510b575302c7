"""The nearest other users by overlap with the context, and what they did around the match."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.counts.log import VisitLog
from pawsonalize.recipes.counts.rows import expand, largest
from pawsonalize.recipes.learned.design import Design

Array = NDArray[Any]
_ECHO = 3  # newest visits of a neighbour which the context must hold in a row to be an echo
_BEFORE, _AFTER = 20, 30  # visits of a neighbour around the match that count
_DISTANCE = np.arange(-_BEFORE, _AFTER)
_KERNEL = np.where(_DISTANCE > 0, 1.0, 0.4) * 0.8 ** np.abs(np.abs(_DISTANCE) - 1)


@dataclass(frozen=True, slots=True)
class Postings:
    """Newest visits of each item: `starts` (items + 1,), `users` and `positions` (postings,).

    `idf` (items,) is higher for items that fewer visits share. `offsets` and `items` are the log's.
    """

    starts: Array
    users: Array
    positions: Array
    idf: Array
    offsets: Array
    items: Array

    @property
    def n_users(self) -> int:
        """How many users the log has."""
        return len(self.offsets) - 1


def build_postings(log: VisitLog, keep: int) -> Postings:
    """Without times, the newest are those nearest the end of their user's history."""
    owners = log.owners
    position = np.arange(len(owners)) - log.offsets[owners]
    age = -log.times if log.timed else log.lengths[owners] - position
    order = np.lexsort((age, log.items))
    counts = np.bincount(log.items, minlength=log.n_items)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[rank < keep]
    return Postings(
        starts=np.concatenate([[0], np.cumsum(np.minimum(counts, keep))]).astype(np.int64),
        users=owners[order].astype(np.int32),
        positions=position[order].astype(np.int32),
        idf=np.log1p(log.n_users / (1.0 + counts)).astype(np.float32),
        offsets=log.offsets,
        items=log.items,
    )


def neighbour_scores(
    p: Postings, context: Array, weights: Array, users: Array, design: Design
) -> tuple[Array, Array]:
    """Two (requests, items) float64: alike users' items, flat and decayed around the match."""
    request, other, similarity, match = _nearest(p, context, weights, users, design.neighbours)
    length = p.offsets[other + 1] - p.offsets[other]
    low, high = np.maximum(match - _BEFORE, 0), np.minimum(match + _AFTER, length)
    owner, at = expand(p.offsets[other] + low, high - low)
    kernel = _KERNEL[at + (_BEFORE - p.offsets[other] - match)[owner]]
    shape = (len(context), len(p.idf))
    key, size = (request * shape[1])[owner] + p.items[at], shape[0] * shape[1]
    worth = similarity[owner]
    flat = np.bincount(key, worth, minlength=size)
    near = np.bincount(key, worth * kernel, minlength=size)
    return flat.reshape(shape), near.reshape(shape)


def _nearest(
    p: Postings, context: Array, weights: Array, users: Array, keep: int
) -> tuple[Array, Array, Array, Array]:
    """Request, neighbour, similarity and position of its newest match; best `keep` a request.

    `users` (requests,) are the requests' own, never their own neighbours; -1 = unknown.
    """
    count, length = context.shape
    entry = np.flatnonzero(context.ravel() >= 0)
    item = context.ravel()[entry]
    owner, at = expand(p.starts[item], p.starts[item + 1] - p.starts[item])
    worth = (weights.ravel()[entry] * p.idf[item])[owner]
    request, other = entry[owner] // length, p.users[at]
    apart = other != users[request]
    key = request[apart] * p.n_users + other[apart]
    found, slot = _distinct(key, count * p.n_users)
    similarity = np.bincount(slot, worth[apart], minlength=len(found))
    match = np.empty(len(found), np.int32)
    match[slot[::-1]] = p.positions[at][apart][::-1]  # written last = the newest context item
    request, other = np.divmod(found, p.n_users)
    similarity = similarity / np.sqrt(p.offsets[other + 1] - p.offsets[other] + 5.0)
    ends = np.searchsorted(request, np.arange(count + 1))
    order = np.concatenate(
        [low + largest(similarity[low:high], keep) for low, high in pairwise(ends.tolist())]
    )
    order = order[~_echoes(p, context[request[order]], other[order])]
    return request[order], other[order], similarity[order], match[order]


def _echoes(p: Postings, context: Array, other: Array) -> Array:
    """Whether the context holds the neighbour's newest visits in a row, shape (neighbours,).

    Such a history has nothing after the match; mostly it is the visitor's own, as it was when the
    model was trained (a context does not say whose it is). `context` is (neighbours, L).
    """
    end, length = p.offsets[other + 1], p.offsets[other + 1] - p.offsets[other]
    row, place = np.nonzero(context == p.items[end - 1][:, None])
    end, length, last = end[row], length[row], context.shape[1] - 1
    held = np.ones(len(row), bool)
    for back in range(1, min(_ECHO, last + 1)):
        item = p.items[np.maximum(end - 1 - back, 0)]
        same = context[row, np.minimum(place + back, last)] == item
        held &= (same & (place + back <= last)) | (length <= back)
    echo = np.zeros(len(context), bool)
    echo[row[held]] = True
    return echo


def _distinct(key: Array, size: int) -> tuple[Array, Array]:
    """Sorted distinct keys below `size`, and each key's place among them.

    Marking a table beats sorting until it is much larger than the keys; both agree exactly.
    """
    if size > 30 * len(key):
        found, place = np.unique(key, return_inverse=True)
        return found, place
    present = np.zeros(size, bool)
    present[key] = True
    found = np.flatnonzero(present)
    places = np.empty(size, np.int32)
    places[found] = np.arange(len(found))
    return found, places[key]
