"""Facets of many events as columns of codes."""

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.serving.facet_reading import DISTANCE
from pawsonalize.recipes.facets import Facet, Facets

_MAX_VALUES = 50  # of one facet: the commonest ones; an id of something is no facet
_Told = tuple[Facet, ...]


class FacetColumns:
    """What events say of their visitors, gathered row by row; most rows say the same as others."""

    def __init__(self) -> None:
        self._numbers: dict[_Told, int] = {}
        self._rows = array("i")

    def add(self, told: Iterable[Facet]) -> None:
        """The next event's facets."""
        self._rows.append(self._numbers.setdefault(tuple(told), len(self._numbers)))

    def data(
        self,
        order: NDArray[np.intp],
        user: NDArray[np.int32],
        of_users: Mapping[int, _Told],
    ) -> Facets:
        """The facets in the order of the data, whose `user` are; users' own hold for all events.

        How far away an event was tells of its animal as well, which would give away the choice.
        So a visitor's distance is what the event before said.
        """
        said = np.asarray(self._rows, np.int32)[order]
        before = np.roll(said, 1)
        before[np.flatnonzero(np.diff(user, prepend=-1))] = -1
        near = [tuple(f for f in told if f[0] == DISTANCE) for told in self._numbers]
        rest = [tuple(f for f in told if f[0] != DISTANCE) for told in self._numbers]
        known = np.full(max(of_users, default=-1) + int(user.max(initial=0)) + 2, -1, np.int32)
        known[list(of_users)] = np.arange(len(of_users), dtype=np.int32)
        sources = (
            (rest, said),
            (near, before),
            ([*of_users.values()], known[user]),
        )
        facets = Facets.unknown()
        for distinct, rows in sources:
            for name in dict.fromkeys(name for told in distinct for name, _ in told):
                facets = _with(facets, name, distinct, rows)
        return facets


def _with(facets: Facets, name: str, told: Sequence[_Told], rows: NDArray[np.int32]) -> Facets:
    """Add the columns of one name, as many as somebody has values; row -1 has none."""
    values = [[value for one, value in facets if one == name] for facets in told]
    times = np.bincount(rows[rows >= 0], minlength=len(told))
    count: dict[str, int] = {}
    for listed, many in zip(values, times.tolist(), strict=True):
        for value in listed:
            count[value] = count.get(value, 0) + many
    kept = sorted(count, key=lambda value: -count[value])[:_MAX_VALUES]
    code = {value: place for place, value in enumerate(sorted(kept))}
    for place in range(max(map(len, values))):
        column = [code.get(one[place], -1) if place < len(one) else -1 for one in values]
        facets = facets.plus(name, tuple(code), np.array([*column, -1], np.int32)[rows])
    return facets
