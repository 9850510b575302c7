"""Shown places, and what a model of choices says of them."""

from collections.abc import Mapping

import msgspec
import numpy as np

from pawsonalize.models.recipes.data import Bools, Floats, Ints
from pawsonalize.models.recipes.late_scipy import special

TRAITS = ("species", "breed", "family", "size", "age", "colour", "shelter")
"""Traits that animals share. Visitors may have effects of all but the last."""

VISITOR_TRAITS = TRAITS[:-1]

FACTORS = {
    "group": (1.0, 0.5),
    "visitor": (1.0, 0.1),
    "seen": (-0.5, 0.5),
    "waiting": (0.0, 0.3),
    "distance": (2.0, 2.0),
    "far": (1.0, 4.0),
    "photos": (0.3, 0.3),
    "compatibility": (0.7, 0.3),
    "relevance": (6.0, 4.0),
    "quiz": (1.0, 0.5),
}
"""Factors of places beside the animal itself: the weight before any training, and the variance
with which a training may depart from it.

`group` is the affinity for the animal's group by events, `visitor` the visitor's own effects by
pages, how readily they open anything among them, both as they were before the page. `seen` is the
log of 1 + the attention that the visitor had paid to the animal in the visit. The others are the
factors of `engine.serving.animals.factors`, `far` being the distance itself. `relevance` is how
well the animal fits the words of a search, 0 on every other page. `quiz` is what an animal loses by
each answer of the quiz that it does not match, 0 for visitors without one.
"""

# At least 0, whatever was chosen: waiting may lift an animal, never sink it.
BOUNDED = frozenset({"group", "visitor", "waiting", "compatibility", "relevance", "quiz"})

_FADES = 0.6
# More than any code of a second column, so that two pairs never get one number.
_MIX = 1_000_003
# No answer is longer.
PLACES = 500
ANIMAL = "animal"
VARIANCES: Mapping[str, float] = {
    "species": 0.1,
    "breed": 0.05,
    "family": 0.1,
    "size": 0.1,
    "age": 0.1,
    "colour": 0.03,
    "shelter": 0.05,
    ANIMAL: 0.3,
}
"""Variances of appeal among the values of a trait, and among animals, before training."""


# Of a normal effect of variance 1: Gauss and Hermite's.
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_NODE_WEIGHTS /= _NODE_WEIGHTS.sum()
_FAR = 25.0


def mean_chances(odds: Floats, variance: Floats | float) -> tuple[Floats, Floats]:
    """Means of expit(odds + effect) over normal effects of that variance, and their slopes.

    As visitors differ, chances rise less with the log-odds of everybody than those of one visitor.
    """
    # Within bounds that nothing comes near, so that logs and quotients of them are finite.
    odds = np.clip(odds, -_FAR, _FAR)
    if np.max(variance, initial=0.0) <= 0:
        chance = special.expit(odds)
        return chance, chance * (1 - chance)
    chance, squares = np.zeros((2, *odds.shape))
    spread = np.sqrt(variance)
    for node, weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
        at = special.expit(odds + node * spread)
        share = weight * at
        chance += share
        share *= at
        squares += share
    return chance, chance - squares


def usual_attention(places: int = PLACES) -> Floats:
    """Probability that a place is looked at before training: 1 / place ** 0.6, 1 for the first."""
    return np.asarray(1 / np.arange(1, places + 1) ** _FADES)


class ShownPlaces(msgspec.Struct, frozen=True):
    """Places of pages, a row for each; columns (rows,) of codes from 0."""

    visitor: Ints
    visit: Ints
    animal: Ints
    place: Ints
    opened: Bools
    inquired: Bools  # asked about, applied for or adopted
    explored: Bools  # True if chance alone put it there
    factors: Mapping[str, Floats]
    traits: Mapping[str, Ints]
    """By the names of `TRAITS`: the code of each animal's value, shape (animals,)."""

    def __len__(self) -> int:
        return len(self.animal)

    @property
    def animals(self) -> int:
        """Number of animals."""
        return len(self.traits[TRAITS[0]])

    def pages(self) -> Ints:
        """A number for the page of each row; rows of one page follow each other."""
        is_next = (np.diff(self.place) <= 0) | (np.diff(self.visitor) != 0)
        return np.cumsum(np.concatenate([np.zeros(min(len(self), 1), np.bool_), is_next]))

    def take(self, rows: Ints | Bools) -> "ShownPlaces":
        """The same of some rows only."""
        return ShownPlaces(
            self.visitor[rows],
            self.visit[rows],
            self.animal[rows],
            self.place[rows],
            self.opened[rows],
            self.inquired[rows],
            self.explored[rows],
            {name: column[rows] for name, column in self.factors.items()},
            self.traits,
        )


class Effects(msgspec.Struct):
    """Log-odds by what they belong to. `levels` has each trait and `ANIMAL`, by code."""

    intercept: float
    """Of an animal of which nothing is known, in the first place, with every factor 0."""
    weights: dict[str, float]
    levels: dict[str, Floats]
    variances: dict[str, float]
    unexplained: float
    """Variance among visitors of the log-odds of a place, beyond what was known of them."""
    attention: Floats
    """Of each place, from 1 for the first; shape (places,)."""
    steps: int = 0
    """Newton steps that the fit took."""
    first_slope: float = 0.0
    """The size of the gradient at the start of a fit that had none to start from."""
    slope: float = 0.0
    """The size of the gradient at the end, as a share of that."""
    has_arrived: bool = True
    """False if the fit stopped before its gradient was small enough."""


def log_odds(shown: ShownPlaces, found: Effects, *, own: bool = True) -> Floats:
    """Log-odds of each row to be opened, shape (rows,); without animals' own effects if told so."""
    total = np.full(len(shown), found.intercept)
    for name, weight in found.weights.items():
        total += weight * shown.factors[name]
    for name in (*TRAITS, ANIMAL) if own else TRAITS:
        codes = shown.animal if name == ANIMAL else shown.traits[name][shown.animal]
        # A value that only newer rows have reads the 0 at the end.
        values = np.append(found.levels[name], 0.0)
        total += values[np.minimum(codes, len(values) - 1)]
    return total


def together(*codes: Ints) -> Ints:
    """One code for each combination of codes."""
    mixed = codes[0].astype(np.int64)
    for column in codes[1:]:
        mixed = mixed * _MIX + column
    return np.unique(mixed, return_inverse=True)[1].astype(np.int64)


def looked_at(attention: Floats, chance: Floats, chosen: Bools) -> Floats:
    """Probability that each place was looked at, from its attention and its usual choices."""
    # Bayes: who chose was looking; who did not has missed the place, or looked and turned it down.
    missed = attention * np.maximum(1 - chance, 1e-9)  # looked at, and not chosen
    return np.where(chosen, 1.0, missed / (1 - attention + missed))


def gradient(odds: Floats, attention: Floats, chosen: Bools) -> tuple[Floats, Floats]:
    """Gradient and curvature of rows; a place passed over counts by the chance it was seen."""
    chance = special.expit(odds)
    looked = looked_at(attention, chance, chosen)
    # Expectation over whether the place was looked at, as in an EM step.
    return looked * (chosen - chance), looked * chance * (1 - chance)
