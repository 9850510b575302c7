"""The data that recipes are fitted on, as columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY, HOUR, MINUTE

Facet = tuple[str, str]

_DAYPART = "time.DAYPART"
_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Facets:
    """The facets of each event's visitor at that moment, as codes.

    `codes[e, c]` is event e's value of facet `names[c]` as an index into `values[c]`, or -1 when
    it has none. A name given more than once is one facet with several values: a column for each.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: NDArray[np.int32]

    @classmethod
    def unknown(cls) -> "Facets":
        """No facet of any event."""
        return cls((), (), np.zeros((0, 0), np.int32))

    def __bool__(self) -> bool:
        return bool(self.names)

    def of(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> "Facets":
        """Those of some events, by a mask or by positions."""
        return replace(self, codes=self.codes[rows]) if self else self

    def at(self, event: int) -> tuple[Facet, ...]:
        """The facets of one event."""
        if not self:
            return ()
        columns = zip(self.names, self.values, self.codes[event].tolist(), strict=True)
        return tuple((name, values[code]) for name, values, code in columns if code >= 0)

    def plus(self, name: str, values: Sequence[str], codes: NDArray[np.integer]) -> "Facets":
        """The same with one more column, `codes` of shape (events,)."""
        column = codes.astype(np.int32)[:, np.newaxis]
        return Facets(
            (*self.names, name),
            (*self.values, tuple(values)),
            np.concatenate((self.codes, column), axis=1) if self else column,
        )


@dataclass(frozen=True, slots=True)
class FacetColumn:
    """Codes of one facet, a column of it: many events have the same facets."""

    name: str
    values: tuple[str, ...]
    source: int
    """Number of the source among those that events report."""
    codes: NDArray[np.int32]
    """Position in `values` for each distinct set of facets, -1 for none; the last is for no set."""


def facet_columns(
    sources: Sequence[tuple[Sequence[Sequence[Facet]], NDArray[np.integer]]], most_values: int
) -> Iterator[FacetColumn]:
    """Yield the columns of each source's distinct sets of facets, which occur `times` times.

    A name has as many columns as somebody has values; of its values the commonest are kept.
    """
    for source, (distinct, times) in enumerate(sources):
        for name in dict.fromkeys(name for entry in distinct for name, _ in entry):
            values = [[value for one, value in facets if one == name] for facets in distinct]
            count: dict[str, int] = {}
            for listed, many in zip(values, times.tolist(), strict=True):
                for value in listed:
                    count[value] = count.get(value, 0) + many
            kept = sorted(count, key=lambda value: -count[value])[:most_values]
            code = {value: place for place, value in enumerate(sorted(kept))}
            for place in range(max(map(len, values))):
                column = [code.get(one[place], -1) if place < len(one) else -1 for one in values]
                yield FacetColumn(name, tuple(code), source, np.array([*column, -1], np.int32))


@dataclass(frozen=True, slots=True)
class Dayparts:
    """The time of day as a facet: bands of so many hours; 0 hours make it none."""

    hours: float = 0.0
    utc_offset_hours: float = 0.0

    @property
    def names(self) -> tuple[Facet, ...]:
        """Every daypart there is."""
        bands = int(np.ceil(_DAY_HOURS / self.hours)) if self.hours else 0
        return tuple((_DAYPART, str(band)) for band in range(bands))

    def of_events(self, facets: Facets, time: NDArray[np.int64]) -> Facets:
        """The facets with the events' dayparts; `time` is milliseconds since 1970."""
        if not self.hours:
            return facets
        return facets.plus(_DAYPART, [band for _, band in self.names], self.bands(time))

    def bands(self, time: NDArray[np.int64]) -> NDArray[np.int32]:
        """The daypart of each moment, as a position in `names`; whole minutes count."""
        hours = time % DAY // MINUTE / (HOUR // MINUTE) + self.utc_offset_hours
        return np.floor(hours % _DAY_HOURS / self.hours).astype(np.int32)

    def at(self, now: int) -> tuple[Facet, ...]:
        """The facet of one moment."""
        if not self.hours:
            return ()
        return self.of_events(Facets.unknown(), np.array([now], np.int64)).at(0)


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
