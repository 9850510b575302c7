"""Weights of factors from choices among lists: the conditional logit, pulled towards a prior.

McFadden, "Conditional logit analysis of qualitative choice behavior" (1974): the chance of an
alternative is the softmax of its utility over its list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 50
_ENOUGH = 1e-10


@dataclass(frozen=True, slots=True)
class ListChoice:
    """One list and what was chosen of it.

    `factors` has the shape (alternatives, factors), `offsets` what is added to each utility with
    no weight to learn, shape (alternatives,); `chosen` is a row.
    """

    factors: Floats
    offsets: Floats
    chosen: int


def fit_weights(choices: Sequence[ListChoice], prior: Sequence[float], ridge: float) -> Floats:
    """The weights of the most likely utility, shape (factors,), by Newton's method.

    `ridge` is how many choices' worth of doubt pulls each weight towards the prior; without any
    choice the weights are the prior. The same choices give the same weights, bit for bit.
    """
    start = np.array(prior, np.float64)
    weights = start.copy()
    for _ in range(_STEPS):
        gradient = ridge * (start - weights)
        curvature = ridge * np.eye(len(start))
        for choice in choices:
            chance = _chances(choice, weights)
            mean = chance @ choice.factors
            centred = choice.factors - mean
            gradient += choice.factors[choice.chosen] - mean
            curvature += (centred * chance[:, None]).T @ centred
        step = np.linalg.solve(curvature, gradient)
        # The likelihood is concave, but a full step from afar may overshoot.
        weights = weights + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < _ENOUGH:
            break
    return weights


def _chances(choice: ListChoice, weights: Floats) -> Floats:
    utilities = choice.offsets + choice.factors @ weights
    raised = np.exp(utilities - utilities.max())
    chances: Floats = raised / raised.sum()
    return chances
