"""How individuals are weighed against each other; weights learned from what visitors chose."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from pawsonalize.recipes.conditional_logit import ListChoice, fit_weights
from pawsonalize.storage.animals import Choice

LEARNED = ("waiting", "exposure", "distance", "photos", "compatibility")
"""What distinguishes animals of one group; each lies between the two bounds below."""

FACTORS = (*LEARNED, "priority")
"""The same, and what the shelter wishes, which no choice of a visitor says anything of."""

BOUNDS = ((0.0, 1.0), (-1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each factor in an animal's utility, in the order of `FACTORS`.

    The utility is how much the group is liked plus each factor times its weight: 0.69 doubles.
    """

    waiting: float = 0.5
    exposure: float = 0.5
    distance: float = 3.0
    photos: float = 0.3
    compatibility: float = 0.7
    priority: float = 0.7

    def values(self) -> tuple[float, ...]:
        """The weights in order."""
        return astuple(self)

    @property
    def bound(self) -> float:
        """The most that all factors together can add to a utility."""
        pairs = zip(self.values(), BOUNDS, strict=True)
        return sum(max(weight * low, weight * high) for weight, (low, high) in pairs)


@dataclass(frozen=True, slots=True)
class TasteSettings:
    """How much it counts that a visitor looks at animals of a kind more often than they are there.

    `species` to `age` weigh the logs of how much more often; `doubt` is how many events of somebody
    like the visitor are added to the visitor's; `usual` says how far that is compared with what
    visitors look at, from 0, with what is there, to 1; `wish` is what is lost for being none of
    what the visitor said to be looking for, as long as there are no events. From `breed` to `age`
    the defaults are those that predict true tastes best in the demo world, by least squares.
    """

    species: float = 1.5
    breed: float = 0.2
    family: float = 0.25
    size: float = 0.55
    age: float = 0.65
    doubt: float = 5.0
    usual: float = 0.5
    wish: float = 2.3

    def weights(self) -> tuple[float, ...]:
        """Those of species, breed, family, size and age."""
        return self.species, self.breed, self.family, self.size, self.age


@dataclass(frozen=True, slots=True)
class AnimalSettings:
    """How animals are chosen from their groups."""

    weights: Weights = Weights()
    taste: TasteSettings = TasteSettings()
    liking: float = 0.1
    """How much it counts that the model gives a group more for this visitor than for anybody."""
    likeness: float = 1.0
    """The same for who asks for animals like another."""
    max_per_group_share: float = 0.2
    """One group fills at most this share of the places, unless others have too few animals."""
    newcomer_days: int = 14
    """So long an animal counts as new, and is due for exploration."""
    long_stay_days: int = 60
    """From so many days on it waits long, and is due again."""
    newcomer_floor: float = 0.25
    """This share of the exploration is spread evenly over all who are due, whatever their group."""


OUTCOMES = ("inquiry", "application", "adoption")
MAX_CHOICES = 20_000
_RIDGE = 20.0


def learned_weights(choices: Sequence[Choice], prior: Weights) -> Weights:
    """Weights learned from answers, whatever the weights they were given with.

    A factor in which no two of an answer differ teaches nothing: it keeps its prior, as does
    everything without choices, and the shelter's wish. Answers from before there was one count.
    """
    lists, count = [], 1 + len(LEARNED)
    for choice in choices:
        places = np.array(choice.factors, np.float64)
        if places.ndim == 2 and places.shape[1] >= count and len(places) > 1:
            wished = places[:, count:].sum(axis=1) * prior.priority
            lists.append(ListChoice(places[:, 1:count], places[:, 0] + wished, choice.chosen))
    found = fit_weights(lists, prior.values()[: len(LEARNED)], _RIDGE)
    return replace(prior, **dict(zip(LEARNED, map(float, found), strict=True)))
