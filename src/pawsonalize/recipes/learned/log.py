"""The training log in the form the engine reads: visits, grouped by user, oldest first.

A stronger event that only continues the one before (a favourite of the animal just viewed) is
not a choice of its own: it raises the worth of that visit. A repeated view is a visit.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes import event_values
from pawsonalize.recipes.active_time import ActiveTime, halved
from pawsonalize.recipes.contract import TrainingData
from pawsonalize.recipes.learned.design import Design

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Log:
    """Visits of users; those of user u are rows offsets[u]:offsets[u + 1].

    `offsets` (users + 1,) int64; `items` (visits,) int32 catalogue positions; `worth` (visits,)
    float64 by event type; `views` (visits,) bool, whether it began with a view; `weights`
    (visits,) float64, the worth halved every half-life of active time; `times` (visits,) float64
    milliseconds since 1970; `facets` (visits, columns) codes of the data's facets. `timed`
    is False when all times are equal: then only the order is known.
    """

    offsets: Array
    items: Array
    worth: Array
    views: Array
    weights: Array
    times: Array
    facets: Array
    timed: bool
    n_items: int

    @property
    def n_users(self) -> int:
        """How many users there are."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Array:
        """Visits of each user, shape (users,)."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Array:
        """The user of each visit, shape (visits,)."""
        return np.repeat(np.arange(self.n_users), self.lengths)

    def of_users(self, member: Array) -> "Log":
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


def read_log(data: TrainingData, design: Design) -> Log:
    """The visits of the data."""
    own = np.array([name in design.type_weights for name in data.event_types], bool)
    own &= np.array([name != "view" for name in data.event_types], bool)
    by_type = np.array(
        [design.type_weights.get(name, design.view_weight) for name in data.event_types]
    )
    starts = _visit_starts(data, own[data.event_type])
    user = data.user[starts]
    worth = by_type[data.event_type] * event_values.of_rows(data, design.valued)
    worth = np.maximum.reduceat(worth, starts) if len(starts) else worth
    times = data.time[starts].astype(np.float64)
    clock = ActiveTime.of(data.time)
    newest = clock.at(np.minimum(times.max(initial=-np.inf), data.as_of))
    fade = halved(newest - clock.at(times), design.half_life_days * DAY)
    counts = np.bincount(user, minlength=data.n_users)
    return Log(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=data.item[starts].astype(np.int32),
        worth=worth,
        views=~own[data.event_type[starts]],
        weights=worth * fade,
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
