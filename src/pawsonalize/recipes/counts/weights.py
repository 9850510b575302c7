"""Weights of events, by type, value and age.

Ages count time in which something happens. A log may stop for years: an import of old data, then
the first live events. Counted by the calendar, everything before such a pause would weigh nothing
beside the first event after it. So a pause in which nobody did anything ages the log by a day.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.data import TrainingData

PAUSE = DAY
"""The most that time without any event counts, in milliseconds."""
OLDEST = 15
"""Most half-lives of age; older events count as if that old, so the order of all time stays."""
MOST = 10.0
"""The most that a value counts: a price or a duration by mistake must not drown all else."""
GRAIN = 2.0**20
"""Sums are whole numbers of parts of one: as many parts as this."""
CURVE = (
    -0.19314718055946636, 0.04707932636893659, -0.008424781753223483, 0.001193343106972442,
    -0.0001399948972143172, 1.3996655296475002e-05, -1.1908855089362268e-06, 7.224467270103884e-08,
)  # fmt: skip
"""The polynomial q of `decay_weights`, by rising powers."""

Moments = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ActiveTime:
    """A clock that stands still during a pause, a day after the last event.

    Without pauses it is the calendar's clock, bit for bit.
    """

    stops: Floats
    """Start of each pause, shape (pauses,), milliseconds since 1970."""
    ends: Floats
    """The next event after each pause, shape (pauses,), milliseconds since 1970."""
    skipped: Floats
    """Time left out before each pause and in all, shape (pauses + 1,), milliseconds."""

    @classmethod
    def of(cls, times: Moments) -> "ActiveTime":
        """The clock of a log with these events, in any order; milliseconds since 1970."""
        # Only gaps between neighbours matter, so the order in which events came in does not.
        moments = np.sort(times).astype(np.float64)
        long = np.flatnonzero(np.diff(moments) > PAUSE)
        stops, ends = moments[long] + PAUSE, moments[long + 1]
        return cls(stops, ends, np.append(0.0, np.cumsum(ends - stops)))

    def at(self, times: Moments) -> Floats:
        """Return the clock at each moment, same shape; milliseconds, never running backwards."""
        pause = np.searchsorted(self.ends, times, side="right")
        standing = np.append(self.stops, np.inf)[pause]
        return np.asarray(np.minimum(times, standing) - self.skipped[pause], np.float64)

    def moments(self, active: Moments) -> Floats:
        """When the clock first says each of these, same shape."""
        pause = np.searchsorted(self.stops - self.skipped[:-1], active, side="left")
        return np.asarray(active + self.skipped[pause], np.float64)


def decay_weights(ages: Moments, half_life: float) -> Floats:
    """Return the decay at these ages, 1 down to 2 ** -OLDEST; both in milliseconds, below 0 as 0.

    2 ** -(k + f) with k whole and 0 <= f < 1 is 2 ** -k times 1 - f / 2 + f (1 - f) q(f), within
    4e-14. It takes sums and products alone, so every engine gives the same bits; powers do not.
    """
    halvings = np.clip(ages * (1.0 / half_life), 0.0, float(OLDEST))
    whole = np.floor(halvings)
    part = halvings - whole
    curve = np.full(part.shape, CURVE[-1])
    for factor in CURVE[-2::-1]:
        curve = curve * part + factor
    # Exact at both ends, 1 and one half, so the curve joins itself at each whole half-life.
    left = (1.0 - part * 0.5) + (part * (1.0 - part)) * curve
    return np.asarray(left * _POWERS[whole.astype(np.int64)], np.float64)


_POWERS = 0.5 ** np.arange(OLDEST + 1)


@dataclass(frozen=True, slots=True)
class LogClock:
    """Active time of a log, and what it is at the newest event."""

    active: ActiveTime
    newest: float

    @classmethod
    def of(cls, times: Moments, as_of: int) -> "LogClock":
        """The clock of a log; of each day the first and the last moment are enough."""
        active = ActiveTime.of(times)
        newest = np.minimum(times.max(), as_of) if len(times) else as_of
        return cls(active, float(active.at(np.asarray(newest))))

    def fade(self, times: Moments, half_life_days: float) -> Floats:
        """Return the decay of events, halved every half-life of active time, same shape.

        Scaled so that the newest event weighs 1: exponential decay keeps every proportion, and old
        data keep their size against the smoothing.
        """
        return decay_weights(self.newest - self.active.at(times), half_life_days * DAY)


def on_grain(values: NDArray[np.floating]) -> Floats:
    """The values as multiples of 2 ** -20, which float64 adds exactly in any order up to 2 ** 32.

    So counts of a part can be taken out of the counts of the whole, bit for bit, and counts of
    parts add up to those of the whole, whoever counts them.
    """
    return np.asarray(np.floor(values * GRAIN + 0.5) / GRAIN, np.float64)


@dataclass(frozen=True, slots=True)
class EventWeights:
    """Weights of events by type, and their decay."""

    of_type: Mapping[str, float] = field(default_factory=dict)
    """Weight of each event type that has its own."""
    others: float = 1.0
    """Weight of every other type."""
    valued: AbstractSet[str] = frozenset()
    """Types whose value, from 0 to 10, multiplies their weight."""
    half_life_days: float = 180.0
    """After how many days of active time an event counts half."""

    def of_event(self, event_type: str, value: float | None) -> float:
        """The weight of one event before it fades; one without a value counts as one of 1."""
        weight = self.of_type.get(event_type, self.others)
        if value is None or event_type not in self.valued:
            return weight
        return weight * min(max(value, 0.0), MOST)

    def of_events(self, data: TrainingData) -> Floats:
        """The same of every event, shape (events,)."""
        by_type = [self.of_type.get(name, self.others) for name in data.event_types]
        weights = np.array(by_type, np.float64)[data.event_type]
        valued = np.array([name in self.valued for name in data.event_types], np.bool_)
        known = valued[data.event_type] & np.isfinite(data.value)
        values = np.clip(data.value.astype(np.float64), 0.0, MOST)
        return np.asarray(weights * np.where(known, values, 1.0), np.float64)


@dataclass(frozen=True)
class WeighedLog:
    """Events with the weight of each: what the tables of one training are counted from."""

    data: TrainingData
    weights: EventWeights
    clock: LogClock
    """That of the whole log, where these are a part of its events."""

    @classmethod
    def of(cls, data: TrainingData, weights: EventWeights) -> "WeighedLog":
        """A whole log."""
        return cls(data, weights, LogClock.of(data.time, data.as_of))

    @cached_property
    def strength(self) -> Floats:
        """Return the weight of each event by its type and value, shape (events,)."""
        return self.weights.of_events(self.data)

    @cached_property
    def fade(self) -> Floats:
        """Return the decay of each event by its age, shape (events,)."""
        return self.clock.fade(self.data.time, self.weights.half_life_days)

    @cached_property
    def weight(self) -> Floats:
        """The weight of each event, shape (events,)."""
        return self.strength * self.fade


Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class VisitLog:
    """Visits of users; those of user u are rows offsets[u]:offsets[u + 1]."""

    offsets: Array
    """Shape (users + 1,) int64."""
    items: Array
    """Catalogue positions, shape (visits,) int32."""
    worth: Array
    """Weight of each visit by event type and value, shape (visits,) float64."""
    views: Array
    """Whether the visit began with a view, shape (visits,) bool."""
    weights: Array
    """The worth halved every half-life of active time, shape (visits,) float64."""
    times: Array
    """Milliseconds since 1970, shape (visits,) float64."""
    facets: Array
    """Codes of the data's facets, shape (visits, columns)."""
    timed: bool
    """False when all times are equal: then only the order is known."""
    n_items: int

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Array:
        """Visits of each user, shape (users,)."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Array:
        """The user of each visit, shape (visits,)."""
        return np.repeat(np.arange(self.n_users), self.lengths)

    def of_users(self, member: Array) -> "VisitLog":
        """The same users, all but the members (a mask, shape (users,)) without any visit."""
        inside = member[self.owners]
        offsets = np.concatenate([[0], np.cumsum(np.where(member, self.lengths, 0))])
        return replace(
            self,
            offsets=offsets,
            items=self.items[inside],
            worth=self.worth[inside],
            views=self.views[inside],
            weights=self.weights[inside],
            times=self.times[inside],
            facets=self.facets[inside],
        )


def read_visits(log: WeighedLog) -> VisitLog:
    """The visits of the log."""
    data, of_type = log.data, log.weights.of_type
    own = np.array([name in of_type and name != "view" for name in data.event_types], bool)
    starts = _visit_starts(data, own[data.event_type])
    user = data.user[starts]
    worth = np.maximum.reduceat(log.strength, starts) if len(starts) else log.strength
    times = data.time[starts].astype(np.float64)
    counts = np.bincount(user, minlength=data.n_users)
    return VisitLog(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=data.item[starts].astype(np.int32),
        worth=worth,
        views=~own[data.event_type[starts]],
        weights=worth * log.fade[starts],
        times=times,
        facets=data.facets.codes[starts] if data.facets else np.zeros((len(starts), 0), np.int32),
        timed=bool(len(times) and times.max() > times.min()),
        n_items=len(data.item_ids),
    )


def _visit_starts(data: TrainingData, stronger: Array) -> Array:
    continues = np.zeros(len(data), bool)
    same = (data.user[1:] == data.user[:-1]) & (data.item[1:] == data.item[:-1])
    continues[1:] = same & stronger[1:]
    return np.flatnonzero(~continues)
