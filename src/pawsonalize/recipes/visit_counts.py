"""How often items were chosen, halved by age."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.recipes.artefact import take
from pawsonalize.recipes.contract import Arrays

AGES = 16  # what is older than the newest so many half-lives counts as the oldest of them
_NEVER = -(2**60)


@dataclass(frozen=True, slots=True)
class VisitCounts:
    """Events per item and half-life, whole numbers; half-lives without any event do not count.

    `numbers`, shape (AGES,), are the newest half-lives with an event, newest first, numbered from
    1970; below the last that there is stands a number far in the past. `counts[a, i]` are item i's
    events in half-life `numbers[a]`, in the last row all the older ones too, shape (AGES, items).
    """

    numbers: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls, time: NDArray[np.int64], item: NDArray[np.int32], n_items: int, half_life: int
    ) -> "VisitCounts":
        """Count events; `time` and `half_life` in milliseconds."""
        found, place = np.unique(time // half_life, return_inverse=True)
        numbers = np.full(AGES, _NEVER, np.int64)
        newest = found[::-1][:AGES]
        numbers[: len(newest)] = newest
        counts = np.zeros((AGES, n_items), np.int64)
        np.add.at(counts, (np.minimum(len(found) - 1 - place, AGES - 1), item), 1)
        return cls(numbers, counts)

    def decayed(self) -> NDArray[np.float64]:
        """Events per item, each half-life counting half the next, shape (items,)."""
        return np.asarray(np.exp2(-np.arange(AGES)) @ self.counts, np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The counts as plain arrays."""
        return {"visits.numbers": self.numbers, "visits": self.counts}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int) -> "VisitCounts":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        numbers = take(arrays, "visits.numbers", np.int64, (AGES,))
        counts = take(arrays, "visits", np.int64, (AGES, n_items))
        if (counts < 0).any():
            raise CorruptArtefact("array 'visits' holds counts below 0")
        return cls(numbers, counts)
