"""Facets: what is known of a visitor beside events, such as the device or the user's attributes.

A facet is a name with a value. Names say where it comes from: `user.…` is stored with the user,
`context.…` comes with the request or the event, `time.…` follows from the moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
