"""Recent visitors of items: unique visitors in windows, and visits halved by age."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.recipes.artefact import check_codes, take
from pawsonalize.recipes.data import Arrays

STEPS = 24  # a window moves on by this part of its length
NEVER = -(2**60)
"""Before any step."""


@dataclass(frozen=True, slots=True)
class RecentVisitors:
    """The visits of the newest two windows of events, and what is counted from them.

    A visit is a user choosing an item in a step, counted once and sorted by item, user and step: a
    set, so it does not matter in which order events came.
    """

    step: NDArray[np.int64]
    """Numbered from 1970."""
    item: NDArray[np.int32]
    user: NDArray[np.int32]
    newest: int
    sliding: NDArray[np.int32]
    """Users who chose each item in a window, each once, shape (2 * STEPS, items).

    Row r is the window that ends with step `newest - STEPS + r`.
    """

    @classmethod
    def of(
        cls,
        step: NDArray[np.int64],
        item: NDArray[np.int32],
        user: NDArray[np.int32],
        n_items: int,
    ) -> "RecentVisitors":
        """Gather events in any order; those of more than two windows ago are dropped."""
        newest = int(step.max(initial=NEVER))
        recent = np.flatnonzero(step > newest - 2 * STEPS)
        order = recent[np.lexsort((step[recent], _pairs(item[recent], user[recent])))]
        again = _same(_pairs(item[order], user[order])) & _same(step[order])
        order = order[~again]
        step, item, user = step[order], item[order], user[order]
        return cls(step, item, user, newest, _sliding(step, item, user, newest, n_items))

    def windows(self, now: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Unique visitors per item in the window that ends with step `now`, and in the one before.

        Both of shape (items,). A `now` before the newest event counts as that event's step.
        """
        end = max(now, self.newest)
        return self._ending(end), self._ending(end - STEPS)

    def _ending(self, end: int) -> NDArray[np.int32]:
        row = end - self.newest + STEPS
        if row >= len(self.sliding):
            return np.zeros(self.sliding.shape[1], np.int32)
        return np.asarray(self.sliding[row])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The visits as plain arrays."""
        return {"recent.step": self.step, "recent.item": self.item, "recent.user": self.user}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int) -> "RecentVisitors":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        item = take(arrays, "recent.item", np.int32, (None,))
        check_codes("recent.item", item, n_items)
        step = take(arrays, "recent.step", np.int64, item.shape)
        return cls.of(step, item, take(arrays, "recent.user", np.int32, item.shape), n_items)


def _sliding(
    step: NDArray[np.int64],
    item: NDArray[np.int32],
    user: NDArray[np.int32],
    newest: int,
    n_items: int,
) -> NDArray[np.int32]:
    """A visit counts in windows that end from its step on, until it leaves them.

    Where the user's visit before is still in the window, that one counts and this does not yet.
    """
    start = step.copy()
    returns = np.flatnonzero(_same(_pairs(item, user)))
    start[returns] = np.maximum(step[returns], step[returns - 1] + STEPS)
    first_row = newest - STEPS
    changes = np.zeros((2 * STEPS + 1, n_items), np.int32)
    np.add.at(changes, (np.maximum(start - first_row, 0), item), 1)
    np.subtract.at(changes, (step + STEPS - first_row, item), 1)
    return np.asarray(changes[:-1].cumsum(axis=0, dtype=np.int32))


def _pairs(item: NDArray[np.int32], user: NDArray[np.int32]) -> NDArray[np.int64]:
    """Item and user as one number, ordered by item, then user: sorted twice as fast as two."""
    return np.asarray((item.astype(np.int64) << 32) | user)


def _same(column: NDArray[Any]) -> NDArray[np.bool_]:
    """True where an entry equals the one before, shape (len(column),); False for the first."""
    same = np.zeros(len(column), np.bool_)
    same[1:] = column[1:] == column[:-1]
    return same


AGES = 16  # what is older than the newest so many half-lives counts as the oldest of them


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """Events per item and half-life, whole numbers; half-lives without any event do not count."""

    numbers: NDArray[np.int64]
    """The newest half-lives with an event, newest first, numbered from 1970, shape (AGES,).

    Below the last that there is stands a number far in the past.
    """
    counts: NDArray[np.int64]
    """Events of each item in each half-life, shape (AGES, items).

    The last row has all the older ones too.
    """

    @classmethod
    def of(
        cls,
        period: NDArray[np.int64],
        item: NDArray[np.int32],
        count: NDArray[np.int64],
        n_items: int,
    ) -> "VisitCounts":
        """Gather counts of events by half-life and item, which may come in parts."""
        found, place = np.unique(period, return_inverse=True)
        numbers = np.full(AGES, NEVER, np.int64)
        newest = found[::-1][:AGES]
        numbers[: len(newest)] = newest
        counts = np.zeros((AGES, n_items), np.int64)
        np.add.at(counts, (np.minimum(len(found) - 1 - place, AGES - 1), item), count)
        return cls(numbers, counts)

    def decayed_counts(self) -> NDArray[np.float64]:
        """Events per item, each half-life counting half the next, shape (items,)."""
        return np.asarray(np.exp2(-np.arange(AGES)) @ self.counts, np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The counts as plain arrays."""
        return {"visits.numbers": self.numbers, "visits": self.counts}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int) -> "VisitCounts":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        numbers = take(arrays, "visits.numbers", np.int64, (AGES,))
        counts = take(arrays, "visits", np.int64, (AGES, n_items))
        if (counts < 0).any():
            raise CorruptArtefact("array 'visits' holds counts below 0")
        return cls(numbers, counts)


_STANDSTILL = 20.0  # visitors imagined in both windows when the growth of the rest is estimated


def trend_score(
    current: NDArray[np.int32],
    before: NDArray[np.int32],
    *,
    min_support: float,
    smoothing: float,
    doubt: float,
) -> NDArray[np.float64]:
    """Log ratio of visitors less `doubt` standard errors, 0 where it is below, shape (items,).

    An item rises where it has `min_support` visitors, more than before, and outgrew the rest of
    the catalogue: when everything grows, nothing is trending. The standard error is that of the
    logarithm of a ratio of two Poisson counts.
    """
    scores = np.zeros(len(current))
    rising = np.flatnonzero((current >= min_support) & (current > before))
    now, then = current[rising].astype(np.float64), before[rising].astype(np.float64)
    rest_now = float(current.sum(dtype=np.int64)) - now + _STANDSTILL
    rest_then = float(before.sum(dtype=np.int64)) - then + _STANDSTILL
    expected = then * np.maximum(rest_now / rest_then, 1.0)
    ratio = np.log((now + smoothing) / (expected + smoothing))
    error = np.sqrt(1 / (now + smoothing) + 1 / (then + smoothing))
    scores[rising] = np.maximum(ratio - doubt * error, 0.0)
    return scores
