"""What one visitor likes, from the places they were shown and what they opened of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import expit

from pawsonalize.recipes.choices.effects import looked_at
from pawsonalize.recipes.choices.shown_places import VISITOR_TRAITS, Floats, Ints, Mask

_STEPS = 3
_STEP = 2.0  # log-odds; a Newton step may overshoot
ANYTHING, DISTANCE = "anything", "distance"

KINDS = (ANYTHING, *VISITOR_TRAITS, DISTANCE)
"""The kinds of a visitor's own effects: to open anything at all, a value of a trait, distance."""

VISITOR_VARIANCES: Mapping[str, float] = {
    ANYTHING: 0.1,
    "species": 0.5,
    "breed": 0.1,
    "family": 0.4,
    "size": 0.4,
    "age": 0.4,
    "colour": 0.1,
    DISTANCE: 0.3,
}
"""How much visitors differ in them, as a variance of log-odds, before any training."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Places that one visitor was shown, shape (rows,)."""

    traits: Ints
    """The codes of each animal's values by the order of `VISITOR_TRAITS`, shape (traits, rows)."""
    distance: Floats
    """The factor `distance`: 0 here, -1 far away."""
    offset: Floats
    """The log-odds that anybody opens the animal, once looked at."""
    attention: Floats
    opened: Mask


@dataclass(frozen=True, slots=True)
class VisitorEffects:
    """What is believed of the visitor's own effects; one that nothing tells of is 0."""

    codes: tuple[Ints, ...]
    """By the order of `VISITOR_TRAITS`: the codes of the values that were shown, ascending."""
    effects: tuple[Floats, ...]
    """The log-odds of each of them."""
    distance: float
    """What is added to the weight of distance."""

    def of(self, trait: int, size: int) -> Floats:
        """The effects of a trait by code, shape (size,)."""
        found = np.zeros(size)
        found[self.codes[trait]] = self.effects[trait]
        return found


def visitor_effects(watched: Watched, variances: Mapping[str, float]) -> VisitorEffects:
    """The likeliest effects, given what was opened and how much visitors differ.

    By Newton's method, on a matrix with a column for each value that was shown.
    """
    codes, matrix, priors = _design(watched, variances)
    effects = np.zeros(matrix.shape[1])
    for _ in range(_STEPS):
        chance = expit(watched.offset + matrix @ effects)
        looked = looked_at(watched.attention, chance, watched.opened)
        slope = matrix.T @ (looked * (watched.opened - chance)) - effects / priors
        firm = looked * chance * (1 - chance)
        firmness = (matrix.T * firm) @ matrix
        firmness[np.diag_indices_from(firmness)] += 1 / priors
        effects += np.clip(np.linalg.solve(firmness, slope), -_STEP, _STEP)
    ends = np.cumsum([1, *(len(one) for one in codes)]).tolist()
    parts = tuple(effects[start:end] for start, end in pairwise(ends))
    return VisitorEffects(tuple(codes), parts, float(effects[-1]))


def _design(watched: Watched, variances: Mapping[str, float]) -> tuple[list[Ints], Floats, Floats]:
    """The codes of each trait, the columns (rows, effects), and the variance of each effect."""
    rows = np.arange(len(watched.opened))
    found, places, start = [], [], 1
    for column in watched.traits:
        known, where = np.unique(column, return_inverse=True)
        found.append(known.astype(np.int64))
        places.append(start + where)
        start += len(known)
    matrix = np.zeros((len(rows), start + 1))
    matrix[:, 0] = 1.0
    for place in places:
        matrix[rows, place] = 1.0
    matrix[:, -1] = watched.distance
    widths = [1, *(len(one) for one in found), 1]
    priors = np.repeat([variances[kind] for kind in KINDS], widths)
    return found, matrix, priors
