"""Effect of the number of available animals on an item's chances.

Counts of choices say how often an item was chosen at the availability there was. With twice as many
animals of the item on the site its chances double; without any it has none.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.artefact import take_weights
from pawsonalize.recipes.data import Arrays, StayColumns

UNKNOWN_VISITOR_SMOOTHING = 30.0
"""Of visitors without a history, for whom popularity alone speaks: of a group that is seldom there,
few choices tell little, and a small usual number would make much of them."""


@dataclass(frozen=True)
class AvailabilityFactor:
    """`usual` (items,): available animals of each item, the mean over the events counted.

    All 0 where nothing is known of the past availability; then more animals are no better chance.
    """

    usual: NDArray[np.float32]
    smoothing: float

    @classmethod
    def of(
        cls,
        stays: StayColumns,
        hours: NDArray[np.int64],
        weights: NDArray[np.float64],
        n_items: int,
        smoothing: float,
    ) -> "AvailabilityFactor":
        """Average over the hours that had events, each weighed by what age leaves of those."""
        return cls(stays.mean(hours, weights, n_items), smoothing)

    @cached_property
    def is_known(self) -> bool:
        """Whether more animals than usual mean more choices."""
        return bool(self.usual.any())

    def factor(
        self, now: NDArray[np.integer], smoothing: float | None = None
    ) -> NDArray[np.float32]:
        """Factor by which the usual chances of an item are multiplied, shape of `now`."""
        if not self.is_known:
            return np.asarray(now > 0, np.float32)
        doubt = np.float32(smoothing or self.smoothing)
        return np.asarray(now / (self.usual + doubt), np.float32)

    def apply(
        self, parts: NDArray[np.float32], now: NDArray[np.integer], *, has_history: bool = True
    ) -> None:
        """Weigh the tables' proposals (tables, items + outside) in place, the first table's apart.

        Each table keeps its sum over the catalogue, the part of it that is still there. The
        first is the visitor's own history: who comes back wants that animal, not any of many.
        """
        inside = parts[:, : len(now)]
        smoothing = self.smoothing if has_history else UNKNOWN_VISITOR_SMOOTHING
        factor = self.factor(now, smoothing)
        before = inside.sum(axis=1)
        # Own history: there or not, however many there are.
        inside[0] *= now > 0
        inside[1:] *= factor
        parts[:, len(now) :] *= 1 / np.float32(smoothing) if self.is_known else 1
        # The least keeps 0 / 0 from being NaN, where nothing of a table is available.
        after = np.maximum(inside.sum(axis=1), np.float32(1e-30))
        parts[1:] *= (before / after)[1:, np.newaxis]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The usual availability as a plain array."""
        return {"usual_availability": self.usual}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int, smoothing: float) -> "AvailabilityFactor":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        return cls(take_weights(arrays, "usual_availability", (n_items,)), smoothing)


@dataclass(frozen=True, slots=True)
class AvailabilityHistory:
    """Stays in a form that answers many moments quickly.

    `counts[k]` are the counts just before change `k * every`; the changes, in order of `moments`,
    are each `step` (1 or -1) to item `item`.
    """

    counts: NDArray[np.int32]
    moments: NDArray[np.int64]
    item: NDArray[np.int32]
    step: NDArray[np.int32]
    every: int

    @classmethod
    def of(cls, stays: StayColumns, n_items: int, snapshots: int = 256) -> "AvailabilityHistory":
        """Count at so many points of the changes."""
        moments = np.concatenate([stays.since, stays.until])
        order = np.argsort(moments, kind="stable")
        item = np.concatenate([stays.item, stays.item])[order]
        ones = np.ones(len(stays), np.int32)
        step = np.concatenate([ones, -ones])[order]
        # Counts at some points and the changes between them: to keep the counts at every change
        # would take changes times items, to add up from the start as many steps as there were
        # changes.
        every = max(1, -(-len(order) // snapshots))
        counts = [np.zeros(n_items, np.int32)]
        for start in range(0, len(order), every):
            part = slice(start, start + every)
            change = np.bincount(item[part], step[part], minlength=n_items).astype(np.int32)
            counts.append(counts[-1] + change)
        return cls(np.stack(counts), moments[order], item, step, every)

    def at(self, moments: NDArray[np.floating]) -> NDArray[np.int32]:
        """Available animals of each item at each moment, shape (moments, items)."""
        result = []
        for done in np.searchsorted(self.moments, moments, side="right").tolist():
            whole = done // self.every
            counts = self.counts[whole].copy()
            rest = slice(whole * self.every, done)
            np.add.at(counts, self.item[rest], self.step[rest])
            result.append(counts)
        return np.stack(result)
