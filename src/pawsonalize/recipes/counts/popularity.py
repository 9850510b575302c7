"""Popularity of items: the share of each in what users chose, recent choices counting more."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.artefact import take_weights
from pawsonalize.recipes.counts.weights import ActiveTime, decay_weights, on_grain
from pawsonalize.recipes.data import Arrays, Returned, StayColumns
from pawsonalize.recipes.items import ItemIndex


@dataclass(frozen=True, slots=True)
class Popularity:
    """Shares that sum to 1 over the catalogue."""

    share: NDArray[np.float32]
    """The share of each item, shape (items,)."""
    cell_share: NDArray[np.float32]
    """The share of an item nobody has touched, by its cell, shape (cells + 1,).

    The last is for items of no known cell: 0.
    """

    @classmethod
    def of(cls, users: NDArray[np.float64], index: ItemIndex, smoothing: float) -> "Popularity":
        """Shares of `users` (decayed users per item) plus less than `smoothing` users each.

        The addition grows with the mean m of the narrowest cell, (m + 1) / (m + 2), and stays
        below `smoothing`: an untouched item of a popular breed gets more than one of a rare
        breed, while whole users still decide the order of touched ones.
        """
        mean = _cell_means(users, index)
        extra = smoothing * (mean + 1) / (mean + 2)
        raw = users + extra[_narrowest(index.cells[:, :-1], index.n_cells)]
        total = raw.sum() or 1.0
        extra[-1] = 0.0
        return cls((raw / total).astype(np.float32), (extra / total).astype(np.float32))

    def of_cells(self, cells: NDArray[np.int64]) -> NDArray[np.float32]:
        """Shares of items outside the catalogue by their cells, shape (levels, items)."""
        return self.cell_share[_narrowest(cells, len(self.cell_share) - 1)]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The shares as plain arrays."""
        return {"popularity": self.share, "cell_popularity": self.cell_share}

    @classmethod
    def from_arrays(cls, arrays: Arrays, index: ItemIndex) -> "Popularity":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit the index."""
        return cls(
            take_weights(arrays, "popularity", (len(index.ids),)),
            take_weights(arrays, "cell_popularity", (index.n_cells + 1,)),
        )


def _cell_means(users: NDArray[np.float64], index: ItemIndex) -> NDArray[np.float64]:
    """Mean users per item of each cell; the last entry is the mean of the whole catalogue."""
    total = np.zeros(index.n_cells + 1)
    count = np.zeros(index.n_cells + 1)
    for cells in index.cells[:, :-1]:
        total += np.bincount(cells, weights=users, minlength=index.n_cells + 1)
        count += np.bincount(cells, minlength=index.n_cells + 1)
    total[-1], count[-1] = users.sum(), len(users)
    return total / np.maximum(count, 1)


def _narrowest(cells: NDArray[np.int64], none: int) -> NDArray[np.int64]:
    """The first cell of each column that is one; `none` where there is none."""
    narrowest = np.full(cells.shape[1], none, np.int64)
    for level in cells[::-1]:
        np.copyto(narrowest, level, where=level != none)
    return narrowest


_DOUBT = 5.0  # lasting choices every item is thought to have had: one return proves little


@dataclass(frozen=True)
class ReturnRate:
    """Rate at which choices of an item last: lasting = (chosen + 5) / (chosen + 5 + returned)."""

    chosen: NDArray[np.float32]
    """Weighed sum of choices, shape (items,)."""
    returned: NDArray[np.float32]
    """Weighed sum of returns and dislikes, shape (items,)."""
    lasting: NDArray[np.float32]
    """The share of the choices that lasted, from 0 to 1 and never 0, shape (items,)."""

    @classmethod
    def of(
        cls,
        chosen: NDArray[np.float64],
        against: Sequence[tuple[Returned, float]],
        times: NDArray[np.int64],
        as_of: int,
        half_life_days: float,
    ) -> "ReturnRate":
        """Compare choices (items,) with events `against` items, each kind by its weight and age."""
        known = max(events.newest for events, _ in against)
        clock = ActiveTime.of(np.concatenate((times, *(events.time for events, _ in against))))
        newest = clock.at(np.minimum(times.max(initial=known), as_of))
        returned = np.zeros(len(chosen), np.float32)
        for events, worth in against:
            ages = newest - clock.at(events.time)
            faded = on_grain(worth * decay_weights(ages, half_life_days * DAY))
            returned += np.bincount(events.item, faded, len(chosen)).astype(np.float32)
        return cls._of(chosen.astype(np.float32), returned)

    @classmethod
    def _of(cls, chosen: NDArray[np.float32], returned: NDArray[np.float32]) -> "ReturnRate":
        lasted = chosen + np.float32(_DOUBT)
        return cls(chosen, returned, lasted / (lasted + returned))

    @cached_property
    def is_known(self) -> bool:
        """Whether anything ever came back or was disliked."""
        return bool(self.returned.any())

    def apply(self, parts: NDArray[np.float32]) -> None:
        """Weigh the tables' proposals (tables, items + outside) in place, the first table's apart.

        The first is the visitor's own history, of which only the visitor's own returns take away.
        """
        if not self.is_known:
            return
        n_items = len(self.lasting)
        outside = np.ones(parts.shape[1] - n_items, np.float32)
        reweigh(parts[1:], np.concatenate((self.lasting, outside)), n_items)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The sums as plain arrays; none where nothing came back."""
        if not self.is_known:
            return {}
        return {"returns.chosen": self.chosen, "returns.returned": self.returned}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int) -> "ReturnRate":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        if not any(name.startswith("returns.") for name in arrays):
            return cls._of(np.zeros(n_items, np.float32), np.zeros(n_items, np.float32))
        names = ("returns.chosen", "returns.returned")
        return cls._of(*(take_weights(arrays, name, (n_items,)) for name in names))


def reweigh(parts: NDArray[np.float32], factors: NDArray[np.float32], n_items: int) -> None:
    """Multiply proposals (tables, items + outside) in place by `factors` (items + outside,).

    Each table keeps its sum over the catalogue, its first `n_items` columns.
    """
    before = parts[:, :n_items].sum(axis=1)
    parts *= factors
    after = np.maximum(parts[:, :n_items].sum(axis=1), np.float32(1e-30))
    parts *= (before / after)[:, np.newaxis]


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
