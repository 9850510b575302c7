"""Counts what visitors opened beside what a model expected, in bins that people understand.

Bins are known before a page is shown, so none of them depends on what was opened.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pawsonalize.domain.calibration import TOTAL, Calibration, CalibrationRow
from pawsonalize.recipes.choices.effects import ShownPlaces
from pawsonalize.recipes.choices.scales import UNKNOWN_PLACE, days_waited, kilometres
from pawsonalize.recipes.data import Bools, Floats, Ints

ANSWERED = "answered"
"""A column beside the factors: 1 where the visitor had answered a board or the quiz."""

_GROUPS = 8  # the largest; the others are one bin
_GROUP_TRAITS = ("species", "breed", "size", "age")  # in the order of a group's id

_PLACES = (1, 3, 6, 12, 24, 48)
_PLACE_NAMES = (
    *("place 1", "places 2 to 3", "places 4 to 6", "places 7 to 12", "places 13 to 24"),
    *("places 25 to 48", "places from 49 on"),
)
_DAYS = (3, 14, 60, 180)
_DAY_NAMES = (
    *("under 3 days", "3 to 14 days", "14 to 60 days", "60 to 180 days", "180 days or more"),
    "an unknown time",
)
_KM = (10, 30, 100, 300)
_KM_NAMES = (
    *("under 10 km", "10 to 30 km", "30 to 100 km", "100 to 300 km", "300 km or more"),
    "an unknown distance",
)
_SEEN_NAMES = ("not seen", "seen once at most", "seen more than once")
_Bins = tuple[str, Sequence[str], Ints]


def are_later_visits(shown: ShownPlaces) -> Bools:
    """True for rows of any visit but the visitor's first; rows are in the order of time."""
    _, first, visitor = np.unique(shown.visitor, return_index=True, return_inverse=True)
    return np.asarray(shown.visit != shown.visit[first][visitor])


def calibrate(
    shown: ShownPlaces, expected: Floats, later: Bools, traits: Mapping[str, Sequence[str]]
) -> Calibration:
    """Count held-out rows by bin; `expected` is the chance of each to be opened, `traits` names."""
    residual = shown.opened - expected
    rows = []
    for by, names, codes in _bins(shown, expected, later, traits):
        for code, name in enumerate(names):
            inside = codes == code
            if places := int(inside.sum()):
                error = _standard_error(
                    residual[inside], shown.visitor[inside], shown.animal[inside]
                )
                opened, total = int(shown.opened[inside].sum()), float(expected[inside].sum())
                rows.append(
                    CalibrationRow(by, name, places, opened, round(total, 1), round(error, 1))
                )
    return tuple(rows)


def _standard_error(residual: Floats, visitor: Ints, animal: Ints) -> float:
    """Standard error of a sum of residuals, clustered by visitor and by animal.

    See Cameron, Gelbach and Miller 2011. With fewer than some ten visitors or animals nothing is
    ever far off: what these few are like is luck.
    """
    visitors, animals = (
        float((np.bincount(one, residual) ** 2).sum()) for one in (visitor, animal)
    )
    both = visitors + animals - float((residual**2).sum())
    return float(np.sqrt(max(visitors, animals, both)))


def _bins(
    shown: ShownPlaces, expected: Floats, later: Bools, traits: Mapping[str, Sequence[str]]
) -> Iterator[_Bins]:
    factors = shown.factors
    yield TOTAL, (TOTAL,), np.zeros(len(shown), np.int64)
    yield "place", _PLACE_NAMES, np.searchsorted(_PLACES, shown.place + 1)
    days = np.searchsorted(_DAYS, days_waited(factors["waiting"]), side="right")
    untold = _is_untold(shown.visit, factors["waiting"])
    yield "days waited", _DAY_NAMES, np.where(untold, len(_DAYS) + 1, days)
    away = np.searchsorted(_KM, kilometres(factors["distance"]), side="right")
    unplaced = _is_untold(shown.visit, factors["distance"])
    unplaced |= factors["distance"] == UNKNOWN_PLACE
    yield "distance", _KM_NAMES, np.where(unplaced, len(_KM) + 1, away)
    yield "times seen", _SEEN_NAMES, np.searchsorted((0, np.log(2)), factors["seen"])
    yield "explored", ("by the order", "by chance"), shown.explored.astype(np.int64)
    yield "visit", ("first visit", "later visits"), later.astype(np.int64)
    if ANSWERED in factors:
        yield ANSWERED, ("no question", "a board or the quiz"), factors[ANSWERED].astype(np.int64)
    yield _groups(shown, expected, traits)


def _is_untold(visit: Ints, column: Floats) -> Bools:
    # A factor that is 0 for all animals of a visit was not known, or not logged.
    return np.asarray(np.bincount(visit, column != 0)[visit] == 0)


def _groups(shown: ShownPlaces, expected: Floats, traits: Mapping[str, Sequence[str]]) -> _Bins:
    codes = np.stack([shown.traits[name] for name in _GROUP_TRAITS], axis=1)
    groups, group = np.unique(codes, axis=0, return_inverse=True)
    group = group.reshape(-1)[shown.animal]
    largest = np.argsort(-np.bincount(group, expected, len(groups)), kind="stable")[:_GROUPS]
    bins = np.full(len(groups), len(largest))
    bins[largest] = np.arange(len(largest))
    named = [zip(_GROUP_TRAITS, groups[one].tolist(), strict=True) for one in largest]
    # The values of a trait are `species/value`.
    names = [
        "-".join(traits[trait][code].split("/", 1)[-1] for trait, code in one) for one in named
    ]
    return "group", (*names, "other groups"), bins[group]
