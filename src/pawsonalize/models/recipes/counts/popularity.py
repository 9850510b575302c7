"""Popularity of items, and factors of their chances: lasting choices and availability."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.artefact import Kept, Stored, weights
from pawsonalize.models.recipes.counts.weights import ActiveTime, decay_weights, on_grain
from pawsonalize.models.recipes.data import Floats, Int32s, Ints, Returned, Singles, StayColumns
from pawsonalize.models.recipes.items import ItemIndex

_DOUBT = 5.0  # lasting choices every item is thought to have had: one return proves little
# A small usual number of animals would make much of a visitor's few choices.
UNKNOWN_VISITOR_SMOOTHING = 30.0


class Popularity(Stored, frozen=True):
    """Shares that sum to 1 over the catalogue."""

    share: Annotated[Singles, Kept("popularity", "items", weights)]
    # Share of an untouched item by its cell, 0 for the last, "no cell"; shape (cells + 1,).
    cell_share: Annotated[Singles, Kept("cell_popularity", "cells+1", weights)]

    @classmethod
    def of(cls, users: Floats, index: ItemIndex, smoothing: float) -> "Popularity":
        """Shares of `users` (decayed users per item) plus less than `smoothing` users each."""
        size = index.n_cells + 1
        total, count = np.zeros(size), np.zeros(size)
        for cells in index.cells[:, :-1]:
            total += np.bincount(cells, weights=users, minlength=size)
            count += np.bincount(cells, minlength=size)
        total[-1], count[-1] = users.sum(), len(users)
        mean = total / np.maximum(count, 1)
        # It grows with the mean m of the narrowest cell: untouched items of popular breeds get
        # more, while whole users still decide the order of touched ones.
        extra = smoothing * (mean + 1) / (mean + 2)
        raw = users + extra[_narrowest(index.cells[:, :-1], index.n_cells)]
        # A catalogue without users, and without smoothing, must not divide by zero.
        whole = raw.sum() or 1.0
        extra[-1] = 0.0
        return cls((raw / whole).astype(np.float32), (extra / whole).astype(np.float32))

    def of_cells(self, cells: Ints) -> Singles:
        """Shares of items outside the catalogue by their cells, shape (levels, items)."""
        return self.cell_share[_narrowest(cells, len(self.cell_share) - 1)]

    def of_ids(self, items: Sequence[str], index: ItemIndex) -> Singles:
        """Shares of any ids; outside the catalogue, that of an untouched related item."""
        columns, outside = index.columns(items)
        return np.append(self.share, self.of_cells(index.cells_of_ids(outside)))[columns]


def _narrowest(cells: Ints, none: int) -> Ints:
    narrowest = np.full(cells.shape[1], none, np.int64)
    for level in cells[::-1]:
        np.copyto(narrowest, level, where=level != none)
    return narrowest


class ReturnRate(Stored, frozen=True, dict=True):
    """Rate at which choices of an item last: lasting = (chosen + 5) / (chosen + 5 + returned)."""

    chosen: Annotated[Singles, Kept("chosen", "items", weights)]
    returned: Annotated[Singles, Kept("returned", "items", weights)]

    @classmethod
    def of(
        cls,
        chosen: Floats,
        against: Sequence[tuple[Returned, float]],
        times: Ints,
        as_of: int,
        half_life_days: float,
    ) -> "ReturnRate | None":
        """Compare choices (items,) with events `against` items, by weight and age; None of none."""
        known = max(int(events.time.max(initial=-(2**60))) for events, _ in against)
        clock = ActiveTime.of(np.concatenate((times, *(events.time for events, _ in against))))
        newest = clock.at(np.minimum(times.max(initial=known), as_of))
        returned = np.zeros(len(chosen), np.float32)
        for events, worth in against:
            ages = newest - clock.at(events.time)
            faded = on_grain(worth * decay_weights(ages, half_life_days * DAY))
            returned += np.bincount(events.item, faded, len(chosen)).astype(np.float32)
        return cls(chosen.astype(np.float32), returned) if returned.any() else None

    @cached_property
    def lasting(self) -> Singles:
        """The rate of each item, shape (items,)."""
        lasted = self.chosen + np.float32(_DOUBT)
        return lasted / (lasted + self.returned)

    def apply(self, parts: Singles) -> None:
        """Weigh proposals in place by lasting choices, but for the first table."""
        n_items = len(self.lasting)
        outside = np.ones(parts.shape[1] - n_items, np.float32)
        # That table is the visitor's own history: what others brought back says nothing of it.
        reweigh(parts[1:], np.concatenate((self.lasting, outside)), n_items)


def reweigh(parts: Singles, factors: Singles, n_items: int) -> None:
    """Multiply proposals in place; each table keeps its sum over its first `n_items` columns."""
    before = parts[:, :n_items].sum(axis=1)
    parts *= factors
    # A table without proposals stays at 0 and does not become NaN.
    after = np.maximum(parts[:, :n_items].sum(axis=1), np.float32(1e-30))
    parts *= (before / after)[:, np.newaxis]


class AvailabilityFactor(Stored, frozen=True, dict=True):
    """Mean availability of each item at its events, `usual` (items,); all 0 if it is not known."""

    usual: Annotated[Singles, Kept("usual_availability", "items", weights)]
    smoothing: float

    @cached_property
    def is_known(self) -> bool:
        """True if more animals than usual mean more choices."""
        return bool(self.usual.any())

    def apply(self, parts: Singles, now: NDArray[np.integer], *, has_history: bool = True) -> None:
        """Weigh proposals in place by availability; each table keeps the sum of what is there."""
        inside = parts[:, : len(now)]
        # How many times the usual number of animals there are now; of other items nobody knows.
        doubt = np.float32(self.smoothing if has_history else UNKNOWN_VISITOR_SMOOTHING)
        factor, outside = np.asarray(now > 0, np.float32), np.float32(1)
        if self.is_known:
            factor, outside = np.asarray(now / (self.usual + doubt), np.float32), 1 / doubt
        before = inside.sum(axis=1)
        # Own history: there or not, however many there are.
        inside[0] *= now > 0
        inside[1:] *= factor
        parts[:, len(now) :] *= outside
        # The least keeps 0 / 0 from being NaN, where nothing of a table is available.
        after = np.maximum(inside.sum(axis=1), np.float32(1e-30))
        parts[1:] *= (before / after)[1:, np.newaxis]


class AvailabilityHistory(msgspec.Struct, frozen=True):
    """Stays for quick look-up: `counts[k]` just before change `k * every`, then steps of ±1."""

    counts: Int32s
    moments: Ints
    item: Int32s
    step: Int32s
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
        # would take changes times items, to add up from the start as many steps as changes.
        every = max(1, -(-len(order) // snapshots))
        counts = [np.zeros(n_items, np.int32)]
        for start in range(0, len(order), every):
            part = slice(start, start + every)
            change = np.bincount(item[part], step[part], minlength=n_items).astype(np.int32)
            counts.append(counts[-1] + change)
        return cls(np.stack(counts), moments[order], item, step, every)

    def at(self, moment: float) -> Int32s:
        """Available animals of each item, shape (items,)."""
        done = int(np.searchsorted(self.moments, moment, side="right"))
        whole = done // self.every
        counts = self.counts[whole].copy()
        rest = slice(whole * self.every, done)
        np.add.at(counts, self.item[rest], self.step[rest])
        return np.asarray(counts)
