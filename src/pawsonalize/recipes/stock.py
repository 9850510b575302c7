"""Supply: how many animals of each item are available, now and in the past."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOREVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Stock:
    """Stays of animals as columns of equal length; without any, supply is not known.

    An animal of item `item` (a code) is available from `since` until just before `until`
    (milliseconds since 1970, `FOREVER` while it waits).
    """

    item: NDArray[np.int32]
    since: NDArray[np.int64]
    until: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def unknown(cls) -> "Stock":
        """No stays at all."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def as_of(self, moment: int, code: NDArray[np.integer]) -> "Stock":
        """What was known at the moment, item i renumbered `code[i]` (-1: left out)."""
        told = (self.since <= moment) & (code[self.item] >= 0)
        until = np.where(self.until > moment, FOREVER, self.until)
        return Stock(code[self.item[told]].astype(np.int32), self.since[told], until[told])

    def at(self, moment: int, n_items: int) -> NDArray[np.int64]:
        """Available animals of each item at the moment, shape (items,)."""
        there = (self.since <= moment) & (moment < self.until)
        return np.bincount(self.item[there], minlength=n_items)

    def mean(
        self, moments: NDArray[np.int64], weights: NDArray[np.floating], n_items: int
    ) -> NDArray[np.float32]:
        """Available animals of each item, the mean over weighted moments, shape (items,).

        So an animal counts by the weight of the moments it was available at.
        """
        order = np.argsort(moments, kind="stable")
        up_to = np.concatenate(([0.0], np.cumsum(weights[order], dtype=np.float64)))
        first, last = (np.searchsorted(moments[order], edge) for edge in (self.since, self.until))
        share = (up_to[last] - up_to[first]) / max(float(up_to[-1]), 1e-30)
        return np.bincount(self.item, share, minlength=n_items).astype(np.float32)


@dataclass(frozen=True, slots=True)
class StockHistory:
    """A stock in a form that answers many moments quickly.

    `counts[k]` are the counts just before change `k * every`; the changes, in order of `moments`,
    are each `step` (1 or -1) to item `item`.
    """

    counts: NDArray[np.int32]
    moments: NDArray[np.int64]
    item: NDArray[np.int32]
    step: NDArray[np.int32]
    every: int

    @classmethod
    def of(cls, stock: Stock, n_items: int, snapshots: int = 256) -> "StockHistory":
        """Count at so many points of the stock's changes."""
        moments = np.concatenate([stock.since, stock.until])
        order = np.argsort(moments, kind="stable")
        item = np.concatenate([stock.item, stock.item])[order]
        ones = np.ones(len(stock), np.int32)
        step = np.concatenate([ones, -ones])[order]
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
