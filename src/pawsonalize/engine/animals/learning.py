"""Weights from what visitors chose, where enough of them did; else those that were there."""

from collections.abc import Sequence

import numpy as np

from pawsonalize.engine.animals.settings import FACTORS, Weights
from pawsonalize.recipes.conditional_logit import ListChoice, fit_weights
from pawsonalize.storage.animals import Choice

OUTCOMES = ("inquiry", "application", "adoption")
MAX_CHOICES = 20_000
_RIDGE = 20.0


def learned_weights(choices: Sequence[Choice], used: Weights, prior: Weights) -> Weights:
    """Weights learned from answers that were given with the weights `used`.

    A factor is what its part was divided by its weight then; one with no weight then taught
    nothing and keeps its prior, as does everything without choices.
    """
    before = np.array(used.values())
    told = before != 0
    divisor = np.where(told, before, 1.0)
    lists = []
    for choice in choices:
        parts = np.array(choice.parts, np.float64)
        if parts.ndim == 2 and parts.shape[1] == 1 + len(FACTORS) and len(parts) > 1:
            factors = np.where(told, parts[:, 1:] / divisor, 0.0)
            lists.append(ListChoice(factors, parts[:, 0], choice.chosen))
    found = fit_weights(lists, prior.values(), _RIDGE)
    return Weights(*(float(weight) for weight in found))
