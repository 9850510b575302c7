"""Shown places and the choices that visitors made of them, as columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

TRAITS = ("species", "breed", "family", "size", "age", "colour", "shelter")
"""Traits that animals share. Visitors may have effects of all but the last."""

VISITOR_TRAITS = TRAITS[:-1]

FACTORS = MappingProxyType(
    {
        "group": (1.0, 0.5),
        "visitor": (1.0, 0.05),
        "seen": (-0.5, 0.5),
        "waiting": (0.0, 0.05),
        "distance": (2.0, 1.0),
        "far": (1.0, 1.0),
        "photos": (0.3, 0.1),
        "compatibility": (0.7, 0.1),
    }
)
"""Factors of places beside the animal itself: the weight before any training, and the variance
with which a training may depart from it.

`group` is the affinity for the animal's group by events, `visitor` the visitor's own effects by
pages, both as they were before the page. `seen` is the log of 1 + the attention that the visitor
had paid to the animal in the visit. The others are the factors of
`engine.serving.animals.factors`, `far` being the distance itself.
"""

BOUNDED = frozenset({"group", "visitor", "waiting", "compatibility"})
"""Weights that are at least 0, whatever was chosen: waiting may lift, never sink."""

_FADES = 0.6
PLACES = 500


def usual_attention(places: int = PLACES) -> Floats:
    """Probability that each place is looked at, the first being 1, before anything is learned.

    1 / place ** 0.6: a documented default, between what is measured of lists and of grids.
    """
    return np.asarray(1 / np.arange(1, places + 1) ** _FADES)


@dataclass(frozen=True, slots=True)
class ShownPlaces:
    """Places of pages, a row for each; columns have the shape (rows,)."""

    visitor: Ints
    """Codes of visitors."""
    visit: Ints
    """Codes of visits."""
    animal: Ints
    """Codes of animals."""
    place: Ints
    """From 0."""
    opened: Mask
    inquired: Mask
    """Asked about, applied for or adopted."""
    explored: Mask
    """Whether chance alone put it there."""
    factors: Mapping[str, Floats]
    """By the names of `FACTORS`."""
    traits: Mapping[str, Ints]
    """By the names of `TRAITS`: the code of each animal's value, shape (animals,)."""

    def __len__(self) -> int:
        return len(self.animal)

    @property
    def animals(self) -> int:
        """Number of animals."""
        return len(self.traits[TRAITS[0]])

    def take(self, rows: Ints | Mask) -> "ShownPlaces":
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
