"""The factors that tell animals of one group apart, each within fixed bounds."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.breeds import traits_of
from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.serving.animals.eligibility import EligibilityVerdict, Place, Places
from pawsonalize.engine.serving.animals.pages import EXPLORED
from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.recipes.choices.effects import FACTORS, VISITOR_TRAITS
from pawsonalize.recipes.choices.scales import (
    FAR_KM,
    MANY_SHOWINGS,
    NEAR_KM,
    UNKNOWN_PLACE,
    YEAR_DAYS,
    kilometres,
)
from pawsonalize.recipes.data import Bools
from pawsonalize.storage.events.impressions import SEARCH, Impression, Impressions

OF_GROUPS = VISITOR_TRAITS[:-1]  # the traits that a group has; the others are of an animal
_UNKNOWN = ("",) * len(OF_GROUPS)
Floats = NDArray[np.float64]
Numbers = NDArray[Any]
_ENOUGH_PHOTOS = 3  # more of them say more of the shelter than of the animal
_NOTHING = (0.0,) * len(PARTS)
_PAGES_AT_ONCE = 1_000
_RELEVANCE = PARTS.index("relevance")
_NEWER_PARTS = 2


@lru_cache(maxsize=65_536)
def group_values(item: str) -> tuple[str, ...]:
    """The values of a group's traits in the order of `OF_GROUPS`, as `species/value`."""
    traits = dict(traits_of(item))
    return tuple("/".join(traits[name]) for name in OF_GROUPS) if traits else _UNKNOWN


def animal_values(animal: Animal | None) -> tuple[str, ...]:
    """The values of an animal in the order of the model's `TRAITS`; empty if unknown."""
    if animal is None:
        return (*_UNKNOWN, "", "")
    group = animal.group_at(animal.history[-1].at)
    return (*group_values(group.id), colour_of(animal), animal.shelter)


def colour_of(animal: Animal) -> str:
    """The colour that counts; empty if none is known."""
    return animal.colours[0] if animal.colours else ""


def waiting(listed: Numbers, hour: int) -> Floats:
    """0 for an animal listed now, up to 1 for a year ago, by the log of days; `hour` since 1970."""
    days = np.maximum(hour * HOUR - listed, 0) / DAY
    return np.asarray(np.minimum(np.log1p(days) / np.log1p(YEAR_DAYS), 1))


def exposure(shown: Numbers) -> Floats:
    """0 for never shown, down to -1 for 10,000 times, by the log."""
    return np.asarray(0.0 - np.minimum(np.log1p(shown) / np.log1p(MANY_SHOWINGS), 1))  # no -0.0


def distance(kilometres: Numbers) -> Floats:
    """0 here, down to -1 at 500 km, by the log; -0.75 for NaN, an unknown place."""
    nearness = 0.0 - np.minimum(np.log1p(kilometres / NEAR_KM) / np.log1p(FAR_KM / NEAR_KM), 1)
    return np.where(np.isnan(kilometres), UNKNOWN_PLACE, nearness)


def far(distance: Floats) -> Floats:
    """0 here, down to -1 at 500 km, in proportion to the distance; from the factor `distance`."""
    return np.asarray(-kilometres(distance) / FAR_KM)


def photos(count: Numbers) -> Floats:
    """0 without photos, up to 1 for three."""
    return np.asarray(np.minimum(count, _ENOUGH_PHOTOS) / _ENOUGH_PHOTOS)


def near(places: Places, here: Place | None) -> Floats:
    """The factor `distance` of each place, by its code; 0 for a visitor without a place."""
    return distance(places.kilometres(here)) if here else np.zeros(len(places))


def compatibility(verdict: EligibilityVerdict) -> Floats:
    """Minus the share of the visitor's rules whose answer is unknown."""
    return np.asarray((0.0 - verdict.uncertain) / max(1, verdict.rule_count))  # no -0.0


def logged_factors(page: Impression, size: int) -> Sequence[Sequence[float]]:
    """The factors of the first places in the order of `PARTS`; 0 where they were not logged.

    Of a page that answers a search, the relevance is centred.
    """
    logged = (page.factors or ())[:size]
    # Pages of before searches had a relevance, and of before the quiz was a part of its own.
    if logged and 0 < (missing := len(PARTS) - len(logged[0])) <= _NEWER_PARTS:
        logged = tuple((*row, *(0.0,) * missing) for row in logged)
    if len(logged) < size or any(len(row) != len(PARTS) for row in logged):
        return [_NOTHING] * size
    return _centred(logged) if page.question == SEARCH else logged


def _centred(rows: Sequence[Sequence[float]]) -> Sequence[Sequence[float]]:
    """The same with the relevance beyond the page's mean.

    What all animals of a page have alike tells searches from other pages, not one animal from
    another: it would teach a weight of its own, and who opened nothing would seem to like none.
    """
    mean = sum(row[_RELEVANCE] for row in rows) / max(1, len(rows))
    return [(*row[:_RELEVANCE], row[_RELEVANCE] - mean, *row[_RELEVANCE + 1 :]) for row in rows]


def factor_columns(
    impressions: Impressions, pages: Sequence[Impression], sizes: Sequence[int]
) -> tuple[Bools, dict[str, Floats]]:
    """For the first places: True if filled by chance; the factors of `FACTORS`, 0 if not logged."""
    explored, factors_of = [np.empty(0, np.bool_)], [np.empty((0, len(PARTS)))]
    for start in range(0, len(pages), _PAGES_AT_ONCE):
        some = pages[start : start + _PAGES_AT_ONCE]
        whole = impressions.get_many([page.recommendation_id for page in some])
        logged: list[Sequence[float]] = []
        odds: list[float] = []
        for page, size in zip(some, sizes[start : start + _PAGES_AT_ONCE], strict=True):
            known = whole.get(page.recommendation_id, page)
            logged.extend(logged_factors(known, size))
            odds.extend(known.propensities[:size] if known.propensities else [1.0] * size)
        explored.append(np.array(odds) < EXPLORED)
        factors_of.append(np.array(logged, np.float64).reshape(-1, len(PARTS)))
    rows = np.concatenate(factors_of)
    columns = {name: rows[:, PARTS.index(name)] for name in FACTORS if name in PARTS}
    columns["far"] = far(columns["distance"])
    return np.concatenate(explored), columns
