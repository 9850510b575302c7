"""What the number of available animals does to an item's chances.

Counts of choices say how often an item was chosen at the supply there was. With twice as many
animals of the item on the site its chances double; without any it has none.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.artefact import take_weights
from pawsonalize.recipes.contract import Arrays, TrainingData
from pawsonalize.recipes.popularity import decay


@dataclass(frozen=True, slots=True)
class Supply:
    """`usual` (items,): available animals of each item, the mean over the events counted.

    All 0 where nothing is known of the past supply; then more animals are no better chance.
    """

    usual: NDArray[np.float32]
    smoothing: float

    @classmethod
    def of(cls, data: TrainingData, half_life_days: float, smoothing: float) -> "Supply":
        """Average over the events, each weighed by its age."""
        weights = decay(data, half_life_days)
        return cls(data.stock.mean(data.time, weights, len(data.item_ids)), smoothing)

    @property
    def is_known(self) -> bool:
        """Whether more animals than usual mean more choices."""
        return bool(self.usual.any())

    def factor(self, now: NDArray[np.integer]) -> NDArray[np.float32]:
        """How many times the usual chances of an item are multiplied, shape of `now`."""
        if not self.is_known:
            return np.asarray(now > 0, np.float32)
        return np.asarray(now / (self.usual + np.float32(self.smoothing)), np.float32)

    def apply(self, parts: NDArray[np.float32], now: NDArray[np.integer]) -> None:
        """Weigh the tables' proposals (tables, items + outside) in place, the first table's apart.

        Each table keeps its sum over the catalogue, the part of it that is still there. The
        first is the visitor's own history: who comes back wants that animal, not any of many.
        """
        inside = parts[:, : len(now)]
        factor = self.factor(now)
        before = inside.sum(axis=1)
        inside[0] *= now > 0
        inside[1:] *= factor
        parts[:, len(now) :] *= 1 / np.float32(self.smoothing) if self.is_known else 1
        after = np.maximum(inside.sum(axis=1), np.float32(1e-30))
        parts[1:] *= (before / after)[1:, np.newaxis]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The usual supply as a plain array."""
        return {"usual_supply": self.usual}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int, smoothing: float) -> "Supply":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        return cls(take_weights(arrays, "usual_supply", (n_items,)), smoothing)
