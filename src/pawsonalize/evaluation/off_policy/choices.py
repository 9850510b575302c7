"""Logged choices: what was shown with which probability, and what came of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Choices:
    """One row for each place of each answer, all columns (rows,), at least one row.

    `reward` is what came of it; `logged` the probability, above 0, with which the serving policy
    put that item there, `target` that of the policy in question, given the same items before.
    Rows of one `answer` (codes 0, 1, …) belong together: they succeed and fail together.
    """

    reward: NDArray[np.float64]
    logged: NDArray[np.float64]
    target: NDArray[np.float64]
    answer: NDArray[np.int64]

    def __post_init__(self) -> None:
        columns = (self.reward, self.logged, self.target, self.answer)
        if not len(self.reward) or {column.shape for column in columns} != {self.reward.shape}:
            raise InvalidInput("logged choices are columns of one length, which is not 0")
        if not (np.isfinite(self.reward).all() and self.answer.min() >= 0):
            raise InvalidInput("rewards are finite numbers, and answers are numbered from 0")
        rounding = 1 + 1e-9
        if not ((self.logged > 0) & (self.logged <= rounding)).all():
            raise InvalidInput("what was shown had a probability above 0 and up to 1")
        if not ((self.target >= 0) & (self.target <= rounding)).all():
            raise InvalidInput("the target policy's probabilities are from 0 to 1")

    @property
    def weights(self) -> NDArray[np.float64]:
        """How much more often the target policy would have shown it, shape (rows,)."""
        return self.target / self.logged


@dataclass(frozen=True, slots=True)
class Predictions:
    """A reward model's predictions, both (rows,): neither has seen the row's own answer.

    `chosen` is that of the item that was shown, `expected` the mean over what the target policy
    would have shown at that place.
    """

    chosen: NDArray[np.float64]
    expected: NDArray[np.float64]


def effective_sample(choices: Choices) -> float:
    """How many rows of the target policy's own log the weighted rows are worth.

    (Σ w)² / Σ w²: all rows where the policies agree, 1 where one weight outweighs the rest, 0
    where the target policy would have shown nothing of it. Source: Kish, "Survey Sampling" (1965).
    """
    weights = choices.weights
    square = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / square if square > 0 else 0.0
