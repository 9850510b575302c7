"""Shown places, and common effects, fitted by Newton steps one kind after the other."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from pawsonalize.recipes.data import Bools, Floats, Ints
from pawsonalize.recipes.late_scipy import special

TRAITS = ("species", "breed", "family", "size", "age", "colour", "shelter")
"""Traits that animals share. Visitors may have effects of all but the last."""

VISITOR_TRAITS = TRAITS[:-1]

FACTORS = {
    "group": (1.0, 0.5),
    "visitor": (1.0, 0.05),
    "seen": (-0.5, 0.5),
    "waiting": (0.0, 0.05),
    "distance": (2.0, 1.0),
    "far": (1.0, 1.0),
    "photos": (0.3, 0.1),
    "compatibility": (0.7, 0.1),
    "relevance": (6.0, 4.0),
    "quiz": (1.0, 0.5),
}
"""Factors of places beside the animal itself: the weight before any training, and the variance
with which a training may depart from it.

`group` is the affinity for the animal's group by events, `visitor` the visitor's own effects by
pages, both as they were before the page. `seen` is the log of 1 + the attention that the visitor
had paid to the animal in the visit. The others are the factors of
`engine.serving.animals.factors`, `far` being the distance itself. `relevance` is how well the
animal fits the words of a search, 0 on every other page. `quiz` is what an animal loses by each
answer of the quiz that it does not match, 0 for visitors without one.
"""

# At least 0, whatever was chosen: waiting may lift an animal, never sink it.
BOUNDED = frozenset({"group", "visitor", "waiting", "compatibility", "relevance", "quiz"})

_FADES = 0.6
# No answer is longer.
PLACES = 500
_SWEEPS = 12
_SETTLED = 3  # sweeps before variances and attention are learned
_STEP = 1.5  # log-odds; a Newton step may overshoot where hardly anything was opened
_AS_MANY = 5.0  # levels that a variance before any training counts as
_SHOWN = 200.0  # at a place, that the attention before any training counts as
ANIMAL = "animal"
LEVELS = (*TRAITS, ANIMAL)
VARIANCES: Mapping[str, float] = {
    "species": 0.1,
    "breed": 0.05,
    "family": 0.1,
    "size": 0.1,
    "age": 0.1,
    "colour": 0.03,
    "shelter": 0.05,
    ANIMAL: 0.3,
}
"""Variances of appeal among the values of a trait, and among animals, before training."""


def usual_attention(places: int = PLACES) -> Floats:
    """Probability that a place is looked at before training: 1 / place ** 0.6, 1 for the first."""
    return np.asarray(1 / np.arange(1, places + 1) ** _FADES)


class ShownPlaces(msgspec.Struct, frozen=True):
    """Places of pages, a row for each; columns (rows,) of codes from 0."""

    visitor: Ints
    visit: Ints
    animal: Ints
    place: Ints
    opened: Bools
    inquired: Bools  # asked about, applied for or adopted
    explored: Bools  # True if chance alone put it there
    factors: Mapping[str, Floats]
    traits: Mapping[str, Ints]
    """By the names of `TRAITS`: the code of each animal's value, shape (animals,)."""

    def __len__(self) -> int:
        return len(self.animal)

    @property
    def animals(self) -> int:
        """Number of animals."""
        return len(self.traits[TRAITS[0]])

    def take(self, rows: Ints | Bools) -> "ShownPlaces":
        """The same of some rows only."""
        return ShownPlaces(
            self.visitor[rows],
            self.visit[rows],
            self.animal[rows],
            self.place[rows],
            self.opened[rows],
            self.inquired[rows],
            self.explored[rows],
            {name: column[rows] for name, column in self.factors.items()},
            self.traits,
        )


class Effects(msgspec.Struct):
    """Log-odds by what they belong to. `levels` has an array for each of `LEVELS`, by code."""

    intercept: float
    weights: dict[str, float]
    levels: dict[str, Floats]
    variances: dict[str, float]
    attention: Floats


class _State(msgspec.Struct):
    odds: Floats
    chosen: Bools
    attention: Floats


def looked_at(attention: Floats, chance: Floats, chosen: Bools) -> Floats:
    """Probability that each place was looked at, from its attention and its usual choices."""
    # Bayes: who chose was looking; who did not has missed the place, or looked and turned it down.
    missed = attention * np.maximum(1 - chance, 1e-9)  # looked at, and not chosen
    return np.where(chosen, 1.0, missed / (1 - attention + missed))


def gradient(odds: Floats, attention: Floats, chosen: Bools) -> tuple[Floats, Floats]:
    """Gradient and curvature of rows; a place passed over counts by the chance it was seen."""
    chance = special.expit(odds)
    looked = looked_at(attention, chance, chosen)
    # Expectation over whether the place was looked at, as in an EM step.
    return looked * (chosen - chance), looked * chance * (1 - chance)


def fit_effects(
    shown: ShownPlaces,
    chosen: Bools,
    attention: Floats,
    variances: Mapping[str, float] = VARIANCES,
    *,
    learn_attention: bool,
    factors: Sequence[str] = tuple(FACTORS),
    prior: Mapping[str, tuple[float, float]] = FACTORS,
) -> Effects:
    """Fit penalised effects to the choices; learned `attention` (places,) stays near this."""
    codes = {name: shown.traits[name][shown.animal] for name in TRAITS} | {ANIMAL: shown.animal}
    found = Effects(
        # The rate of choices among places that were probably looked at: the sweeps then start near.
        intercept=float(np.log(max(chosen.sum(), 1) / max(attention[shown.place].sum(), 1))),
        weights={name: prior[name][0] for name in factors},
        levels={name: np.zeros(int(column.max(initial=-1)) + 1) for name, column in codes.items()},
        variances=dict(variances),
        attention=attention,
    )
    odds = np.full(len(shown), found.intercept)
    for name, weight in found.weights.items():
        odds += weight * shown.factors[name]
    state = _State(odds, chosen, attention[shown.place])
    # One step for each kind of effect at a time, with all others fixed (coordinate ascent on the
    # penalised likelihood): the effects of many thousand animals need no matrix.
    for sweep in range(_SWEEPS):
        pull, firm = gradient(state.odds, state.attention, state.chosen)
        step = float(np.clip(pull.sum() / (firm.sum() + 1e-9), -_STEP, _STEP))
        found.intercept += step
        state.odds += step
        for name in factors:
            _fit_weight(found, state, name, shown.factors[name], prior[name])
        for name in LEVELS:
            _fit_levels(found, state, name, codes[name], learn=sweep >= _SETTLED)
        if learn_attention and sweep >= _SETTLED:
            _fit_attention(found, state, shown.place, attention)
    _centre(found, codes)
    return found


def _centre(found: Effects, codes: Mapping[str, Ints]) -> None:
    # Effects and intercept can trade places without a change of the odds. Centred, a value that was
    # never shown counts as the mean.
    for name, column in codes.items():
        values = found.levels[name]
        mean = float(values[column].mean()) if len(column) else 0.0
        known = np.bincount(column, minlength=len(values)) > 0
        found.levels[name] = np.where(known, values - mean, 0.0)
        found.intercept += mean


def _fit_weight(
    found: Effects, state: _State, name: str, column: Floats, prior: tuple[float, float]
) -> None:
    pull, firm = gradient(state.odds, state.attention, state.chosen)
    before, (mean, variance) = found.weights[name], prior
    slope = float(pull @ column) - (before - mean) / variance
    step = float(np.clip(slope / (float(firm @ column**2) + 1 / variance), -_STEP, _STEP))
    # A negative weight would put what visitors like last. Too few data can at worst make it 0.
    after = max(0.0, before + step) if name in BOUNDED else before + step
    found.weights[name] = after
    state.odds += (after - before) * column


def _fit_levels(found: Effects, state: _State, name: str, codes: Ints, *, learn: bool) -> None:
    pull, firm = gradient(state.odds, state.attention, state.chosen)
    values, variance = found.levels[name], found.variances[name]
    firmness = np.bincount(codes, firm, len(values)) + 1 / variance
    slope = np.bincount(codes, pull, len(values)) - values / variance
    step = np.clip(slope / firmness, -_STEP, _STEP)
    values += step
    state.odds += step[codes]
    if learn:
        known = np.bincount(codes, minlength=len(values)) > 0
        # The second moment of each effect is the square of its mode and its variance (an EM step).
        spread = (values**2 + 1 / firmness)[known]
        total = spread.sum() + _AS_MANY * VARIANCES[name]
        found.variances[name] = float(total / (len(spread) + _AS_MANY))


def _fit_attention(found: Effects, state: _State, place: Ints, usual: Floats) -> None:
    """Fit attention of each place: chosen over expected."""
    chance = special.expit(state.odds)
    count, mean = len(usual), float(chance.mean())
    chosen = np.bincount(place, state.chosen, count) + _SHOWN * mean * usual
    share = chosen / (np.bincount(place, chance, count) + _SHOWN * mean)
    # Choices show only the product of attention and chance: the first place counts as 1, and the
    # intercept takes the rest.
    found.attention = np.minimum(share / share[0], 1.0)
    state.attention = found.attention[place]
    step = float(np.clip(np.log(share[0]), -_STEP, _STEP))
    found.intercept += step
    state.odds += step
