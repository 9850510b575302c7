"""Weights from what visitors chose, where enough of them did; else those that were there."""

from collections.abc import Sequence

import numpy as np

from pawsonalize.engine.animals.settings import FACTORS, Weights
from pawsonalize.recipes.conditional_logit import ListChoice, fit_weights
from pawsonalize.storage.animals import Choice

OUTCOMES = ("inquiry", "application", "adoption")
MAX_CHOICES = 20_000
_RIDGE = 20.0


def learned_weights(choices: Sequence[Choice], prior: Weights) -> Weights:
    """Weights learned from answers, whatever the weights they were given with.

    A factor in which no two of an answer differ teaches nothing: it keeps its prior, as does
    everything without choices.
    """
    lists = []
    for choice in choices:
        places = np.array(choice.factors, np.float64)
        if places.ndim == 2 and places.shape[1] == 1 + len(FACTORS) and len(places) > 1:
            lists.append(ListChoice(places[:, 1:], places[:, 0], choice.chosen))
    found = fit_weights(lists, prior.values(), _RIDGE)
    return Weights(*(float(weight) for weight in found))
