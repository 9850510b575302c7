"""`trending-now`: what more visitors choose now than just before, without a retrain."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Self

import numpy as np

from pawsonalize.core.times import DAY, HOUR
from pawsonalize.models.recipes import TRENDING_NOW
from pawsonalize.models.recipes.artefact import (
    Kept,
    ModelCard,
    Sizes,
    Stored,
    below,
    make_card,
    read_card,
    weights,
)
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.counts.popularity import Popularity
from pawsonalize.models.recipes.data import Array, Arrays, Bools, Floats, Int32s, Ints, Singles
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.settings import Positive, Range, RecipeSettings

STEPS = 24  # a window moves on by this part of its length
NEVER = -(2**60)
AGES = 16  # what is older than the newest so many half-lives counts as the oldest of them
_STANDSTILL = 20.0  # visitors imagined in both windows when the growth of the rest is estimated
_FORMAT = 2
_POPULARITY_SMOOTHING = 0.1
_LONGEST = 100 * 366 * DAY  # so that no setting makes a step too large for 64 bits


class RecentVisitors(Stored, frozen=True):
    """Distinct visits (item, user, step) of the newest two windows, in that order."""

    step: Annotated[Ints, Kept("recent.step", "recent")]
    item: Annotated[Int32s, Kept("recent.item", "recent", below("items"))]
    user: Annotated[Int32s, Kept("recent.user", "recent")]
    newest: int
    sliding: Int32s  # unique users by window end, `newest - STEPS` first; shape (2 * STEPS, items)

    @classmethod
    def of(cls, step: Ints, item: Int32s, user: Int32s, n_items: int) -> Self:
        """Gather events in any order; those of more than two windows ago are dropped."""
        newest = int(step.max(initial=NEVER))
        recent = np.flatnonzero(step > newest - 2 * STEPS)
        order = recent[np.lexsort((step[recent], _pairs(item[recent], user[recent])))]
        again = _same(_pairs(item[order], user[order])) & _same(step[order])
        order = order[~again]
        step, item, user = step[order], item[order], user[order]
        return cls(step, item, user, newest, _sliding(step, item, user, newest, n_items))

    def windows(self, now: int) -> tuple[Int32s, Int32s]:
        """Unique visitors (items,) of the window ending at `now` and of the one before."""
        # Older visits were dropped, so an earlier moment cannot be answered.
        end = max(now, self.newest)
        return self._ending(end), self._ending(end - STEPS)

    def _ending(self, end: int) -> Int32s:
        row = end - self.newest + STEPS
        # So long after the newest visit all windows are empty.
        if row >= len(self.sliding):
            return np.zeros(self.sliding.shape[1], np.int32)
        return np.asarray(self.sliding[row])


def _sliding(step: Ints, item: Int32s, user: Int32s, newest: int, n_items: int) -> Int32s:
    start = step.copy()
    # Whoever comes back within a window counts once in it, only longer.
    returns = np.flatnonzero(_same(_pairs(item, user)))
    start[returns] = np.maximum(step[returns], step[returns - 1] + STEPS)
    first_row = newest - STEPS
    changes = np.zeros((2 * STEPS + 1, n_items), np.int32)
    # Changes alone are noted: one running sum then gives every window.
    np.add.at(changes, (np.maximum(start - first_row, 0), item), 1)
    np.subtract.at(changes, (step + STEPS - first_row, item), 1)
    return np.asarray(changes[:-1].cumsum(axis=0, dtype=np.int32))


def _pairs(item: Int32s, user: Int32s) -> Ints:
    return np.asarray((item.astype(np.int64) << 32) | user)  # one number sorts twice as fast


def _same(column: Array) -> Bools:
    same = np.zeros(len(column), np.bool_)
    same[1:] = column[1:] == column[:-1]
    return same


class VisitCounts(Stored, frozen=True):
    """Events per item and half-life, whole numbers; half-lives without any event do not count."""

    # The newest half-lives with an event, newest first, then `NEVER`.
    numbers: Annotated[Ints, Kept("visits.numbers", f"{AGES}")]
    # Events by half-life and item; the last row has all older ones.
    counts: Annotated[Ints, Kept("visits", f"{AGES} items", weights)]

    @classmethod
    def of(cls, period: Ints, item: Int32s, count: Ints, n_items: int) -> "VisitCounts":
        """Gather counts of events by half-life and item, which may come in parts."""
        found, place = np.unique(period, return_inverse=True)
        numbers = np.full(AGES, NEVER, np.int64)
        newest = found[::-1][:AGES]
        numbers[: len(newest)] = newest
        counts = np.zeros((AGES, n_items), np.int64)
        np.add.at(counts, (np.minimum(len(found) - 1 - place, AGES - 1), item), count)
        return cls(numbers, counts)


def trend_score(
    current: Int32s, before: Int32s, *, min_support: float, smoothing: float, doubt: float
) -> Floats:
    """Log ratio of visitors, less growth of the rest and `doubt` standard errors, at least 0."""
    scores = np.zeros(len(current))
    rising = np.flatnonzero((current >= min_support) & (current > before))
    now, then = current[rising].astype(np.float64), before[rising].astype(np.float64)
    rest_now = float(current.sum(dtype=np.int64)) - now + _STANDSTILL
    rest_then = float(before.sum(dtype=np.int64)) - then + _STANDSTILL
    # If everything grows, an item that grows as much does not trend. If the rest shrinks, one that
    # does not shrink does not trend either.
    expected = then * np.maximum(rest_now / rest_then, 1.0)
    ratio = np.log((now + smoothing) / (expected + smoothing))
    error = np.sqrt(1 / (now + smoothing) + 1 / (then + smoothing))
    scores[rising] = np.maximum(ratio - doubt * error, 0.0)
    return scores


class TrendingNowSettings(RecipeSettings, frozen=True):
    """Settings of `trending-now`."""

    window_hours: Annotated[Positive, Range(12.0, 168.0, log=True)] = 24.0
    """Length of the newest window and of the one before it; both move on 24 times in a length."""
    min_support: float = 3.0
    """Unique visitors an item needs in the newest window to count as rising."""
    smoothing: Annotated[Positive, Range(0.5, 10.0, log=True)] = 1.0
    """Visitors added to both windows of an item: higher trusts small numbers less."""
    doubt: Annotated[float, Range(0.0, 3.0)] = 1.0
    """Standard errors taken off the trend score: higher wants more evidence of it."""
    popularity_weight: Annotated[Positive, Range(0.02, 1.0, log=True)] = 0.1
    """Weight of an item's share of all visits beside its trend score; alone where none rises."""
    popularity_half_life_days: Annotated[Positive, Range(5.0, 120.0, log=True)] = 30.0
    """Days for which visits count in full for popularity, then half, then a quarter, and so on."""

    @property
    def step(self) -> int:
        """Step by which a window moves on, in milliseconds."""
        return _milliseconds(self.window_hours * HOUR / STEPS)

    @property
    def half_life(self) -> int:
        """The half-life of popularity in milliseconds."""
        return _milliseconds(self.popularity_half_life_days * DAY)


class TrendingNow:
    """Growth of the visitors of each item: the newest window against the window before."""

    name = TRENDING_NOW
    needs_item = False
    settings = TrendingNowSettings

    def fit(self, data: Countable, settings: TrendingNowSettings, seed: int) -> "TrendingNowModel":
        """Count the log; the seed only goes on the card."""
        # Nothing is random here.
        s, log = settings, counts_of(data)
        summary = log.summary
        return TrendingNowModel(
            card=make_card(self.name, _FORMAT, s, seed, summary.fingerprint),
            index=ItemIndex.build(summary.data.item_ids, summary.data.attributes),
            recent=RecentVisitors.of(*log.recent(s.step, 2 * STEPS), len(summary.data.item_ids)),
            visits=VisitCounts.of(*log.by_period(s.half_life), len(summary.data.item_ids)),
            _settings=s,
        )

    def load(self, card: ModelCard, arrays: Arrays) -> "TrendingNowModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        settings = read_card(card, self.name, _FORMAT, self.settings)
        sizes = Sizes()
        index = ItemIndex.from_arrays(arrays, sizes)
        visits = RecentVisitors.read(arrays, sizes)
        recent = RecentVisitors.of(**visits, n_items=len(index.ids))
        counts = VisitCounts.from_arrays(arrays, sizes)
        return TrendingNowModel(card, index, recent, counts, settings)


def _milliseconds(length: float) -> int:
    return max(1, round(min(length, _LONGEST)))


class TrendingNowModel(IndexedModel, frozen=True, dict=True):
    """Counts by time; of the context only `now` matters."""

    recent: Annotated[RecentVisitors, Kept("")]
    visits: Annotated[VisitCounts, Kept("")]
    _settings: TrendingNowSettings

    @cached_property
    def popularity(self) -> Popularity:
        """The shares of all visits, each half-life counting half the next; they are not stored."""
        visits = np.asarray(np.exp2(-np.arange(AGES)) @ self.visits.counts, np.float64)
        return Popularity.of(visits, self.index, _POPULARITY_SMOOTHING)

    def score_catalogue(self, context: Context) -> Singles:
        """Trend score and popularity of every item, as shares that sum to 1."""
        trend, rest = self._trend(context.now)
        return trend + self.popularity.share * rest

    def score(self, context: Context, items: Sequence[str]) -> Singles:
        """The same of any ids; outside the catalogue, that of an untouched related item."""
        parts = self.contributions(context, items)
        return parts["trend"] + parts["popularity"]

    def contributions(self, context: Context, items: Sequence[str]) -> dict[str, Singles]:
        """Return the shares of trend and popularity in the scores; they add up to `score`."""
        trend, rest = self._trend(context.now)
        return {
            "trend": np.append(trend, np.float32(0))[self.index.rows(items)],
            "popularity": self.popularity.of_ids(items, self.index) * rest,
        }

    def _trend(self, now: int) -> tuple[Singles, np.float32]:
        s = self._settings
        found = trend_score(
            *self.recent.windows(now // s.step),
            min_support=s.min_support,
            smoothing=s.smoothing,
            doubt=s.doubt,
        )
        whole = float(found.sum()) + s.popularity_weight
        return (found / whole).astype(np.float32), np.float32(s.popularity_weight / whole)
