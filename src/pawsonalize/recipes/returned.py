"""Returns and dislikes as columns beside the events, for they are no choices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Returned:
    """Events that speak against an item: which, and when (milliseconds since 1970)."""

    item: NDArray[np.int32]
    time: NDArray[np.int64]

    @classmethod
    def nothing(cls) -> "Returned":
        """Nothing ever spoke against an item."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.item)

    @property
    def newest(self) -> int:
        """The moment of the last one; long ago without any."""
        return int(self.time.max(initial=-(2**60)))

    def as_of(self, moment: int, position: NDArray[np.int64]) -> "Returned":
        """Those known by a moment, with items numbered anew (-1 for one that is left out)."""
        kept = self.time <= moment
        kept &= position[self.item] >= 0
        return Returned(position[self.item[kept]].astype(np.int32), self.time[kept])
