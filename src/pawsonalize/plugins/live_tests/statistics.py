"""Verdicts of live tests that stay true however often they are read.

A usual test holds for one look at a size that was fixed before; read daily, it calls a third of
all tests of a thing against itself. Confidence sequences cover the truth at *all* moments together
with probability 1 - alpha, so a test may be read after every visitor and stopped at any time.
Shares have an exact one, from a mixture of likelihood ratios (Robbins 1970; Howard et al. 2021).
Means have the asymptotic one (Waudby-Smith et al. 2024). A verdict is final at its first
appearance: an interval is not kept from one look to the next, and may widen again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

LONGEST = 1_000.0
"""Days beyond which nobody is told how long a test takes."""
VISITORS, CELLS = 5_000, 100
"""Units at which the interval of a difference is narrowest: of an A/B test, of a switchback."""
FEWEST = 20
"""Units of an arm below which its variance says too little."""

_PRIOR = 20.0  # Beta(20, 20): nine of ten preferences are from .37 to .63
_RATIO_PRIOR = 200.0  # arms are hardly ever far from halves, even if something is off
_RATIO_ALPHA = 0.001
_EDGE = 1e-12  # a share of 0 or 1 has no logarithm
_STEPS = 60  # of a bisection: beyond them floats do not change
_Number = TypeVar("_Number", float, NDArray[np.float64])


class Verdict(StrEnum):
    """What a live test says of arm 1 beside arm 0."""

    BETTER = "better"
    WORSE = "worse"
    EQUAL_ENOUGH = "equal-enough"
    NOT_KNOWN = "not-known"


@dataclass(frozen=True)
class Reading:
    """A verdict with its interval, which covers the truth at all looks together."""

    verdict: Verdict
    estimate: float
    low: float
    """Minus infinity until there is enough to say anything."""
    high: float
    """Infinity until there is enough to say anything."""
    days_left: float | None
    """Days until a verdict if all goes on as it did, 0 with one; None beyond `LONGEST` days."""


@dataclass(frozen=True)
class Moments:
    """Units of an arm, the sum of their outcomes and the sum of the outcomes' squares."""

    units: int
    total: float
    squares: float


def read_preferences(
    wins: float, losses: float, *, alpha: float = 0.05, margin: float, decisive_per_day: float
) -> Reading:
    """Read an interleaving; a visitor is a win or a loss of arm 1, or, as a tie, not counted.

    The estimate is the share of decisive visitors who prefer arm 1. It is better if the interval
    lies above .5, worse if below, else equal enough if within .5 ± `margin`.
    """
    prefers = (_PRIOR + wins) / (2 * _PRIOR + wins + losses)  # a few visitors do not count for all

    def read(days: float) -> tuple[float, float]:
        more = days * decisive_per_day
        return _share_interval(wins + more * prefers, losses + more * (1 - prefers), alpha)

    estimate = wins / (wins + losses) if wins + losses else 0.5
    return _reading(estimate, 0.5, margin, read, is_going_on=decisive_per_day > 0)


def read_difference(
    first: Moments,
    second: Moments,
    *,
    alpha: float = 0.05,
    margin: float,
    days: float,
    tuned_for: float = VISITORS,
) -> Reading:
    """Read the mean outcome of arm 1 less that of arm 0, where more is better.

    An outcome is what a unit brought: 0 or 1 of a visitor, adoptions of a shelter's day. Of what
    should be low, such as days to adoption, take the negative. `days` is how long the test has run;
    `tuned_for`, fixed at its start, are the units at which the interval is to be narrowest.
    """
    units = first.units + second.units
    if min(first.units, second.units) < FEWEST:
        estimate, variance = 0.0, 0.0
    else:
        estimate = second.total / second.units - first.total / first.units
        variance = sum(_variance(arm) / arm.units for arm in (first, second))

    def read(more: float) -> tuple[float, float]:
        if variance <= 0:  # nothing happened yet, which is no proof that nothing will
            return -math.inf, math.inf
        growth = 1 + more / days if days > 0 else 1.0
        radius = float(difference_radius(variance / growth, units * growth, alpha, tuned_for))
        return estimate - radius, estimate + radius

    return _reading(estimate, 0.0, margin, read, is_going_on=days > 0 and variance > 0)


def difference_radius(
    variance: _Number, units: _Number, alpha: float = 0.05, tuned_for: float = VISITORS
) -> _Number:
    """Return half the width of the interval of a difference of means.

    `variance` is that of the difference itself, and falls with the `units` of both arms together.
    """
    # Robbins' normal mixture; this precision makes it about narrowest at `tuned_for`.
    precision = tuned_for / (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha)))
    grown = (units + precision) / precision
    radius: _Number = np.sqrt(variance * grown * precision / units * np.log(grown / alpha**2))
    return radius


def sample_ratio_is_off(first: int, second: int) -> bool:
    """True if the units of the arms are no halves; one sound test in 1,000 is ever called so."""
    return _log_evidence(first, second, 0.5, _RATIO_PRIOR) >= -math.log(_RATIO_ALPHA)


def fails_more(failed: tuple[int, int], asked: tuple[int, int], alpha: float = 0.05) -> bool:
    """True if arm 1 fails more often than arm 0, at all looks together; `asked` has all tries."""
    if failed[1] * asked[0] <= failed[0] * asked[1]:
        return False
    share = min(asked[1] / max(sum(asked), 1), 1 - _EDGE)  # of the failures, if both fail alike
    return _log_evidence(failed[1], failed[0], share, 1.0) >= -math.log(alpha)


def first_day(is_decided: Callable[[float], bool]) -> float | None:
    """Return the days until something is decided, to a tenth; None beyond `LONGEST`."""
    if is_decided(0.0):
        return 0.0
    late = 1.0
    while not is_decided(late):
        late *= 2
        if late > 2 * LONGEST:
            return None
    early = 0.0 if late == 1 else late / 2
    while late - early > 0.05:
        middle = (early + late) / 2
        early, late = (early, middle) if is_decided(middle) else (middle, late)
    return round(late, 1) if late <= LONGEST else None


def judge(low: float, high: float, even: float, margin: float) -> Verdict:
    """Return what an interval says; `even` is where neither arm is better."""
    if low > even:
        return Verdict.BETTER
    if high < even:
        return Verdict.WORSE
    is_within = even - margin <= low and high <= even + margin
    return Verdict.EQUAL_ENOUGH if is_within else Verdict.NOT_KNOWN


def _reading(
    estimate: float,
    even: float,
    margin: float,
    read: Callable[[float], tuple[float, float]],
    *,
    is_going_on: bool,
) -> Reading:
    low, high = read(0.0)
    verdict = judge(low, high, even, margin)
    left = None if verdict is Verdict.NOT_KNOWN else 0.0
    if left is None and is_going_on:
        left = first_day(lambda days: judge(*read(days), even, margin) is not Verdict.NOT_KNOWN)
    return Reading(verdict, estimate, low, high, left)


def _variance(arm: Moments) -> float:
    return max(arm.squares - arm.total**2 / arm.units, 0.0) / (arm.units - 1)


def _share_interval(wins: float, losses: float, alpha: float) -> tuple[float, float]:
    """Return the lowest and the highest share that the evidence does not speak against."""

    def is_rejected(share: float) -> bool:
        return _log_evidence(wins, losses, share, _PRIOR) >= -math.log(alpha)

    likeliest = wins / (wins + losses) if wins + losses else 0.5

    def bound(outer: float) -> float:
        inner = likeliest
        for _ in range(_STEPS):
            middle = (inner + outer) / 2
            inner, outer = (inner, middle) if is_rejected(middle) else (middle, outer)
        return outer

    return bound(_EDGE) if wins else 0.0, bound(1 - _EDGE) if losses else 1.0


def _log_evidence(wins: float, losses: float, share: float, prior: float) -> float:
    """Return the log of the e-process against a share strictly between 0 and 1.

    It is the likelihood under Beta(prior, prior) over that under the share. Where the share is
    true, the chance that it ever reaches 1 / alpha is alpha at most (Ville 1939).
    """
    mixture = _log_beta(prior + wins, prior + losses) - _log_beta(prior, prior)
    return mixture - wins * math.log(share) - losses * math.log1p(-share)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
