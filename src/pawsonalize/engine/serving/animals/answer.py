"""Answers of individual animals: places, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.engine.serving.animals.utility import Weighed, Weighing
from pawsonalize.engine.serving.exploration import Explored

Floats = NDArray[np.float64]

_DECIMALS = 4  # of what is logged for the model of choices


@dataclass(frozen=True, slots=True)
class AnimalPlace:
    """One place of an answer: the animal, and the animals that are bonded with it.

    In a recommendation `score` is exp(utility - highest possible utility); in a ranking it is the
    animal's share of exp(utility) over the list. `parts` add up to `utility`, from left to right,
    in the order of `PARTS`; `factors` are the same without their weights. `propensity` is that of
    `Explored`. `recommendation_id` is that of the place's own answer, where several make one page.
    """

    animal_ids: tuple[str, ...]
    group_id: str
    score: float
    utility: float
    parts: tuple[float, ...]
    factors: tuple[float, ...]
    explored: bool = False
    propensity: float = 1.0
    reasons: tuple[str, ...] = ()
    recommendation_id: str | None = None


@dataclass(frozen=True, slots=True)
class AnimalsAnswer:
    """Animals in order, and the impression id they were logged under."""

    recommendation_id: str
    solution_version: str
    places: tuple[AnimalPlace, ...]


def places_in_order(
    weighing: Weighing,
    weighed: Weighed,
    ids: Sequence[tuple[str, ...]],
    scores: Floats,
    chosen: Explored | None = None,
) -> list[AnimalPlace]:
    """The places of animals that were put in order, each with all of its `ids`."""
    names = weighing.available.codes["group"].names
    groups = weighing.available.column("group", weighed.slots).tolist()
    explored = chosen.explored if chosen else (False,) * len(ids)
    odds = chosen.propensities if chosen else (1.0,) * len(ids)
    return [
        AnimalPlace(who, names[group], score, utility, tuple(parts), tuple(bare), drawn, propensity)
        for who, group, score, utility, parts, bare, drawn, propensity in zip(
            ids,
            groups,
            scores.tolist(),
            weighed.utilities.tolist(),
            weighed.parts.tolist(),
            weighed.bare.round(_DECIMALS).tolist(),
            explored,
            odds,
            strict=True,
        )
    ]


def standings_of(
    weighing: Weighing, weighed: Weighed
) -> list[tuple[dict[str, float], float, float | None]]:
    """Return how much each part lifts an animal, how often it was shown, and its distance."""
    if not len(weighed.slots):
        return []
    lifts = weighed.parts - weighed.parts.mean(axis=0)
    here = weighing.eligibility.place
    take = weighing.available.take(weighed.slots, here)
    far = [nan] * len(lifts) if here is None else take("kilometres").tolist()
    return [
        (dict(zip(PARTS, row, strict=True)), times, None if isnan(away) else away)
        for row, times, away in zip(lifts.tolist(), take("shown").tolist(), far, strict=True)
    ]
