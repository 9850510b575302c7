"""Counts what visitors opened beside what a model expected, in bins that people understand.

Bins are known before a page is shown, so none of them depends on what was opened.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import getitem

import numpy as np

from pawsonalize.models.calibration import TOTAL, Calibration, CalibrationRow
from pawsonalize.models.recipes.choices.effects import ShownPlaces
from pawsonalize.models.recipes.choices.scales import UNKNOWN_PLACE, days_waited, kilometres
from pawsonalize.models.recipes.data import Bools, Floats, Ints

ANSWERED = "answered"
"""A column beside the factors: 1 where the visitor had answered a board or the quiz."""

_GROUPS = 8  # the largest; the others are one bin
_GROUP_TRAITS = ("species", "breed", "size", "age")  # in the order of a group's id

_PLACES = (1, 3, 6, 12, 24, 48)
_PLACE_NAMES = (
    *("place 1", "places 2 to 3", "places 4 to 6", "places 7 to 12", "places 13 to 24"),
    *("places 25 to 48", "places from 49 on"),
)
_SPANS = {  # by factor, which is turned back into its unit
    "days waited": ("waiting", days_waited, (3, 14, 60, 180), "days"),
    "distance": ("distance", kilometres, (10, 30, 100, 300), "km"),
}
_Bins = tuple[str, Sequence[str], Ints]


def are_later_visits(shown: ShownPlaces) -> Bools:
    """True for rows of any visit but the visitor's first; rows are in the order of time."""
    _, first, visitor = np.unique(shown.visitor, return_index=True, return_inverse=True)
    return np.asarray(shown.visit != shown.visit[first][visitor])


def calibrate(
    shown: ShownPlaces, expected: Floats, later: Bools, traits: Mapping[str, Sequence[str]]
) -> Calibration:
    """Count held-out rows by bin; `expected` is the chance of each to be opened, `traits` names."""
    rows = []
    for by, names, codes in _bins(shown, expected, later, traits):
        for code, name in enumerate(names):
            inside = np.flatnonzero(codes == code)
            some, total = shown.opened[inside], expected[inside]
            error = _standard_error(some - total, shown.visitor[inside], shown.animal[inside])
            counts = len(inside), int(some.sum()), round(float(total.sum()), 1), round(error, 1)
            rows.append(CalibrationRow(by, name, *counts))
    return tuple(row for row in rows if row.places)


def _standard_error(residual: Floats, visitor: Ints, animal: Ints) -> float:
    """Standard error of a sum of residuals, clustered by visitor and by animal.

    See Cameron, Gelbach and Miller 2011. With fewer than some ten visitors or animals nothing is
    ever far off: what these few are like is luck.
    """
    sums = (np.bincount(visitor, residual), np.bincount(animal, residual), residual)
    visitors, animals, rows = (float(column @ column) for column in sums)
    return float(np.sqrt(max(visitors, animals, visitors + animals - rows)))


def _bins(
    shown: ShownPlaces, expected: Floats, later: Bools, traits: Mapping[str, Sequence[str]]
) -> Iterator[_Bins]:
    factors = shown.factors
    yield TOTAL, (TOTAL,), np.zeros(len(shown), np.int64)
    yield "place", _PLACE_NAMES, np.searchsorted(_PLACES, shown.place + 1)
    for by, (factor, convert, edges, unit) in _SPANS.items():
        column = factors[factor]
        # A factor that is 0 for all animals of a visit was not known, or not logged.
        unknown = np.bincount(shown.visit, column != 0)[shown.visit] == 0
        unknown |= column == UNKNOWN_PLACE
        codes = np.searchsorted(edges, convert(column), side="right")
        yield by, _span_names(edges, unit), np.where(unknown, len(edges) + 1, codes)
    often = ("not seen", "seen once at most", "seen more than once")
    yield "times seen", often, np.searchsorted((0, np.log(2)), factors["seen"])
    yield "explored", ("by the order", "by chance"), shown.explored.astype(np.int64)
    yield "visit", ("first visit", "later visits"), later.astype(np.int64)
    if ANSWERED in factors:
        yield ANSWERED, ("no question", "a board or the quiz"), factors[ANSWERED].astype(np.int64)
    yield _groups(shown, expected, traits)


def _span_names(edges: Sequence[int], unit: str) -> Sequence[str]:
    between = (f"{low} to {high} {unit}" for low, high in pairwise(edges))
    ends = (f"{edges[-1]} {unit} or more", f"an unknown number of {unit}")
    return (f"under {edges[0]} {unit}", *between, *ends)


def _groups(shown: ShownPlaces, expected: Floats, traits: Mapping[str, Sequence[str]]) -> _Bins:
    codes = np.stack([shown.traits[name] for name in _GROUP_TRAITS], axis=1)
    groups, group_of = np.unique(codes, axis=0, return_inverse=True)
    group_of = group_of.reshape(-1)[shown.animal]
    largest = np.argsort(-np.bincount(group_of, expected, len(groups)), kind="stable")[:_GROUPS]
    bins = np.full(len(groups), len(largest))
    bins[largest] = np.arange(len(largest))
    # The values of a trait are `species/value`.
    values = [[value.split("/", 1)[-1] for value in traits[name]] for name in _GROUP_TRAITS]
    names = ["-".join(map(getitem, values, group)) for group in groups[largest].tolist()]
    return "group", (*names, "other groups"), bins[group_of]
