"""Parts of an evaluation: a mean hides whom a recommender serves badly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_TARGETS = 10
"""Smaller slices say nothing and are left out."""
_HISTORY_LENGTHS = ("0", "1 to 4", "5 and more")
_NOVELTY = ("known", "new")


@dataclass(frozen=True, slots=True)
class Slice:
    """The targets that belong together; `targets` is a mask of shape (targets,)."""

    kind: str
    value: str
    targets: NDArray[np.bool_]


def by_history(lengths: NDArray[np.int64]) -> list[Slice]:
    """By how many events of the visitor were known; `lengths` per target."""
    return by_value("history", _HISTORY_LENGTHS, np.digitize(lengths, (1, 5)))


def by_novelty(is_new: NDArray[np.bool_]) -> list[Slice]:
    """By whether anybody had touched the item when the model was trained; per target."""
    return by_value("item", _NOVELTY, is_new.astype(np.int64))


def by_value(kind: str, names: Sequence[str], codes: NDArray[np.integer]) -> list[Slice]:
    """One slice per name that has enough targets; `codes` per target, -1 for none."""
    found = (Slice(kind, name, codes == code) for code, name in enumerate(names))
    return [part for part in found if np.count_nonzero(part.targets) >= MIN_TARGETS]
