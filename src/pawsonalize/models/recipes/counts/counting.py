"""Exact counts of a log, equal however it is split: all sums are of whole parts of `GRAIN`."""

import hashlib
from functools import cached_property

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.core.times import HOUR
from pawsonalize.models.recipes.counts.facet_lifts import (
    counted_facets,
    earlier_events,
    facet_counts,
)
from pawsonalize.models.recipes.counts.rows import (
    Counts,
    Covisits,
    count_steps,
    count_visits,
    meetings,
)
from pawsonalize.models.recipes.counts.weights import (
    GRAIN,
    MOST,
    EventWeights,
    LogClock,
    VisitLog,
    WeighedLog,
    on_grain,
    read_visits,
)
from pawsonalize.models.recipes.data import (
    Array,
    Dayparts,
    Facet,
    Floats,
    Int32s,
    Ints,
    TrainingData,
)

_BEFORE_ALL = -(2**60)
_PRIME = 2**31 - 1
# Factors of the item, type, value, time, place and item before.
_FACTORS = (1_103_515_245, 69_621, 742_938_285, 950_706_376, 1_226_874_159, 62_089_911)
_FACET_FACTOR = 1_343_714_438
_SHIFT = 452_807_053


class LogSummary(msgspec.Struct, frozen=True, dict=True):
    """Figures of a log besides its single events."""

    data: TrainingData  # of which all but the events counts: out of core it has a part of them
    n_events: int
    facets: tuple[Facet, ...]
    times: Ints  # moments of events, in any order: at least the first and the last of each day
    fingerprint: str

    @cached_property
    def clock(self) -> LogClock:
        """The clock by which events fade."""
        return LogClock.of(self.times, self.data.as_of)


def summary_of(data: TrainingData, n_events: int, times: Ints, marks: Ints) -> LogSummary:
    """The summary of so many events with these times and marks, and of all else in the data."""
    return LogSummary(
        data=data,
        n_events=n_events,
        facets=counted_facets(data.facets.names, data.facets.values),
        times=times,
        fingerprint=seal_fingerprint(data, n_events, marks),
    )


# Float sums are on the grain; positions are those of the summary.
class EventCounts:
    """Counts of a log in memory, or of some users' part of it by the clock of the whole."""

    def __init__(self, data: TrainingData, clock: LogClock | None = None) -> None:
        self.data = data
        self._clock = clock or LogClock.of(data.time, data.as_of)
        # One training asks for the same weights many times in a row, so the newest are kept.
        self._newest: tuple[WeighedLog, VisitLog] | None = None

    @cached_property
    def summary(self) -> LogSummary:
        """Return the figures of the whole log."""
        return summary_of(self.data, len(self.data), self.data.time, item_marks(self.data))

    def sample(self, most: int) -> TrainingData:
        """Events of the first users that have at most `most` together; the catalogue is whole."""
        data = self.data
        ends = np.cumsum(np.bincount(data.user, minlength=data.n_users))
        users = max(int(np.searchsorted(ends, most, side="right")), 1)
        if users >= data.n_users:
            return data
        return replace(
            data.of_events(data.user < users), n_users=users, visitors=data.visitors[:users]
        )

    def users(self, half_life_days: float) -> Floats:
        """Users per item, each once and by the decay of their newest event, shape (items,)."""
        data = self.data
        pair = data.user.astype(np.int64) * len(data.item_ids) + data.item
        # Events of a user are in order of time, so the last of each pair is its newest.
        newest = len(data) - 1 - np.unique(pair[::-1], return_index=True)[1]
        return self._sums(data.item[newest], self._clock.fade(data.time[newest], half_life_days))

    def first_events(self, nothing: int) -> Ints:
        """Each item's first moment, `nothing` where there is none, shape (items,)."""
        first = np.full(len(self.data.item_ids), nothing, np.int64)
        np.minimum.at(first, self.data.item, self.data.time)
        return first

    def repeats(self, window: int) -> tuple[int, int]:
        """Count events whose item is among the `window` before, and those that have any before."""
        user, item = self.data.user, self.data.item
        repeated = np.zeros(len(self.data), np.bool_)
        for gap in range(1, window + 1):
            repeated[gap:] |= (user[:-gap] == user[gap:]) & (item[:-gap] == item[gap:])
        return int(np.count_nonzero(repeated)), int(np.count_nonzero(user[:-1] == user[1:]))

    def choices(self, weights: EventWeights) -> Floats:
        """Weighed events of each item, shape (items,)."""
        return self._sums(self.data.item, self._weighed(weights).weight)

    def hours(self, weights: EventWeights) -> tuple[Ints, Floats]:
        """The hours that have events, by their first moments, and what age leaves of these."""
        hours, place = np.unique(self.data.time // HOUR * HOUR, return_inverse=True)
        fades = np.bincount(place, on_grain(self._weighed(weights).fade), len(hours))
        return hours, np.asarray(fades, np.float64)

    def facets(self, weights: EventWeights, dayparts: Dayparts) -> Counts:
        """Choices by facet, then daypart, (facets, items); a user's n-th counts 1 / sqrt(n)."""
        data = self.data
        facets = dayparts.of_events(data.facets, data.time)
        names = counted_facets(facets.names, facets.values)
        return facet_counts(
            facets, names, data.user, data.item, self._weighed(weights).weight, len(data.item_ids)
        )

    def steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """Steps to other, later items (items, items); repeats in a row are one visit."""
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
        """The pairs of each user's last `history` visits."""
        return meetings(self._weighed(weights), history)

    def visit_steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """Steps between visits as `read_visits` has them, also to the same item, (items, items)."""
        log = self.visit_log(weights)
        return count_steps(
            log.owners, log.items, log.weights, log.n_items, window=window, gap_decay=gap_decay
        )

    def visits(self, weights: EventWeights) -> Floats:
        """Weighed visits of each item, as `read_visits` has them, shape (items,)."""
        log = self.visit_log(weights)
        return self._sums(log.items, log.weights)

    def visits_by_time(self, weights: EventWeights, edges: Floats) -> Floats:
        """Worth of visits from each edge to the next (edges, items); the first has earlier ones."""
        log = self.visit_log(weights)
        part = np.maximum(np.searchsorted(edges, log.times, side="right") - 1, 0)
        size = len(edges) * log.n_items
        counts = np.bincount(part * log.n_items + log.items, on_grain(log.worth), size)
        return np.asarray(counts.reshape(len(edges), log.n_items), np.float64)

    def recent(self, step: int, count: int) -> tuple[Ints, Int32s, Int32s]:
        """Distinct (step, item, user) of the newest `count` steps; users are numbered anew."""
        data = self.data
        # Events of clocks that run ahead count as of now.
        steps = np.minimum(data.time, data.as_of) // step
        inside = steps > steps.max(initial=_BEFORE_ALL) - count
        user = np.unique(data.user[inside], return_inverse=True)[1]
        return steps[inside], data.item[inside], user.astype(np.int32)

    def by_period(self, period: int) -> tuple[Ints, Int32s, Ints]:
        """Period, item and number of events; a period is `period` milliseconds."""
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

    def _sums(self, item: Array, weight: Floats) -> Floats:
        return np.bincount(item, on_grain(weight), len(self.data.item_ids)).astype(np.float64)


Countable = TrainingData | EventCounts  # the data that recipes are fitted on


def counts_of(data: Countable) -> EventCounts:
    """The data as something that counts."""
    return EventCounts(data) if isinstance(data, TrainingData) else data


# Marks are added up, so neither the order of events nor parts matter; a mark takes only products
# and remainders of whole numbers below 2 ** 62, which are the same on every machine.
def item_marks(data: TrainingData) -> Ints:
    """The sum of the marks of each item's events, shape (items,)."""
    place = earlier_events(data.user)
    before = np.where(place == 0, -1, np.roll(data.item, 1)).astype(np.int64)
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
    columns: list[tuple[Array, str]] = [
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
