"""The factors that tell animals of one group apart, each within fixed bounds."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal
from pawsonalize.core.breeds import traits_of
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.models.recipes.choices.effects import VISITOR_TRAITS
from pawsonalize.models.recipes.choices.scales import (
    FAR_KM,
    MANY_SHOWINGS,
    NEAR_KM,
    UNKNOWN_PLACE,
    YEAR_DAYS,
    kilometres,
)
from pawsonalize.recommend.animals.eligibility import EligibilityVerdict, Place, Places

OF_GROUPS = VISITOR_TRAITS[:-1]  # the traits that a group has; the others are of an animal
_UNKNOWN = ("",) * len(OF_GROUPS)
Floats = NDArray[np.float64]
Numbers = NDArray[Any]
_ENOUGH_PHOTOS = 3  # more of them say more of the shelter than of the animal


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
