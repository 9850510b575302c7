"""How individuals are weighed against each other, and how their exposure is shared."""

from dataclasses import astuple, dataclass

FACTORS = ("waiting", "exposure", "distance", "photos", "compatibility")
"""What distinguishes animals of one group; each lies between the two bounds below."""

BOUNDS = ((0.0, 1.0), (-1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (-1.0, 0.0))


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each factor in an animal's utility, in the order of `FACTORS`.

    The utility is the log of the group's score plus each factor times its weight: 0.69 doubles.
    """

    waiting: float = 0.5
    exposure: float = 0.5
    distance: float = 1.0
    photos: float = 0.3
    compatibility: float = 1.0

    def values(self) -> tuple[float, ...]:
        """The weights in order."""
        return astuple(self)

    @property
    def bound(self) -> float:
        """The most that all factors together can add to a utility."""
        pairs = zip(self.values(), BOUNDS, strict=True)
        return sum(max(weight * low, weight * high) for weight, (low, high) in pairs)


@dataclass(frozen=True, slots=True)
class AnimalSettings:
    """How animals are chosen from their groups."""

    weights: Weights = Weights()
    max_per_group_share: float = 0.2
    """One group fills at most this share of the places, unless others have too few animals."""
    newcomer_days: int = 14
    """So long an animal counts as new, and is due for exploration."""
    long_stay_days: int = 60
    """From so many days on it waits long, and is due again."""
    newcomer_floor: float = 0.25
    """This share of the exploration is spread evenly over all who are due, whatever their group."""
