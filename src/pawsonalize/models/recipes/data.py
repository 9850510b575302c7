"""The data that recipes are fitted on, as columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.times import DAY, HOUR, MINUTE

Array = NDArray[Any]
Singles = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]
Scores = Singles | Floats
Arrays = Mapping[str, Array]
# Named `user.…` if it is stored with the user, `context.…` if it comes with a request or an event,
# `time.…` if it follows from the moment.
Facet = tuple[str, str]

_DAYPART = "time.DAYPART"
_DAY_HOURS = 24
FOREVER = int(np.iinfo(np.int64).max)  # the end of a stay that goes on


class Facets(msgspec.Struct, frozen=True):
    """Facets of events: `codes[e, c]` indexes `values[c]`, -1 is none; names may repeat."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: Int32s

    @classmethod
    def unknown(cls) -> "Facets":
        """No facet of any event."""
        return cls((), (), np.zeros((0, 0), np.int32))

    def __bool__(self) -> bool:
        return bool(self.names)

    def of(self, rows: Bools | NDArray[np.integer]) -> "Facets":
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


class FacetColumn(msgspec.Struct, frozen=True):
    """Codes of one facet, a column of it: many events have the same facets."""

    name: str
    values: tuple[str, ...]
    source: int
    codes: Int32s
    """Position in `values` for each distinct set of facets, -1 for none; the last is for no set."""


def facet_columns(
    sources: Sequence[tuple[Sequence[Sequence[Facet]], NDArray[np.integer]]], most_values: int
) -> Iterator[FacetColumn]:
    """Yield columns of each source's distinct facets; a name keeps its `most_values` commonest."""
    for source, (distinct, times) in enumerate(sources):
        for name in dict.fromkeys(name for entry in distinct for name, _ in entry):
            values = [[value for one, value in facets if one == name] for facets in distinct]
            count: dict[str, int] = {}
            for listed, many in zip(values, times.tolist(), strict=True):
                for value in listed:
                    count[value] = count.get(value, 0) + many
            kept = sorted(count, key=lambda value: -count[value])[:most_values]
            # By name, so that codes do not depend on the order of events.
            code = {value: place for place, value in enumerate(sorted(kept))}
            for place in range(max(map(len, values))):
                column = [code.get(one[place], -1) if place < len(one) else -1 for one in values]
                yield FacetColumn(name, tuple(code), source, np.array([*column, -1], np.int32))


class Dayparts(msgspec.Struct, frozen=True):
    """The time of day as a facet: bands of so many hours; 0 hours make it none."""

    hours: float = 0.0
    utc_offset_hours: float = 0.0

    @property
    def names(self) -> tuple[Facet, ...]:
        """Every daypart there is."""
        bands = int(np.ceil(_DAY_HOURS / self.hours)) if self.hours else 0
        return tuple((_DAYPART, str(band)) for band in range(bands))

    def of_events(self, facets: Facets, time: Ints) -> Facets:
        """The facets with the events' dayparts; `time` is milliseconds since 1970."""
        if not self.hours:
            return facets
        return facets.plus(_DAYPART, [band for _, band in self.names], self.bands(time))

    def bands(self, time: Ints) -> Int32s:
        """The daypart of each moment, as a position in `names`; whole minutes count."""
        hours = time % DAY // MINUTE / (HOUR // MINUTE) + self.utc_offset_hours
        return np.floor(hours % _DAY_HOURS / self.hours).astype(np.int32)

    def at(self, now: int) -> tuple[Facet, ...]:
        """The facet of one moment."""
        if not self.hours:
            return ()
        return self.of_events(Facets.unknown(), np.array([now], np.int64)).at(0)


class ItemAttributes(msgspec.Struct, frozen=True):
    """Categorical attributes: `codes[i, a]` indexes `values[a]`, -1 is none; names may repeat."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: Int32s


class StayColumns(msgspec.Struct, frozen=True):
    """Stays, a column each; `item` is available from `since` until before `until` (ms)."""

    item: Int32s
    since: Ints
    until: Ints

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def unknown(cls) -> "StayColumns":
        """No stays at all."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))

    def as_of(self, moment: int, code: NDArray[np.integer]) -> "StayColumns":
        """Return the data as known at the moment, item i renumbered `code[i]` (-1: left out)."""
        known = (self.since <= moment) & (code[self.item] >= 0)
        # A stay that ended later was still going on at that moment.
        until = np.where(self.until > moment, FOREVER, self.until)
        return StayColumns(code[self.item[known]].astype(np.int32), self.since[known], until[known])

    def at(self, moment: int, n_items: int) -> Ints:
        """Available animals of each item at the moment, shape (items,)."""
        there = (self.since <= moment) & (moment < self.until)
        return np.bincount(self.item[there], minlength=n_items)

    def mean(self, moments: Ints, weights: NDArray[np.floating], n_items: int) -> Singles:
        """Mean available animals of each item over weighted moments, shape (items,)."""
        order = np.argsort(moments, kind="stable")
        # Sums of weights up to each moment: a stay covers the difference of two of them.
        up_to = np.concatenate(([0.0], np.cumsum(weights[order], dtype=np.float64)))
        first, last = (np.searchsorted(moments[order], edge) for edge in (self.since, self.until))
        share = (up_to[last] - up_to[first]) / max(float(up_to[-1]), 1e-30)
        return np.bincount(self.item, share, minlength=n_items).astype(np.float32)


class Returned(msgspec.Struct, frozen=True):
    """Events that speak against an item: which, and when (milliseconds since 1970)."""

    item: Int32s
    time: Ints

    @classmethod
    def nothing(cls) -> "Returned":
        """Nothing ever spoke against an item."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.item)

    def as_of(self, moment: int, position: Ints) -> "Returned":
        """Those known by a moment, with items numbered anew (-1 for one that is left out)."""
        kept = self.time <= moment
        kept &= position[self.item] >= 0
        return Returned(position[self.item[kept]].astype(np.int32), self.time[kept])


class TrainingData(msgspec.Struct, frozen=True):
    """Interactions by columns (codes), sorted by user, then `(time, log offset)`."""

    user: Int32s
    item: Int32s
    event_type: NDArray[np.int16]
    value: Singles  # NaN where an event has none
    time: Ints  # milliseconds since 1970
    n_users: int
    item_ids: tuple[str, ...]  # the whole catalogue, items that nobody has touched included
    event_types: tuple[str, ...]
    # Attributes of the items; an item may be touched without being described.
    attributes: ItemAttributes
    as_of: int
    stays: StayColumns = msgspec.field(default_factory=StayColumns.unknown)
    facets: Facets = msgspec.field(default_factory=Facets.unknown)
    # Animals that came back: they speak against an item, and are no choices and no rows.
    returned: Returned = msgspec.field(default_factory=Returned.nothing)
    disliked: Returned = msgspec.field(default_factory=Returned.nothing)
    # Digest of each user (see `core.event.digest_number`); none of data that are of no log.
    visitors: Ints = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.item)

    def of_events(self, rows: Bools) -> "TrainingData":
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
