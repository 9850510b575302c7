"""Weights of events by type, value and age, and the visits that they make."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.data import Array, Floats, TrainingData

PAUSE = DAY  # the most that time without any event counts, in milliseconds
# Most half-lives of age; older events count as if that old, so the order of all time stays.
OLDEST = 15
# The most that a value counts: a price or a duration by mistake must not drown all else.
MOST = 10.0
GRAIN = 2.0**20  # sums are whole numbers of parts of one: as many parts as this
# The polynomial q of `decay_weights`, by rising powers.
CURVE = (
    -0.19314718055946636,
    0.04707932636893659,
    -0.008424781753223483,
    0.001193343106972442,
    -0.0001399948972143172,
    1.3996655296475002e-05,
    -1.1908855089362268e-06,
    7.224467270103884e-08,
)
_POWERS = 0.5 ** np.arange(OLDEST + 1)


# A pause ages the log by a day, or else the first live event after an import of old data would make
# everything before it weigh nothing.
class ActiveTime(msgspec.Struct, frozen=True):
    """A clock that stops one day after the last event of a pause; else the calendar, to the bit."""

    stops: Floats
    ends: Floats
    # Time left out before each pause and in all, (pauses + 1,); all in ms (since 1970).
    skipped: Floats

    @classmethod
    def of(cls, times: Array) -> "ActiveTime":
        """The clock of a log with these events, in any order; milliseconds since 1970."""
        # Only gaps between neighbours matter, so the order in which events came in does not.
        moments = np.sort(times).astype(np.float64)
        long = np.flatnonzero(np.diff(moments) > PAUSE)
        stops, ends = moments[long] + PAUSE, moments[long + 1]
        return cls(stops, ends, np.append(0.0, np.cumsum(ends - stops)))

    def at(self, times: Array) -> Floats:
        """Return the clock at each moment, same shape; milliseconds, never running backwards."""
        pause = np.searchsorted(self.ends, times, side="right")
        # Within a pause the clock stands where it stopped.
        standing = np.append(self.stops, np.inf)[pause]
        return np.asarray(np.minimum(times, standing) - self.skipped[pause], np.float64)

    def moments(self, active: Array) -> Floats:
        """The first moment at which the clock says each of these, same shape."""
        pause = np.searchsorted(self.stops - self.skipped[:-1], active, side="left")
        return np.asarray(active + self.skipped[pause], np.float64)


def decay_weights(ages: Array, half_life: float) -> Floats:
    """Decay at ages below or at 0 to `OLDEST` half-lives, 1 down to 2 ** -OLDEST."""
    # 2 ** -(k + f) is 2 ** -k times 1 - f / 2 + f (1 - f) q(f), within 4e-14; sums and products
    # alone give the same bits on every machine, powers do not.
    halvings = np.clip(ages * (1.0 / half_life), 0.0, float(OLDEST))
    whole = np.floor(halvings)
    part = halvings - whole
    curve = np.full(part.shape, CURVE[-1])
    for factor in CURVE[-2::-1]:
        curve = curve * part + factor
    # Exact at both ends, 1 and one half, so the curve joins itself at each whole half-life.
    left = (1.0 - part * 0.5) + (part * (1.0 - part)) * curve
    return np.asarray(left * _POWERS[whole.astype(np.int64)], np.float64)


class LogClock(msgspec.Struct, frozen=True):
    """Active time of a log, and what it is at the newest event."""

    active: ActiveTime
    newest: float

    @classmethod
    def of(cls, times: Array, as_of: int) -> "LogClock":
        """The clock of a log; of each day the first and the last moment are enough."""
        active = ActiveTime.of(times)
        newest = np.minimum(times.max(), as_of) if len(times) else as_of
        return cls(active, float(active.at(np.asarray(newest))))

    def fade(self, times: Array, half_life_days: float) -> Floats:
        """Decay of events by active time."""
        # The newest weighs 1, so that old data keep their size.
        return decay_weights(self.newest - self.active.at(times), half_life_days * DAY)


def on_grain(values: NDArray[np.floating]) -> Floats:
    """Round to multiples of 2 ** -20."""
    # float64 adds and subtracts these exactly up to 2 ** 32.
    return np.asarray(np.floor(values * GRAIN + 0.5) / GRAIN, np.float64)


class EventWeights(msgspec.Struct, frozen=True):
    """Weights of events by type, and their decay."""

    of_type: Mapping[str, float] = msgspec.field(default_factory=dict)
    others: float = 1.0
    valued: AbstractSet[str] = frozenset()
    """Types whose value, from 0 to 10, multiplies their weight."""
    half_life_days: float = 180.0

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


class WeighedLog(msgspec.Struct, frozen=True, dict=True):
    """Events with the weight of each: what the tables of one training are counted from."""

    data: TrainingData
    weights: EventWeights
    clock: LogClock

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


class VisitLog(msgspec.Struct, frozen=True):
    """Visits by columns (visits,); those of user u are rows offsets[u]:offsets[u + 1]."""

    offsets: Array
    items: Array
    worth: Array  # by event type and value
    views: Array  # True if the visit began with a view
    weights: Array  # the worth, faded by age
    times: Array
    facets: Array
    timed: bool  # False when all times are equal: then only the order is known
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


def read_visits(log: WeighedLog) -> VisitLog:
    """The visits of the log."""
    # A stronger event that only continues the one before, as a favourite after a view, is not a
    # choice of its own: it raises the worth of that visit. A repeated view is a visit.
    data, of_type = log.data, log.weights.of_type
    own = np.array([name in of_type and name != "view" for name in data.event_types], bool)
    same = (data.user[1:] == data.user[:-1]) & (data.item[1:] == data.item[:-1])
    continues = np.zeros(len(data), bool)
    continues[1:] = same & own[data.event_type[1:]]
    starts = np.flatnonzero(~continues)
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
