"""Counting: the exact counts of a log that recipes need, equal from every engine.

A log that fits is counted in memory (`memory.py`), a larger one by an engine beside its rows. All
sums are of whole parts of `GRAIN`, so neither the order of events nor how they are split between
machines changes a bit.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import HOUR
from pawsonalize.recipes.counts.facet_lifts import counted_facets, facet_counts
from pawsonalize.recipes.counts.rows import Counts
from pawsonalize.recipes.counts.steps import (
    Covisits,
    count_repeats,
    count_steps,
    count_visits,
    meetings,
)
from pawsonalize.recipes.counts.weights import (
    GRAIN,
    MOST,
    EventWeights,
    LogClock,
    VisitLog,
    WeighedLog,
    on_grain,
    read_visits,
)
from pawsonalize.recipes.data import (
    Dayparts,
    Facet,
    ItemAttributes,
    Returned,
    StayColumns,
    TrainingData,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    """See `seal_fingerprint`."""

    @cached_property
    def clock(self) -> LogClock:
        """The clock by which events fade."""
        return LogClock.of(self.times, self.as_of)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.item_ids)


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
        data, newest = self.data, _newest_choices(self.data)
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
        inside = steps > steps.max(initial=_BEFORE_ALL) - count
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


_BEFORE_ALL = -(2**60)


def _newest_choices(data: TrainingData) -> NDArray[np.int64]:
    """The rows of the newest event of each user with each item."""
    pair = data.user.astype(np.int64) * len(data.item_ids) + data.item
    # Events of a user are in order of time, so the last of each pair is its newest.
    _, from_end = np.unique(pair[::-1], return_index=True)
    return np.asarray(len(data) - 1 - from_end, np.int64)


_PRIME = 2**31 - 1
_FACTORS = (1_103_515_245, 69_621, 742_938_285, 950_706_376, 1_226_874_159, 62_089_911)
"""Factors of the item, type, value, time, place and item before."""
_FACET_FACTOR = 1_343_714_438
_SHIFT = 452_807_053


def item_marks(data: TrainingData) -> Ints:
    """The sum of the marks of each item's events, shape (items,)."""
    first = np.diff(data.user, prepend=-1) != 0
    edges = np.flatnonzero(first)
    place = np.arange(len(data)) - np.repeat(edges, np.diff(np.append(edges, len(data))))
    before = np.where(first, -1, np.roll(data.item, 1)).astype(np.int64)
    known = np.isfinite(data.value)
    value = np.where(known, np.clip(np.nan_to_num(data.value.astype(np.float64)), 0.0, MOST), -1.0)
    columns = (
        data.item.astype(np.int64),
        data.event_type.astype(np.int64),
        np.floor(value * GRAIN).astype(np.int64) % _PRIME,
        data.time % _PRIME,
        place % _PRIME,
        before + 1,
    )
    mark = np.zeros(len(data), np.int64)
    for number, codes in enumerate(data.facets.codes.T if data.facets else (), start=1):
        mark += (codes.astype(np.int64) + 1) * (number * _FACET_FACTOR % _PRIME) % _PRIME
    for column, factor in zip(columns, _FACTORS, strict=True):
        mark = (mark + column * factor % _PRIME) % _PRIME
    mark = mark * ((mark + _SHIFT) % _PRIME) % _PRIME
    sums = np.zeros(len(data.item_ids), np.int64)
    np.add.at(sums, data.item, mark)
    return sums


def seal_fingerprint(data: TrainingData, n_events: int, marks: Ints) -> str:
    """The fingerprint of so many events with these sums of marks, and of all else in the data."""
    attributes, stays = data.attributes, data.stays
    numbers = (data.n_users, n_events, data.as_of)
    digest = hashlib.sha256(" ".join(map(str, numbers)).encode())
    columns: list[tuple[NDArray[Any], str]] = [
        (marks, "<i8"),
        (attributes.codes, "<i4"),
        (stays.item, "<i4"),
        (stays.since, "<i8"),
        (stays.until, "<i8"),
    ]
    for events in (data.returned, data.disliked):
        columns += [(events.item, "<i4"), (events.time, "<i8")]
    for column, kind in columns:
        digest.update(f"{kind}{column.shape}".encode())
        digest.update(np.ascontiguousarray(column, dtype=kind).tobytes())
    names = (data.item_ids, data.event_types, attributes.names, *attributes.values)
    for texts in (*names, data.facets.names, *data.facets.values):
        digest.update(f"{len(texts)}".encode())
        for text in texts:
            # With its length before it, no two lists of texts read alike.
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(f" {len(encoded)} ".encode() + encoded)
    return digest.hexdigest()
