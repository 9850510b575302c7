"""The weights of animals' factors, learned from what visitors chose."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pawsonalize.engine.serving.animals.settings import LEARNED, Weights
from pawsonalize.recipes.conditional_logit import ListChoice, fit_weights
from pawsonalize.storage.animal_exposures import Choice

OUTCOMES = ("inquiry", "application", "adoption")
MAX_CHOICES = 20_000
_RIDGE = 20.0


def learned_weights(choices: Sequence[Choice], prior: Weights) -> Weights:
    """Weights learned from answers, whichever weights those answers were given with.

    If no two animals of an answer differ in a factor, the answer teaches nothing of it. A factor
    without choices keeps its prior, and so does the shelter's wish. Answers from before a factor
    existed count.
    """
    lists, count = [], 1 + len(LEARNED)
    for choice in choices:
        places = np.array(choice.factors, np.float64)
        if places.ndim == 2 and places.shape[1] >= count and len(places) > 1:
            wished = places[:, count:].sum(axis=1) * prior.priority
            lists.append(ListChoice(places[:, 1:count], places[:, 0] + wished, choice.chosen))
    found = fit_weights(lists, prior.values()[: len(LEARNED)], _RIDGE)
    return replace(prior, **dict(zip(LEARNED, map(float, found), strict=True)))
