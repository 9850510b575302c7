"""Effects of one visitor, from the places they were shown and the animals they opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv
from scipy.special import expit

from pawsonalize.recipes.choices.effects import looked_at
from pawsonalize.recipes.choices.shown_places import VISITOR_TRAITS, Floats, Ints, Mask

_STEPS = 2  # a third would change no effect by more than a few hundredths
_STEP = 2.0  # log-odds; a Newton step may overshoot
ANYTHING, DISTANCE = "anything", "distance"

KINDS = (ANYTHING, *VISITOR_TRAITS, DISTANCE)
"""The kinds of a visitor's own effects: to open anything at all, a value of a trait, distance."""

VISITOR_VARIANCES: Mapping[str, float] = {
    ANYTHING: 1.0,
    "species": 0.5,
    "breed": 0.1,
    "family": 0.4,
    "size": 0.4,
    "age": 0.4,
    "colour": 0.1,
    DISTANCE: 0.3,
}
"""Variances among visitors of the log-odds of each effect, before any training."""


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
    """Posterior of the visitor's own effects; one without evidence is 0."""

    codes: tuple[Ints, ...]
    """By the order of `VISITOR_TRAITS`: the codes of the values that were shown, ascending."""
    effects: tuple[Floats, ...]
    """The log-odds of each of them."""
    distance: float
    """Added to the weight of distance."""

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
    effects = np.zeros(len(priors))
    odds = watched.offset
    for step in range(_STEPS):
        chance = expit(odds)
        looked = looked_at(watched.attention, chance, watched.opened)
        pull = (looked * (watched.opened - chance)).astype(np.float32)
        firm = (looked * chance * (1 - chance)).astype(np.float32)
        firmness = ((matrix.T * firm) @ matrix).astype(np.float64)
        firmness.flat[:: len(priors) + 1] += 1 / priors
        slope = matrix.T @ pull - effects / priors
        effects += np.clip(dposv(firmness, slope)[1], -_STEP, _STEP)
        if step + 1 < _STEPS:
            odds = watched.offset + matrix @ effects.astype(np.float32)
    ends = np.cumsum([1, *(len(one) for one in codes)]).tolist()
    parts = tuple(effects[start:end] for start, end in pairwise(ends))
    return VisitorEffects(tuple(codes), parts, float(effects[-1]))


def _design(
    watched: Watched, variances: Mapping[str, float]
) -> tuple[list[Ints], NDArray[np.float32], Floats]:
    """The codes of each trait, the columns (rows, effects), and the variance of each effect.

    Single precision is enough, and takes half the time.
    """
    found: list[Ints] = []
    columns = np.empty_like(watched.traits)
    start = 1
    for trait, codes in enumerate(watched.traits):
        column_of = np.bincount(codes)
        known = np.flatnonzero(column_of)
        column_of[known] = np.arange(start, start + len(known))
        columns[trait] = column_of[codes]
        found.append(known)
        start += len(known)
    matrix = np.zeros((len(watched.opened), start + 1), np.float32)
    matrix[:, 0] = 1.0
    matrix[np.arange(len(matrix)), columns] = 1.0
    matrix[:, -1] = watched.distance
    each = np.array([variances[kind] for kind in KINDS])
    return found, matrix, np.repeat(each, [1, *(len(one) for one in found), 1])
