"""Exploration: places of an answer that go to new and under-exposed items, each with its odds."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

# One whole share of novelty. Whole numbers add without rounding, so that what is left of them
# after some places is exact, and 0 exactly when nothing is left.
_WHOLE = 2**20
MAX_COUNT = _WHOLE - 1
_TRIES = 16


@dataclass(frozen=True, slots=True)
class Novelty:
    """How much exploration each item of the catalogue is due, in proportion.

    `weights` are whole numbers, 0 for an item that is never drawn; `running` are their running
    sums; both have the shape (items,).
    """

    weights: NDArray[np.int64]
    running: NDArray[np.int64]

    @property
    def total(self) -> int:
        """The sum of all weights."""
        return int(self.running[-1]) if len(self.running) else 0

    def among(self, there: NDArray[np.bool_]) -> "Novelty":
        """The same with 0 for every item outside the mask, shape (items,)."""
        weights = self.weights * there
        return Novelty(weights, np.cumsum(weights))


@dataclass(frozen=True, slots=True)
class Explored:
    """The places of an answer: catalogue positions, which of them were drawn, and the odds.

    `propensities[k]` is the probability of that item at place k given what stands before it:
    (1 - weight) if it is the best of the rest, plus weight times its share of the novelty of the
    rest. Where the rest has no novelty, the best of it has probability 1.
    """

    positions: tuple[int, ...]
    explored: tuple[bool, ...]
    propensities: tuple[float, ...]


def novelty(counts: NDArray[np.int64], eligible: NDArray[np.bool_]) -> Novelty:
    """Weights in proportion to 1 / (1 + count) for the eligible items, 0 for the others.

    `counts` are showings per item, shape (items,); from 2**20 on they weigh alike.
    """
    weights = np.where(eligible, _WHOLE // (1 + np.minimum(counts, MAX_COUNT)), 0)
    return Novelty(weights, np.cumsum(weights))


def explore(best: NDArray[np.intp], due: Novelty, weight: float, seed: str) -> Explored:
    """Give each place, with probability `weight`, to a draw by novelty among the rest.

    `best` are the highest scored positions, best first, one for each place; the other places
    keep their order. The same arguments give the same places: `seed` alone decides.
    """
    random = Random(seed).random  # noqa: S311 - to be reproduced, not to be kept secret
    ranked = best.tolist()
    left, head = due.total, 0
    taken: dict[int, bool] = {}
    propensities = []
    for _ in ranked:
        while ranked[head] in taken:
            head += 1
        is_drawn = random() < weight and left > 0
        chosen = _draw(due, taken, left, random) if is_drawn else ranked[head]
        odds = float(chosen == ranked[head])
        novel = int(due.weights[chosen])
        propensities.append((1 - weight) * odds + weight * novel / left if left else odds)
        taken[chosen] = is_drawn
        left -= novel
    return Explored(tuple(taken), tuple(taken.values()), tuple(propensities))


def _draw(due: Novelty, taken: dict[int, bool], left: int, random: Callable[[], float]) -> int:
    """One of the items not taken, in proportion to their weights, which sum to `left`."""
    for _ in range(_TRIES):
        position = int(due.running.searchsorted(int(random() * due.total), side="right"))
        if position not in taken:
            return position
    # Nearly all of the novelty is taken: leave it out, which gives the same odds.
    rest = due.weights.copy()
    rest[list(taken)] = 0
    return int(np.cumsum(rest).searchsorted(int(random() * left), side="right"))
