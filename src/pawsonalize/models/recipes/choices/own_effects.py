"""Effects of single animals, visits and visitors; bid prices."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy as np

from pawsonalize.models.recipes.choices.effects import VISITOR_TRAITS, gradient, mean_chances
from pawsonalize.models.recipes.choices.picks import (
    DEFAULT_PICKS,
    AnsweredBoard,
    PickScale,
    PickStages,
)
from pawsonalize.models.recipes.data import Bools, Floats, Ints, Singles
from pawsonalize.models.recipes.late_scipy import lapack, special

_STEPS = 6
FEW = 4  # openings from which a visit may be eager; fewer are always evidence
_TOO_EAGER = 2.3  # log-odds beyond those of others: ten times the odds
_DEVIATIONS = 2.5  # so far from the mean is one visitor in 160
_VISIT_VARIANCE = 0.1  # of most visits
_FREEDOM = 3.0  # degrees of freedom: the fewer, the further off a visit may be
_EAGER_STEPS = 30
_STEP = 1.0
_VISITOR_STEPS = 2  # a third would change no effect by more than a few hundredths
_LONGEST_STEP = 2.0  # log-odds; a Newton step may overshoot
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
# Days of waiting that a home saves at most. About as long as most wait where homes are short: there
# what everybody likes counts about half. Where there are enough, all go home far sooner, and only
# who wants whom counts. With more days it would count nothing in both, with 90 too much in both.
HORIZON = 180.0
_MOST_APPEAL = 4.0  # log-odds; a few choices must not make an animal irresistible


def animal_effects(
    opened: Floats, looked: Floats, expected: Floats, variance: float, unexplained: float = 0.0
) -> Floats:
    """Log-odds of animals beyond their attributes (animals,); 0 for one that nobody looked at.

    `looked` sums the attention of an animal's places, and `expected` the chances that they are
    opened, if nothing of its own is known; `variance` is that among animals, `unexplained` that
    among visitors.
    """
    own, left = _own_log_odds(opened, looked, expected, lambda _: variance, _STEPS, unexplained)
    # The log of the mean of exp(effect), beyond that of an animal that nobody looked at.
    return np.asarray(own + (left - variance) / 2)


def _own_log_odds(
    opened: Floats,
    looked: Floats,
    expected: Floats,
    variance: Callable[[Floats], Floats | float],
    steps: int,
    unexplained: float = 0.0,
) -> tuple[Floats, Floats]:
    """Mean and variance of log-odds beyond the expected ones; `variance` is that of the prior."""
    own = np.zeros(len(opened))
    if not len(own):  # nothing was counted yet, and SciPy need not be imported
        return own, own
    left = np.full(len(opened), variance(own))
    # All places of an animal as one of mean chance; the log-odds of 0 and 1 would be infinite.
    mean = np.clip(expected / np.maximum(looked, 1e-9), 1e-4, 0.95)
    usual = special.logit(mean)
    if unexplained > 0:
        for _ in range(_STEPS):
            chance, rise = mean_chances(usual, unexplained)
            usual += np.clip((mean - chance) / rise, -_STEP, _STEP)
    usual -= left / 2
    for _ in range(steps):
        prior = variance(own)
        chance, rise = mean_chances(usual + own + left / 2, unexplained)
        slope = opened - looked * chance - own / prior
        left = 1 / (looked * rise + 1 / prior)
        own += np.clip(slope * left, -_STEP, _STEP)
    return own, left


def are_eager(opened: Floats, looked: Floats, expected: Floats, variance: float = 0.0) -> Bools:
    """True for visits (as of bots) with over ten times the usual odds to open an animal.

    And with more than hardly any visitor has, given the variance among them of opening anything.
    """

    # A Student t prior by its variance at each step: few visits are very far off (Lange, Little and
    # Taylor 1989).
    def usual(eager: Floats) -> Floats:
        return (_FREEDOM * _VISIT_VARIANCE + eager**2) / (_FREEDOM + 1)

    eager, _ = _own_log_odds(opened, looked, expected, usual, _EAGER_STEPS)
    too_eager = max(_TOO_EAGER, _DEVIATIONS * variance**0.5)
    return np.asarray((eager > too_eager) & (opened >= FEW))


class Watched(msgspec.Struct, frozen=True):
    """Places that one visitor was shown, shape (rows,)."""

    traits: Ints
    """The codes of each animal's values by the order of `VISITOR_TRAITS`, shape (traits, rows)."""
    distance: Floats  # the factor `distance`: 0 here, -1 far away
    offset: Floats
    attention: Floats
    opened: Bools


class VisitorEffects(msgspec.Struct, frozen=True):
    """Posterior of the visitor's own effects; one without evidence is 0."""

    codes: tuple[Ints, ...]
    """By the order of `VISITOR_TRAITS`: the codes of the values that were shown, ascending."""
    effects: tuple[Floats, ...]
    distance: float
    anything: float
    """Log-odds by which the visitor opens any animal more readily, as `of`."""
    lifts: tuple[Floats, ...]
    """The log of the mean of exp(effect) above each effect, less that of an unknown value."""
    variances: tuple[Floats, ...]
    """About those of the effects: as if all others were known."""
    # The upper Cholesky factor of the precision of all effects, in the order of `KINDS`.
    factor: Floats

    def of(self, trait: int, size: int) -> Floats:
        """The effects of a trait by code, shape (size,), as the mean chance to open rises by them.

        0 for a value that was never shown.
        """
        found = np.zeros(size)
        found[self.codes[trait]] = self.effects[trait] + self.lifts[trait]
        return found

    def variance(self, trait: int, codes: Ints, prior: float) -> Floats:
        """About the variance of the effect of each of these codes of a trait."""
        found = np.full(int(max(codes.max(initial=0), self.codes[trait].max(initial=0))) + 1, prior)
        found[self.codes[trait]] = self.variances[trait]
        return found[codes]


def visitor_effects(
    watched: Watched,
    variances: Mapping[str, float],
    boards: Sequence[AnsweredBoard] = (),
    learned: PickScale = DEFAULT_PICKS,
) -> VisitorEffects:
    """The likeliest effects, given what was opened and picked, and how much visitors differ."""
    codes, effects, firmness, factor = _solve(watched, variances, boards, learned)
    ends = np.cumsum([1, *(len(one) for one in codes)]).tolist()
    left = 1 / firmness.diagonal()
    parts, variance = (
        tuple(values[start:end] for start, end in pairwise(ends)) for values in (effects, left)
    )
    # Half of a variance, and less where chances are high.
    rate = float(special.expit(watched.offset).mean()) if len(watched.offset) else 0.5
    half = max(0.5 - rate, 0.0)
    lifts = tuple(
        [half * (one - variances[name]) for one, name in zip(variance, VISITOR_TRAITS, strict=True)]
    )
    anything = float(effects[0] + half * (left[0] - variances[ANYTHING]))
    distance = float(effects[-1])
    return VisitorEffects(tuple(codes), parts, distance, anything, lifts, variance, factor)


def unknown_effects(variances: Mapping[str, float]) -> VisitorEffects:
    """The effects of a visitor of whom nothing is known."""
    nothing = (np.empty(0),) * len(VISITOR_TRAITS)
    codes = (np.empty(0, np.int64),) * len(VISITOR_TRAITS)
    spread = np.array([variances[ANYTHING], variances[DISTANCE]])
    factor = np.diag(1 / np.sqrt(spread))
    return VisitorEffects(codes, nothing, 0.0, 0.0, nothing, nothing, factor)


# The effect to open anything at all is left out: it is the same for all animals.
class VisitorPosterior(msgspec.Struct, frozen=True):
    """The visitor's log-odds of some animals beyond everybody's, and how sure they are."""

    traits: Ints  # codes, shape (traits, animals)
    distance: Floats
    mean: Floats
    # The place of each effect in `covariance`, its last one if nothing was ever shown of it.
    columns: Ints
    covariance: Floats
    """Of the effects that something was shown of, then of distance, then 0."""
    variances: Floats  # of the effects of each trait that nothing was shown of
    is_new: Bools  # where nothing was ever shown of it, shape (traits, animals)

    def variance(self) -> Floats:
        """Of each animal's log-odds; shape (animals,)."""
        one, other = np.triu_indices(len(self.columns))  # the covariance is symmetric
        times = np.where(one == other, 1.0, 2.0)
        both = times @ self.covariance[self.columns[one], self.columns[other]]
        # The last row but one is that of distance, the last one that of nothing.
        own = self.covariance[-2]
        both += 2 * self.distance * own[self.columns].sum(axis=0) + self.distance**2 * own[-2]
        return np.asarray(both + self.variances @ self.is_new)

    def covariance_with(self, animal: int) -> Floats:
        """Of each animal's log-odds with those of one; shape (animals,)."""
        own = self.covariance[self.columns[:, animal]].sum(axis=0)
        own = own + self.distance[animal] * self.covariance[-2]
        both = np.asarray(own[self.columns].sum(axis=0) + self.distance * own[-2])
        # A value that was never shown varies as visitors do; animals that share it vary together.
        for trait in np.flatnonzero(self.is_new[:, animal]).tolist():
            same = self.traits[trait] == self.traits[trait, animal]
            both += self.variances[trait] * same
        return both


def visitor_posterior(
    own: VisitorEffects, variances: Mapping[str, float], traits: Ints, distance: Floats
) -> VisitorPosterior:
    """The posterior of animals with these traits and factors `distance`, as in `Watched`."""
    size = len(own.factor)
    columns, start = np.full_like(traits, size), 1
    for known, codes, column in zip(own.codes, traits, columns, strict=True):
        place_of = np.full(max(codes.max(initial=0), known.max(initial=0)) + 1, size)
        place_of[known] = np.arange(start, start + len(known))
        column[:] = place_of[codes]
        start += len(known)
    covariance = np.zeros((size + 1, size + 1))
    upper = np.triu(lapack.dpotri(own.factor)[0])
    covariance[:-1, :-1] = upper + np.triu(upper, 1).T
    effects = np.concatenate([[0.0], *own.effects, [own.distance, 0.0]])
    mean = effects[columns].sum(axis=0) + own.distance * distance
    others = np.array([variances[name] for name in VISITOR_TRAITS])
    return VisitorPosterior(traits, distance, mean, columns, covariance, others, columns == size)


def _solve(
    watched: Watched,
    variances: Mapping[str, float],
    boards: Sequence[AnsweredBoard],
    learned: PickScale,
) -> tuple[list[Ints], Floats, Floats, Floats]:
    """Codes of each trait, effects, their precision, and its Cholesky factor (Newton)."""
    traits = (watched.traits, *(board.traits for board in boards))
    distance = (watched.distance, *(board.distance for board in boards))
    codes, matrix, priors = _design(np.hstack(traits), np.concatenate(distance), variances)
    places, stages = len(watched.opened), PickStages(boards, learned)
    offset = np.concatenate([watched.offset, *(board.offset for board in boards)])
    effects = np.zeros(len(priors))
    odds = offset
    pull, firm = np.empty((2, len(offset)), np.float32)
    for step in range(_VISITOR_STEPS):
        # Places of pages come first, then the animals of boards.
        pull[:places], firm[:places] = gradient(odds[:places], watched.attention, watched.opened)
        if boards:
            pull[places:], firm[places:], shares = stages.gradient(odds[places:])
        firmness = ((matrix.T * firm) @ matrix).astype(np.float64)
        if boards:
            # Animals of one board compete, so their Hessian has more than a diagonal: see
            # `PickStages`.
            left = shares.astype(np.float32) @ matrix[places:]
            firmness -= left.T @ left
        firmness.flat[:: len(priors) + 1] += 1 / priors
        slope = matrix.T @ pull - effects / priors
        # The precision is symmetric and positive definite: Cholesky takes half the work of a
        # general solution.
        factor, change, _ = lapack.dposv(firmness, slope)
        effects += np.clip(change, -_LONGEST_STEP, _LONGEST_STEP)
        # After the last step nobody reads the odds.
        if step + 1 < _VISITOR_STEPS:
            odds = offset + matrix @ effects.astype(np.float32)
    return codes, effects, firmness, factor


def _design(
    traits: Ints, distance: Floats, variances: Mapping[str, float]
) -> tuple[list[Ints], Singles, Floats]:
    """Codes of each trait, columns (rows, effects) and the variance of each effect."""
    found: list[Ints] = []
    columns = np.empty_like(traits)
    start = 1
    for trait, codes in enumerate(traits):
        column_of = np.bincount(codes)
        known = np.flatnonzero(column_of)
        column_of[known] = np.arange(start, start + len(known))
        columns[trait] = column_of[codes]
        found.append(known)
        start += len(known)
    matrix = np.zeros((len(distance), start + 1), np.float32)
    matrix[:, 0] = 1.0
    matrix[np.arange(len(matrix)), columns] = 1.0
    matrix[:, -1] = distance
    each = np.array([variances[kind] for kind in KINDS])
    return found, matrix, np.repeat(each, [1, *(len(one) for one in found), 1])


def home_rate(homes: float, days: Floats, appeal: Floats) -> float:
    """Homes a day of an animal of appeal 0; `days` waited, `appeal` (log-odds) are (animals,)."""
    waited = float(days @ np.exp(np.clip(appeal, -_MOST_APPEAL, _MOST_APPEAL)))
    return homes / waited if waited > 0 else 0.0


# A place on a page is scarce, and an animal that everybody wants finds a home without it: the value
# of a home is the waiting that it saves (a bid price; Talluri and van Ryzin 1998).
def bid_prices(rate: float, appeal: Floats) -> Floats:
    """Log of the share of `HORIZON` that a home now saves; 0 for all without a rate."""
    if rate <= 0:
        return np.zeros(len(appeal))
    hazard = rate * np.exp(np.clip(appeal, -_MOST_APPEAL, _MOST_APPEAL)) * HORIZON
    return np.asarray(np.log(-np.expm1(-hazard) / hazard))
