"""Counting: the exact counts of a log that recipes need, equal from every engine.

A log that fits is counted in memory (`memory.py`), a larger one by an engine beside its rows. All
sums are of whole parts of `GRAIN`, so neither the order of events nor how they are split between
machines changes a bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.counts.rows import Counts
from pawsonalize.recipes.counts.weights import EventWeights, LogClock
from pawsonalize.recipes.data import ItemAttributes, Returned, StayColumns, TrainingData
from pawsonalize.recipes.facets import Dayparts, Facet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAIR_GRAIN = 2.0**28
"""Products of two weights' roots are whole numbers of parts of one: as many parts as this."""


@dataclass(frozen=True)
class LogSummary:
    """Figures of a log besides its single events; see `TrainingData` for the same fields."""

    n_events: int
    n_users: int
    item_ids: tuple[str, ...]
    event_types: tuple[str, ...]
    attributes: ItemAttributes
    as_of: int
    stays: StayColumns
    returned: Returned
    disliked: Returned
    facets: tuple[Facet, ...]
    """The facets of events that are counted, each once."""
    times: Ints
    """Moments of events, in any order: at least the first and the last of each day."""
    fingerprint: str
    """See `recipes/fingerprint.py`."""

    @cached_property
    def clock(self) -> LogClock:
        """The clock by which events fade."""
        return LogClock.of(self.times, self.as_of)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.item_ids)


@dataclass(frozen=True, slots=True)
class Covisits:
    """Items that users met together: of two items, the sum over users of the weights' roots.

    Made of some rows at a time, since all pairs might not fit.
    """

    rows: Callable[[int, int], Counts]
    """The pairs of the items from the first position to before the second, (items, all items)."""
    weights: Floats
    """Weighed visits of each item, shape (items,)."""

    def minus(self, part: "Covisits") -> "Covisits":
        """Those of all users but some."""
        return Covisits(
            lambda start, end: self.rows(start, end) - part.rows(start, end),
            self.weights - part.weights,
        )


class EventCounts(Protocol):
    """A log to be counted. Float sums are on the grain; positions are those of the summary."""

    @property
    def summary(self) -> LogSummary:
        """Return the figures of the whole log."""
        ...

    def sample(self, most: int) -> TrainingData:
        """The events of the first users, at least one, as many as have at most `most` events.

        The catalogue and all else is that of the whole.
        """
        ...

    def users(self, half_life_days: float) -> Floats:
        """Users per item, each once and by the decay of their newest event, shape (items,)."""
        ...

    def first_events(self, nothing: int) -> Ints:
        """Each item's first moment, `nothing` where there is none, shape (items,)."""
        ...

    def repeats(self, window: int) -> tuple[int, int]:
        """Count events whose item is among the `window` before, and those that have any before."""
        ...

    def choices(self, weights: EventWeights) -> Floats:
        """Weighed events of each item, shape (items,)."""
        ...

    def hours(self, weights: EventWeights) -> tuple[Ints, Floats]:
        """The hours that have events, by their first moments, and what age leaves of these."""
        ...

    def facets(self, weights: EventWeights, dayparts: Dayparts) -> Counts:
        """Choices with each facet of the summary, then of each daypart, shape (facets, items).

        A user's n-th choice counts its weight over the root of n: nobody counts for a crowd.
        """
        ...

    def steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """Steps from an item to a different later one, shape (items, items).

        Repeats of an item in a row are one visit: they must not push its neighbours out of the
        window. See `count_steps`.
        """
        ...

    def covisits(self, weights: EventWeights, history: int) -> Covisits:
        """The pairs of each user's last `history` visits."""
        ...

    def visit_steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """Steps between visits as `log.py` has them, also to the same item, (items, items)."""
        ...

    def visits(self, weights: EventWeights) -> Floats:
        """Weighed visits of each item, as `log.py` has them, shape (items,)."""
        ...

    def visits_by_time(self, weights: EventWeights, edges: Floats) -> Floats:
        """The worth of visits between the edges (E,), by their start, shape (E, items).

        The last ones are without end; what is before the first edge counts as of the first.
        """
        ...

    def recent(self, step: int, count: int) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
        """Of the newest `count` steps: step, item and user of events, each combination once.

        A step is `step` milliseconds. Users are numbered anew, in their order.
        """
        ...

    def by_period(self, period: int) -> tuple[Ints, NDArray[np.int32], Ints]:
        """Period, item and number of events; a period is `period` milliseconds."""
        ...


Countable = TrainingData | EventCounts
"""The data that recipes are fitted on."""
