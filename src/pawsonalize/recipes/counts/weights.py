"""What an event weighs: by its type, its value and its age.

Ages count time in which something happens. A log may stop for years: an import of old data, then
the first live events. Counted by the calendar, everything before such a pause would weigh nothing
beside the first event after it. So a pause in which nobody did anything ages the log by a day.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.contract import TrainingData

PAUSE = DAY
"""The most that time without any event counts, in milliseconds."""
OLDEST = 15
"""What is older counts as if it were this many half-lives old: the order of all time stays."""
_MOST = 10.0  # a price or a duration by mistake must not drown all else
_GRAIN = 2.0**20

Moments = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ActiveTime:
    """A clock that stands still during a pause, a day after the last event.

    Without pauses it is the calendar's clock, bit for bit.
    """

    stops: Floats
    """Where the clock stops at each pause, shape (pauses,), milliseconds since 1970."""
    ends: Floats
    """The next event after each pause, shape (pauses,), milliseconds since 1970."""
    skipped: Floats
    """What was left out before each pause and in all, shape (pauses + 1,), milliseconds."""

    @classmethod
    def of(cls, times: Moments) -> "ActiveTime":
        """The clock of a log with these events, in any order; milliseconds since 1970."""
        moments = np.sort(times).astype(np.float64)
        long = np.flatnonzero(np.diff(moments) > PAUSE)
        stops, ends = moments[long] + PAUSE, moments[long + 1]
        return cls(stops, ends, np.append(0.0, np.cumsum(ends - stops)))

    def at(self, times: Moments) -> Floats:
        """What the clock says at each moment, same shape; milliseconds, never running backwards."""
        pause = np.searchsorted(self.ends, times, side="right")
        standing = np.append(self.stops, np.inf)[pause]
        return np.asarray(np.minimum(times, standing) - self.skipped[pause], np.float64)

    def moments(self, active: Moments) -> Floats:
        """When the clock first says each of these, same shape."""
        pause = np.searchsorted(self.stops - self.skipped[:-1], active, side="left")
        return np.asarray(active + self.skipped[pause], np.float64)


def halved(ages: Moments, half_life: float) -> Floats:
    """What is left at these ages, 1 down to 2 ** -OLDEST; both in milliseconds, below 0 as 0."""
    return np.asarray(
        np.exp2(np.minimum(np.maximum(ages / half_life, 0.0), OLDEST) * -1.0), np.float64
    )


def decay(data: TrainingData, half_life_days: float) -> Floats:
    """What is left of each event, halved every half-life of active time, shape (events,).

    Scaled so that the newest event weighs 1: exponential decay keeps every proportion, and old
    data keep their size against the smoothing.
    """
    if len(data) == 0:
        return np.zeros(0)
    clock = ActiveTime.of(data.time)
    newest = clock.at(np.minimum(data.time.max(), data.as_of))
    return halved(newest - clock.at(data.time), half_life_days * DAY)


def on_grain(values: NDArray[np.floating]) -> Floats:
    """The values as multiples of 2 ** -20, which float64 adds exactly in any order up to 2 ** 32.

    So counts of a part can be taken out of the counts of the whole, bit for bit.
    """
    return np.asarray(np.round(values * _GRAIN) / _GRAIN, np.float64)


@dataclass(frozen=True, slots=True)
class EventWeights:
    """What events of each type weigh, and how that fades."""

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
        return weight * min(max(value, 0.0), _MOST)

    def of_events(self, data: TrainingData) -> Floats:
        """The same of every event, shape (events,)."""
        by_type = [self.of_type.get(name, self.others) for name in data.event_types]
        weights = np.array(by_type, np.float64)[data.event_type]
        valued = np.array([name in self.valued for name in data.event_types], np.bool_)
        known = valued[data.event_type] & np.isfinite(data.value)
        values = np.clip(data.value.astype(np.float64), 0.0, _MOST)
        return np.asarray(weights * np.where(known, values, 1.0), np.float64)


@dataclass(frozen=True)
class WeighedLog:
    """The log with the weight of each event: what every table of one training is counted from."""

    data: TrainingData
    weights: EventWeights

    @cached_property
    def strength(self) -> Floats:
        """What each event weighs by its type and value, shape (events,)."""
        return self.weights.of_events(self.data)

    @cached_property
    def fade(self) -> Floats:
        """What its age leaves of each event, shape (events,)."""
        return decay(self.data, self.weights.half_life_days)

    @cached_property
    def weight(self) -> NDArray[np.float32]:
        """The weight of each event, shape (events,)."""
        return (self.strength * self.fade).astype(np.float32)
