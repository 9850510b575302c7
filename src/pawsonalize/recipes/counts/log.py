"""The log as visits, grouped by user, oldest first.

A stronger event that only continues the one before (a favourite of the animal just viewed) is
not a choice of its own: it raises the worth of that visit. A repeated view is a visit.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.counts.weights import WeighedLog
from pawsonalize.recipes.data import TrainingData

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
