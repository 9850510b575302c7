"""Eager visits opened nearly everything that they looked at, so they are no evidence on animals."""

import numpy as np
from scipy.special import expit, logit

from pawsonalize.recipes.choices.shown_places import Floats, Mask

FEW = 4
"""Openings from which a visit may be eager; fewer are always evidence."""

_TOO_EAGER = 2.3  # log-odds beyond those of others: ten times the odds
_VARIANCE = 0.1  # of most visits
_FREEDOM = 3.0  # degrees of freedom: the fewer, the further off a visit may be
_STEPS = 30
_STEP = 1.0


def are_eager(opened: Floats, looked: Floats, expected: Floats) -> Mask:
    """True for visits whose odds to open an animal are over ten times the usual; shape (visits,).

    Such are bots, as a rule. `looked` is how many places were looked at, about, and `expected` how
    many of these others would have opened. How eager a visit is follows a Student t distribution:
    most differ little, a few are very far off (Lange, Little and Taylor 1989). So it takes much to
    call one eager: six of six looked at, where others open half a place.
    """
    eager = np.zeros(len(opened))
    usual = logit(np.clip(expected / np.maximum(looked, 1e-9), 1e-4, 0.95))
    for _ in range(_STEPS):
        variance = (_FREEDOM * _VARIANCE + eager**2) / (_FREEDOM + 1)
        chance = expit(usual + eager)
        slope = opened - looked * chance - eager / variance
        eager += np.clip(slope / (looked * chance * (1 - chance) + 1 / variance), -_STEP, _STEP)
    return np.asarray((eager > _TOO_EAGER) & (opened >= FEW))
