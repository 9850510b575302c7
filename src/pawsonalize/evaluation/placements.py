"""Placements of the right answers in rankings: all that a metric needs to know of these."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# So far behind that no cut-off reaches it.
MISSED = np.iinfo(np.int64).max // 2


@dataclass(frozen=True, slots=True)
class Placements:
    """The targets of all questions, one row each, grouped by question.

    Every question has a target, and no target twice.
    """

    question: NDArray[np.int64]
    """In 0…n_questions-1, rising."""
    before: NDArray[np.int64]
    """Candidates that score higher than the target; MISSED for a miss."""
    tied: NDArray[np.int64]
    """Candidates that score the same, the target included."""
    n_questions: int

    @classmethod
    def of(cls, placed: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> "Placements":
        """One `(before, tied)` of `place` per question."""
        counts = [len(before) for before, _ in placed]
        none = [np.zeros(0, np.int64)]
        return cls(
            np.repeat(np.arange(len(placed)), counts),
            np.concatenate([before for before, _ in placed] or none),
            np.concatenate([tied for _, tied in placed] or none),
            len(placed),
        )

    def only(self, targets: NDArray[np.bool_]) -> "Placements":
        """As if only these targets were right; questions that keep none are left out."""
        questions, renumbered = np.unique(self.question[targets], return_inverse=True)
        return Placements(renumbered, self.before[targets], self.tied[targets], len(questions))


Metric = Callable[[Placements], NDArray[np.float64]]
"""Of each question a value from 0 to 1, shape (questions,)."""


def place(
    scores: NDArray[np.floating], targets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`before` and `tied` of each target, shape (targets,).

    `scores` are the candidates', -inf where one must not be recommended; `targets` are
    positions among them, -1 for an item that is no candidate. Both count as missed.
    """
    before = np.full(len(targets), MISSED)
    tied = np.ones(len(targets), np.int64)
    for place_, target in enumerate(targets.tolist()):
        if target >= 0 and scores[target] > -np.inf:
            before[place_] = np.count_nonzero(scores > scores[target])
            tied[place_] = np.count_nonzero(scores == scores[target])
    return before, tied


def share_within(placements: Placements, gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """The expected gain of each target, shape (targets,); `gains[r]` is that of rank r + 1.

    A target in a tie is at each of the tie's ranks with equal chance, so its expectation is
    their mean gain (McSherry & Najork, ECIR 2008, section 2).
    """
    up_to = np.concatenate(([0.0], np.cumsum(gains)))
    first = np.minimum(placements.before, len(gains))
    last = np.minimum(placements.before + placements.tied, len(gains))
    return np.asarray((up_to[last] - up_to[first]) / placements.tied, np.float64)


def per_question(placements: Placements, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of a value per target over each question's targets, shape (questions,)."""
    return np.bincount(placements.question, values, placements.n_questions).astype(np.float64)
