"""The nearest other users by overlap with the context, and what they did around the match."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.counts.weights import VisitLog
from pawsonalize.recipes.learned.design import Design

Array = NDArray[Any]
_BEFORE, _AFTER = 20, 30  # visits of a neighbour around the match that count
_DISTANCE = np.arange(-_BEFORE, _AFTER)
_KERNEL = np.where(_DISTANCE > 0, 1.0, 0.4) * 0.8 ** np.abs(np.abs(_DISTANCE) - 1)
_KERNEL = _KERNEL.astype(np.float32)


@dataclass(frozen=True)
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
        """Number of users of the log."""
        return len(self.offsets) - 1

    @cached_property
    def norm(self) -> Array:
        """Factor of each user's similarity: long histories overlap with all."""
        return (1.0 / np.sqrt(np.diff(self.offsets) + 5.0)).astype(np.float32)

    @cached_property
    def tails(self) -> Array:
        """The newest three visits of each user as the digits of one number, shape (users,).

        A digit is an item's position plus 1, or 0 where the visitor has no such visit.
        """
        number = np.zeros(self.n_users, np.int64)
        for back in range(1, 4):
            known = np.flatnonzero(np.diff(self.offsets) >= back)
            number *= len(self.idf) + 1
            number[known] += self.items[self.offsets[known + 1] - back] + 1
        return number


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


def add_neighbours(
    p: Postings, context: Array, weights: Array, user: int, design: Design, out: Array
) -> None:
    """Add alike users' items to `out` (2, items …): flat, and decayed around the match.

    `context` (L,) are items or -1, newest first, each with its weight. `user` is never a neighbour;
    -1 = unknown.
    """
    other, similarity, match = _nearest(p, context, weights, user, design.neighbours)
    start = p.offsets[other]
    low = np.maximum(match - _BEFORE, 0)
    lengths = np.minimum(match + _AFTER, p.offsets[other + 1] - start) - low
    begun = low - (lengths.cumsum() - lengths)
    place = np.arange(int(lengths.sum()))
    items = p.items[place + (start + begun).repeat(lengths)].astype(np.intp)
    place += (begun - match + _BEFORE).repeat(lengths)
    worth = similarity.repeat(lengths)
    np.add.at(out[0], items, worth)
    np.add.at(out[1], items, worth * _KERNEL[place])


def _nearest(
    p: Postings, context: Array, weights: Array, user: int, keep: int
) -> tuple[Array, Array, Array]:
    """The best `keep` neighbours, their similarity, and the position of their newest match."""
    known = (context >= 0).nonzero()[0]
    items = context[known]
    first, last = p.starts[items], p.starts[items + 1]
    spans = map(slice, first.tolist(), last.tolist())
    key = np.concatenate([p.users[:0], *map(p.users.__getitem__, spans)], dtype=np.intp)
    lengths = last - first
    worth = (weights[known] * p.idf[items]).repeat(lengths)
    if user >= 0:
        worth[key == user] = 0.0  # so that what they did adds nothing
    first_of = _first(key, p.n_users)
    found = (first_of == np.arange(len(key))).nonzero()[0]
    total = np.zeros(len(key), np.float32)
    np.add.at(total, first_of, worth)
    other = key[found]
    similarity = total[found] * p.norm[other]
    best = _most(similarity, keep)
    best = best[~_echoes(p, context, other[best])]
    place = found[best]
    ends = lengths.cumsum()
    owner = ends.searchsorted(place, side="right")
    return other[best], similarity[best], p.positions[place + (last - ends)[owner]]


def _most(values: Array, keep: int) -> Array:
    """Places of the `keep` largest in no particular order, among equals the first."""
    if len(values) <= keep:
        return np.arange(len(values))
    least = np.partition(values, -keep)[-keep]
    above, equal = (values > least).nonzero()[0], (values == least).nonzero()[0]
    return np.concatenate((above, equal[: keep - len(above)]))


def _echoes(p: Postings, context: Array, other: Array) -> Array:
    """Whether the context holds the neighbour's newest three visits in a row, shape (neighbours,).

    Such a history has nothing after the match; mostly it is the visitor's own, as it was when the
    model was trained (a context does not say whose it is).
    """
    size, length = len(p.idf) + 1, len(context)
    digits = np.zeros(length + 2, np.int64)
    digits[:length] = context + 1
    one = digits[:length] * size**2
    two = one + digits[1:-1] * size
    held = np.concatenate((one, two, two + digits[2:]))
    held.sort()
    tails = p.tails[other]
    return np.asarray(held.take(held.searchsorted(tails), mode="clip") == tails)


def _first(key: Array, size: int) -> Array:
    """Return the first position of each key, below `size`, among them; no table is ever cleared."""
    first_of = np.empty(size, np.int32)  # read only where it was written
    first_of[key[::-1]] = np.arange(len(key) - 1, -1, -1)  # written last = the first
    return first_of[key].astype(np.intp)
