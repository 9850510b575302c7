"""The data that recipes are fitted on, as columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.facets import Facets

Floats = NDArray[np.float32] | NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]

FOREVER = int(np.iinfo(np.int64).max)
"""The end of a stay that goes on."""


@dataclass(frozen=True, slots=True)
class ItemAttributes:
    """Categorical attributes of the catalogue, as codes.

    `codes[i, a]` is item i's value of attribute `names[a]` as an index into `values[a]`, or -1
    when it has none. A name given more than once is one attribute with several values: a column
    for each. For animal groups the names are species, breed, size and age.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class StayColumns:
    """Stays of all animals, one array per column; empty if availability is unknown.

    An animal of item `item` (a code) is available from `since` until just before `until`
    (milliseconds since 1970, `FOREVER` while it waits).
    """

    item: NDArray[np.int32]
    since: NDArray[np.int64]
    until: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def unknown(cls) -> "StayColumns":
        """No stays at all."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def as_of(self, moment: int, code: NDArray[np.integer]) -> "StayColumns":
        """Return the data as known at the moment, item i renumbered `code[i]` (-1: left out)."""
        known = (self.since <= moment) & (code[self.item] >= 0)
        until = np.where(self.until > moment, FOREVER, self.until)
        return StayColumns(code[self.item[known]].astype(np.int32), self.since[known], until[known])

    def at(self, moment: int, n_items: int) -> NDArray[np.int64]:
        """Available animals of each item at the moment, shape (items,)."""
        there = (self.since <= moment) & (moment < self.until)
        return np.bincount(self.item[there], minlength=n_items)

    def mean(
        self, moments: NDArray[np.int64], weights: NDArray[np.floating], n_items: int
    ) -> NDArray[np.float32]:
        """Available animals of each item, the mean over weighted moments, shape (items,).

        So an animal counts by the weight of the moments it was available at.
        """
        order = np.argsort(moments, kind="stable")
        up_to = np.concatenate(([0.0], np.cumsum(weights[order], dtype=np.float64)))
        first, last = (np.searchsorted(moments[order], edge) for edge in (self.since, self.until))
        share = (up_to[last] - up_to[first]) / max(float(up_to[-1]), 1e-30)
        return np.bincount(self.item, share, minlength=n_items).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Returned:
    """Events that speak against an item: which, and when (milliseconds since 1970)."""

    item: NDArray[np.int32]
    time: NDArray[np.int64]

    @classmethod
    def nothing(cls) -> "Returned":
        """Nothing ever spoke against an item."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.item)

    @property
    def newest(self) -> int:
        """The moment of the last one; long ago without any."""
        return int(self.time.max(initial=-(2**60)))

    def as_of(self, moment: int, position: NDArray[np.int64]) -> "Returned":
        """Those known by a moment, with items numbered anew (-1 for one that is left out)."""
        kept = self.time <= moment
        kept &= position[self.item] >= 0
        return Returned(position[self.item[kept]].astype(np.int32), self.time[kept])


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Interactions as columns of equal length, sorted by user, then `(time, log offset)`."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    """Positions in `item_ids`."""
    event_type: NDArray[np.int16]
    """Positions in `event_types`."""
    value: NDArray[np.float32]
    """NaN where an event has none."""
    time: NDArray[np.int64]
    """Milliseconds since 1970."""
    n_users: int
    item_ids: tuple[str, ...]
    """The whole catalogue, items that nobody has touched included."""
    event_types: tuple[str, ...]
    attributes: ItemAttributes
    """Attributes of the items; an item may be touched without being described."""
    as_of: int
    """The moment from which decay is counted."""
    stays: StayColumns = field(default_factory=StayColumns.unknown)
    """Stays of animals, where availability is known."""
    facets: Facets = field(default_factory=Facets.unknown)
    """Facets of each event's visitor, known beside events."""
    returned: Returned = field(default_factory=Returned.nothing)
    """Animals that came back: they speak against an item, and are no choices and no rows."""
    disliked: Returned = field(default_factory=Returned.nothing)
    """The same of dislikes."""

    def __len__(self) -> int:
        return len(self.item)

    def of_events(self, rows: NDArray[np.bool_]) -> "TrainingData":
        """The same with some of its events, by a mask; the catalogue and all else stay."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            event_type=self.event_type[rows],
            value=self.value[rows],
            time=self.time[rows],
            facets=self.facets.of(rows),
        )
