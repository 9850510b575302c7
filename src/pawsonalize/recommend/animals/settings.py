"""Settings of individuals: weights of their factors, and how their exposure is shared."""

import msgspec
from msgspec.structs import astuple

from pawsonalize.models.plays import USUAL_EXPOSURE, USUAL_PRICE

FACTORS = ("waiting", "exposure", "photos", "priority", "bid_price", "distance", "compatibility")
"""Factors in which animals of one group differ."""

COMMON = ("appeal", "animal_effect", *FACTORS[:5])
"""The parts of a utility that are the same for every visitor."""

PARTS = (*COMMON, "group", "visitor", "seen", "distance", "compatibility", "relevance", "quiz")
"""The parts of a utility, in the order in which they are added."""


class Weights(msgspec.Struct, frozen=True):
    """The weight of each factor in an animal's utility, in the order of `FACTORS`.

    Each adds weight * factor to the utility, which is a log of odds: a weight of 0.69 doubles an
    animal's odds from one end of the factor to the other. A model that learned from pages has
    weights of its own instead, except for `priority`; those of `exposure` and `bid_price` are the
    ones that brought most homes when the shelter's market was played forward.
    """

    waiting: float = 0.5
    exposure: float = USUAL_EXPOSURE
    photos: float = 0.3
    priority: float = 0.7
    bid_price: float = USUAL_PRICE
    distance: float = 3.0
    compatibility: float = 0.7

    def values(self) -> tuple[float, ...]:
        """The weights in order."""
        return astuple(self)


class AffinitySettings(msgspec.Struct, frozen=True):
    """The weights of what a visitor looks at; the formula is in docs/explanation/animals.md.

    `species` to `age` weigh the log of how much more often the visitor looks at a value than usual.
    `doubt` is how many events of a similar visitor are added to the visitor's own. `usual` goes
    from 0, the share of the available animals, to 1, the share of what visitors look at. `wish` is
    what a group loses that does not match the quiz, before there are events. From `breed` to `age`
    the defaults predict true affinities best in the demo world, by least squares.
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
        """The weights of species, breed, family, size and age."""
        return self.species, self.breed, self.family, self.size, self.age


class AnimalSettings(msgspec.Struct, frozen=True):
    """Settings of the choice of animals from their groups."""

    weights: Weights = Weights()
    traits: AffinitySettings = AffinitySettings()
    group_affinity: float = 0.1
    """The weight of the model's part in the affinity."""
    similar_affinity: float = 1.0
    """The same for animals similar to a given one."""
    max_per_group_share: float = 0.2
    """One group gets at most this share of the places, unless other groups have too few animals.

    Or twice its share of the animals that may be shown to the visitor, if that is more."""
    newcomer_days: int = 14
    """For so many days an animal is a newcomer, and has an exploration share."""
    long_stay_days: int = 60
    """From so many days on it is a long-stayer, and has an exploration share again."""
    newcomer_floor: float = 0.25
    """This share of the exploration is spread evenly over all of them, whatever their group."""
