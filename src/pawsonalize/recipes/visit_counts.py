"""How often items were chosen, halved by age: counts that can be added up in any order."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.recipes.artefact import take
from pawsonalize.recipes.contract import Arrays

AGES = 16  # what is older than this many half-lives weighs nothing
_NEVER = -(2**60)


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """Events per item and age in half-lives, whole numbers.

    `newest` numbers the newest half-life with an event, from 1970. `counts[a, i]` are item i's
    events in the half-life a before it, shape (AGES, items).
    """

    newest: int
    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls, time: NDArray[np.int64], item: NDArray[np.int32], n_items: int, half_life: int
    ) -> "VisitCounts":
        """Count events; `time` and `half_life` in milliseconds."""
        number = time // half_life
        newest = int(number.max(initial=_NEVER))
        age = newest - number
        counts = np.zeros((AGES, n_items), np.int64)
        np.add.at(counts, (age[age < AGES], item[age < AGES]), 1)
        return cls(newest, counts)

    def plus(self, other: "VisitCounts") -> "VisitCounts":
        """The events of both; `other` has as many items or more."""
        newest = max(self.newest, other.newest)
        counts = np.zeros_like(other.counts)
        for part in (self, other):
            shift = min(newest - part.newest, AGES)
            counts[shift:, : part.counts.shape[1]] += part.counts[: AGES - shift]
        return VisitCounts(newest, counts)

    def decayed(self) -> NDArray[np.float64]:
        """Events per item, each half-life counting half the next, shape (items,).

        Whole numbers times powers of two: exact, whatever the order of the sum.
        """
        return np.asarray(np.exp2(-np.arange(AGES)) @ self.counts, np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The counts as plain arrays."""
        return {"visits.newest": np.array([self.newest], np.int64), "visits": self.counts}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int) -> "VisitCounts":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        newest = take(arrays, "visits.newest", np.int64, (1,))
        counts = take(arrays, "visits", np.int64, (AGES, n_items))
        if (counts < 0).any():
            raise CorruptArtefact("array 'visits' holds counts below 0")
        return cls(int(newest[0]), counts)
