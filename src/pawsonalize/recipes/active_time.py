"""Time in which something happens: what ages are counted in.

A log may stop for years: an import of old data, then the first live events. Counted by the
calendar, everything before such a pause would weigh nothing beside the first event after it. So a
pause in which nobody did anything ages the log by a day at most.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY

PAUSE = DAY
"""The most that time without any event counts, in milliseconds."""
OLDEST = 15
"""What is older counts as if it were this many half-lives old: the order of all time stays."""

Moments = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ActiveTime:
    """A clock that stands still during a pause, a day after the last event.

    Pause i begins where the clock stops, at `stops[i]`, and ends with the next event, at `ends[i]`,
    both (pauses,) milliseconds since 1970. `skipped` (pauses + 1,) is what is left out by then.
    Without pauses it is the calendar's clock, bit for bit.
    """

    stops: NDArray[np.float64]
    ends: NDArray[np.float64]
    skipped: NDArray[np.float64]

    @classmethod
    def of(cls, times: Moments) -> "ActiveTime":
        """The clock of a log with these events, in any order; milliseconds since 1970."""
        moments = np.sort(times).astype(np.float64)
        long = np.flatnonzero(np.diff(moments) > PAUSE)
        stops, ends = moments[long] + PAUSE, moments[long + 1]
        return cls(stops, ends, np.append(0.0, np.cumsum(ends - stops)))

    def at(self, times: Moments) -> NDArray[np.float64]:
        """What the clock says at each moment, same shape; milliseconds, never running backwards."""
        pause = np.searchsorted(self.ends, times, side="right")
        standing = np.append(self.stops, np.inf)[pause]
        return np.asarray(np.minimum(times, standing) - self.skipped[pause], np.float64)

    def moments(self, active: Moments) -> NDArray[np.float64]:
        """When the clock first says each of these, same shape."""
        pause = np.searchsorted(self.stops - self.skipped[:-1], active, side="left")
        return np.asarray(active + self.skipped[pause], np.float64)


def halved(ages: Moments, half_life: float) -> NDArray[np.float64]:
    """What is left at these ages, 1 down to 2 ** -OLDEST; both in milliseconds, below 0 as 0."""
    return np.asarray(np.exp2(-np.clip(ages / half_life, 0.0, OLDEST)), np.float64)
