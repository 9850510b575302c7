"""`trending-now`: what more visitors choose now than just before, without a retrain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.recipes.artefact import ModelCard, make_card, read_card
from pawsonalize.recipes.contract import Context
from pawsonalize.recipes.counts.counting import Countable
from pawsonalize.recipes.counts.memory import counts_of
from pawsonalize.recipes.counts.popularity import Popularity
from pawsonalize.recipes.counts.visitors import STEPS, RecentVisitors, VisitCounts, trend_score
from pawsonalize.recipes.data import Arrays
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.names import TRENDING_NOW
from pawsonalize.recipes.settings import Range, check_numbers

_FORMAT = 2
_POPULARITY_SMOOTHING = 0.1
_LONGEST = 100 * 366 * DAY


@dataclass(frozen=True, slots=True)
class TrendingNowSettings:
    """Settings of `trending-now`."""

    window_hours: Annotated[float, Range(12.0, 168.0, log=True)] = 24.0
    """Length of the newest window and of the one before it; both move on 24 times in a length."""
    min_support: float = 3.0
    """Unique visitors an item needs in the newest window to count as rising."""
    smoothing: Annotated[float, Range(0.5, 10.0, log=True)] = 1.0
    """Visitors added to both windows of an item: higher trusts small numbers less."""
    doubt: Annotated[float, Range(0.0, 3.0)] = 1.0
    """Standard errors taken off the trend score: higher wants more evidence of it."""
    popularity_weight: Annotated[float, Range(0.02, 1.0, log=True)] = 0.1
    """Weight of an item's share of all visits beside its trend score; alone where none rises."""
    popularity_half_life_days: Annotated[float, Range(5.0, 120.0, log=True)] = 30.0
    """Days for which visits count in full for popularity, then half, then a quarter, and so on."""

    def __post_init__(self) -> None:
        check_numbers(
            self,
            above_zero=(
                "window_hours",
                "smoothing",
                "popularity_weight",
                "popularity_half_life_days",
            ),
        )

    @property
    def step(self) -> int:
        """By how much a window moves on, in milliseconds."""
        return _milliseconds(self.window_hours * HOUR / STEPS)

    @property
    def half_life(self) -> int:
        """The half-life of popularity in milliseconds."""
        return _milliseconds(self.popularity_half_life_days * DAY)


class TrendingNow:
    """Unique visitors per item in the newest window against the window before, for any now."""

    name = TRENDING_NOW
    needs_item = False
    settings = TrendingNowSettings

    def fit(self, data: Countable, settings: TrendingNowSettings, seed: int) -> "TrendingNowModel":
        """Count; nothing is random, so the seed only goes on the card."""
        s, log = settings, counts_of(data)
        summary = log.summary
        return TrendingNowModel.of(
            card=make_card(self.name, _FORMAT, s, seed, summary.fingerprint),
            index=ItemIndex.build(summary.item_ids, summary.attributes),
            recent=RecentVisitors.of(*log.recent(s.step, 2 * STEPS), summary.n_items),
            visits=VisitCounts.of(*log.by_period(s.half_life), summary.n_items),
            settings=s,
        )

    def load(self, card: ModelCard, arrays: Arrays) -> "TrendingNowModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        settings = read_card(card, self.name, _FORMAT, self.settings)
        index = ItemIndex.from_arrays(arrays)
        recent = RecentVisitors.from_arrays(arrays, len(index.ids))
        visits = VisitCounts.from_arrays(arrays, len(index.ids))
        return TrendingNowModel.of(card, index, recent, visits, settings)


def _milliseconds(length: float) -> int:
    return max(1, round(min(length, _LONGEST)))


@dataclass(frozen=True, slots=True)
class TrendingNowModel:
    """Counts by time; of the context only `now` matters."""

    card: ModelCard
    index: ItemIndex
    recent: RecentVisitors
    visits: VisitCounts
    popularity: Popularity
    _settings: TrendingNowSettings

    @classmethod
    def of(
        cls,
        card: ModelCard,
        index: ItemIndex,
        recent: RecentVisitors,
        visits: VisitCounts,
        settings: TrendingNowSettings,
    ) -> "TrendingNowModel":
        """Derive the popularity, which is not stored, from the visits."""
        popularity = Popularity.of(visits.decayed_counts(), index, _POPULARITY_SMOOTHING)
        return cls(card, index, recent, visits, popularity, settings)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of `score_catalogue`."""
        return self.index.ids

    def refreshed(self, data: Countable) -> "TrendingNowModel":
        """All is counted, so this is a fit."""
        return TrendingNow().fit(data, self._settings, self.card.seed)

    def score_catalogue(self, context: Context) -> NDArray[np.float32]:
        """Trend score and popularity of every item, as shares that sum to 1."""
        trend, rest = self._trend(context.now)
        return trend + self.popularity.share * rest

    def score(self, context: Context, items: Sequence[str]) -> NDArray[np.float32]:
        """The same of any ids; outside the catalogue, that of an untouched related item."""
        parts = self.contributions(context, items)
        return parts["trend"] + parts["popularity"]

    def contributions(
        self, context: Context, items: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the shares of trend and popularity in the scores; they add up to `score`."""
        rows = self.index.rows(items)
        outside = np.flatnonzero(rows == len(self.index.ids))
        cells = self.index.cells_of_ids([items[place] for place in outside.tolist()])
        trend, rest = self._trend(context.now)
        popularity = np.append(self.popularity.share, np.float32(0))[rows]
        popularity[outside] = self.popularity.of_cells(cells)
        return {"trend": np.append(trend, np.float32(0))[rows], "popularity": popularity * rest}

    def arrays(self) -> Arrays:
        """Index and counts."""
        return {**self.index.arrays(), **self.recent.arrays(), **self.visits.arrays()}

    def _trend(self, now: int) -> tuple[NDArray[np.float32], np.float32]:
        """Each item's trend score at `now` as its share of the score, and what popularity has."""
        s = self._settings
        found = trend_score(
            *self.recent.windows(now // s.step),
            min_support=s.min_support,
            smoothing=s.smoothing,
            doubt=s.doubt,
        )
        whole = float(found.sum()) + s.popularity_weight
        return (found / whole).astype(np.float32), np.float32(s.popularity_weight / whole)
