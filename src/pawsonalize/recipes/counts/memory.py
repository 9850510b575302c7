"""Counts a log that is in memory."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import HOUR
from pawsonalize.recipes.counts.counting import (
    Countable,
    Covisits,
    EventCounts,
    Floats,
    Ints,
    LogSummary,
)
from pawsonalize.recipes.counts.facet_lifts import counted_facets, facet_counts
from pawsonalize.recipes.counts.log import VisitLog, read_visits
from pawsonalize.recipes.counts.popularity import newest_choices
from pawsonalize.recipes.counts.rows import Counts
from pawsonalize.recipes.counts.steps import count_repeats, count_steps, count_visits, meetings
from pawsonalize.recipes.counts.visitors import NEVER
from pawsonalize.recipes.counts.weights import EventWeights, LogClock, WeighedLog, on_grain
from pawsonalize.recipes.data import TrainingData
from pawsonalize.recipes.facets import Dayparts
from pawsonalize.recipes.fingerprint import item_marks, seal_fingerprint


def counts_of(data: Countable) -> EventCounts:
    """The data as something that counts."""
    return MemoryCounts(data) if isinstance(data, TrainingData) else data


def summary_of(data: TrainingData, n_events: int, times: Ints, marks: Ints) -> LogSummary:
    """The summary of so many events with these times and marks, and of all else in the data."""
    return LogSummary(
        n_events=n_events,
        n_users=data.n_users,
        item_ids=data.item_ids,
        event_types=data.event_types,
        attributes=data.attributes,
        as_of=data.as_of,
        stays=data.stays,
        returned=data.returned,
        disliked=data.disliked,
        facets=counted_facets(data.facets.names, data.facets.values),
        times=times,
        fingerprint=seal_fingerprint(data, n_events, marks),
    )


class MemoryCounts:
    """Counts a whole log, or some users' part of it by the clock of the whole."""

    def __init__(self, data: TrainingData, clock: LogClock | None = None) -> None:
        self.data = data
        self._clock = clock or LogClock.of(data.time, data.as_of)
        self._newest: tuple[WeighedLog, VisitLog] | None = None

    @cached_property
    def summary(self) -> LogSummary:
        """See `EventCounts`."""
        return summary_of(self.data, len(self.data), self.data.time, item_marks(self.data))

    def sample(self, most: int) -> TrainingData:
        """See `EventCounts`."""
        data = self.data
        ends = np.cumsum(np.bincount(data.user, minlength=data.n_users))
        users = max(int(np.searchsorted(ends, most, side="right")), 1)
        if users >= data.n_users:
            return data
        return replace(data.of_events(data.user < users), n_users=users)

    def users(self, half_life_days: float) -> Floats:
        """See `EventCounts`."""
        data, newest = self.data, newest_choices(self.data)
        return self._sums(data.item[newest], self._clock.fade(data.time[newest], half_life_days))

    def first_events(self, nothing: int) -> Ints:
        """See `EventCounts`."""
        first = np.full(len(self.data.item_ids), nothing, np.int64)
        np.minimum.at(first, self.data.item, self.data.time)
        return first

    def repeats(self, window: int) -> tuple[int, int]:
        """See `EventCounts`."""
        return count_repeats(self.data, window)

    def choices(self, weights: EventWeights) -> Floats:
        """See `EventCounts`."""
        return self._sums(self.data.item, self._weighed(weights).weight)

    def hours(self, weights: EventWeights) -> tuple[Ints, Floats]:
        """See `EventCounts`."""
        hours, place = np.unique(self.data.time // HOUR * HOUR, return_inverse=True)
        fades = np.bincount(place, on_grain(self._weighed(weights).fade), len(hours))
        return hours, np.asarray(fades, np.float64)

    def facets(self, weights: EventWeights, dayparts: Dayparts) -> Counts:
        """See `EventCounts`."""
        data = self.data
        facets = dayparts.of_events(data.facets, data.time)
        names = counted_facets(facets.names, facets.values)
        return facet_counts(
            facets, names, data.user, data.item, self._weighed(weights).weight, len(data.item_ids)
        )

    def steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """See `EventCounts`."""
        data, visit = self.data, count_visits(self.data)
        return count_steps(
            data.user[visit],
            data.item[visit],
            self._weighed(weights).weight[visit],
            len(data.item_ids),
            window=window,
            gap_decay=gap_decay,
            to_itself=False,
        )

    def covisits(self, weights: EventWeights, history: int) -> Covisits:
        """See `EventCounts`."""
        return meetings(self._weighed(weights), history)

    def visit_steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """See `EventCounts`."""
        log = self.visit_log(weights)
        return count_steps(
            log.owners, log.items, log.weights, log.n_items, window=window, gap_decay=gap_decay
        )

    def visits(self, weights: EventWeights) -> Floats:
        """See `EventCounts`."""
        log = self.visit_log(weights)
        return self._sums(log.items, log.weights)

    def visits_by_time(self, weights: EventWeights, edges: Floats) -> Floats:
        """See `EventCounts`."""
        log = self.visit_log(weights)
        part = np.maximum(np.searchsorted(edges, log.times, side="right") - 1, 0)
        size = len(edges) * log.n_items
        counts = np.bincount(part * log.n_items + log.items, on_grain(log.worth), size)
        return np.asarray(counts.reshape(len(edges), log.n_items), np.float64)

    def recent(self, step: int, count: int) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
        """See `EventCounts`."""
        data = self.data
        steps = np.minimum(data.time, data.as_of) // step
        inside = steps > steps.max(initial=NEVER) - count
        user = np.unique(data.user[inside], return_inverse=True)[1]
        return steps[inside], data.item[inside], user.astype(np.int32)

    def by_period(self, period: int) -> tuple[Ints, NDArray[np.int32], Ints]:
        """See `EventCounts`."""
        data = self.data
        periods = np.minimum(data.time, data.as_of) // period
        return periods, data.item, np.ones(len(data), np.int64)

    def visit_log(self, weights: EventWeights) -> VisitLog:
        """The visits themselves."""
        return self._weighed_visits(weights)[1]

    def _weighed(self, weights: EventWeights) -> WeighedLog:
        return self._weighed_visits(weights)[0]

    def _weighed_visits(self, weights: EventWeights) -> tuple[WeighedLog, VisitLog]:
        if self._newest is None or self._newest[0].weights != weights:
            log = WeighedLog(self.data, weights, self._clock)
            self._newest = log, read_visits(log)
        return self._newest

    def _sums(self, item: NDArray[Any], weight: Floats) -> Floats:
        return np.bincount(item, on_grain(weight), len(self.data.item_ids)).astype(np.float64)
