"""What an answer of individual animals holds: its places, best first."""

from dataclasses import dataclass


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
