"""An animal's own effect: whether it is opened more often than its attributes lead to expect."""

import numpy as np
from scipy.special import expit, logit

from pawsonalize.recipes.choices.shown_places import Floats

_STEPS = 6
_STEP = 1.0


def animal_effects(opened: Floats, looked: Floats, expected: Floats, variance: float) -> Floats:
    """The log-odds of each animal beyond those of its attributes, shape (animals,).

    `looked` is how often it was looked at, as far as can be told, and `expected` how often it would
    have been opened then, were it as wanted as its attributes say. An animal that nobody looked at
    has 0: it stands where its attributes put it.
    """
    own = np.zeros(len(opened))
    usual = logit(np.clip(expected / np.maximum(looked, 1e-9), 1e-4, 0.95))
    for _ in range(_STEPS):
        chance = expit(usual + own)
        slope = opened - looked * chance - own / variance
        own += np.clip(slope / (looked * chance * (1 - chance) + 1 / variance), -_STEP, _STEP)
    return own
