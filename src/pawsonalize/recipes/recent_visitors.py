"""Who chose what lately: unique visitors per item in any window that ends now."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.artefact import check_codes, take
from pawsonalize.recipes.contract import Arrays

STEPS = 24  # a window moves on by this part of its length
_NEVER = -(2**60)


@dataclass(frozen=True, slots=True)
class RecentVisitors:
    """The visits of the newest two windows of events, and what is counted from them.

    A visit is a user choosing an item in a step (`step` numbers them from 1970), counted once
    and sorted by item, user and step: a set, so it does not matter in which order events came.
    `sliding[r, i]` are the users who chose item i in the window that ends with step
    `newest - STEPS + r`, each once, shape (2 * STEPS, items).
    """

    step: NDArray[np.int64]
    item: NDArray[np.int32]
    user: NDArray[np.int32]
    newest: int
    sliding: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        step: NDArray[np.int64],
        item: NDArray[np.int32],
        user: NDArray[np.int32],
        n_items: int,
    ) -> "RecentVisitors":
        """Gather events in any order; those of more than two windows ago are dropped."""
        newest = int(step.max(initial=_NEVER))
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
    """Which entries equal the one before, shape (len(column),); the first does not."""
    same = np.zeros(len(column), np.bool_)
    same[1:] = column[1:] == column[:-1]
    return same
