"""The verdict: a policy's value with its interval, or why the log cannot tell it."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.bootstrap import CONFIDENCE, Interval, intervals
from pawsonalize.evaluation.off_policy.choices import Choices, Predictions, effective_sample
from pawsonalize.evaluation.off_policy.estimators import (
    Values,
    doubly_robust,
    inverse_propensity,
    self_normalised,
    self_normalised_doubly_robust,
)

LEAST_SAMPLE = 100.0
"""An effective sample below it says more about a few lucky rows than about the policy."""
LEAST_ANSWERS = 30
_HEAVY = 0.1  # of all weight in a single row: more of such rows would not help
_BOOTSTRAPPED = 2_000  # with more answers means are normal, and resampling them takes memory


@dataclass(frozen=True, slots=True)
class InsufficientEvidence:
    """The log does not judge this policy: its numbers, and the next move in words."""

    effective_sample: float
    needed: float
    rows: int
    answers: int
    next_move: str


@dataclass(frozen=True, slots=True)
class OffPolicyValue:
    """The mean reward the policy would have had, by each estimator, with 95% bounds.

    `mean_weight` is 1 up to chance where the log covers the policy and the propensities are
    right; below it, the policy shows what the log never did.
    """

    estimates: dict[str, Interval]
    effective_sample: float
    mean_weight: float
    rows: int
    answers: int


def off_policy_value(
    choices: Choices, predictions: Predictions | None = None, *, seed: int = 0
) -> OffPolicyValue | InsufficientEvidence:
    """Estimate the target policy's value, or refuse to where the log is too thin for it.

    `snips`, `ips`, and with predictions `sndr` and `dr`. The seed draws bootstrap resamples,
    which serve for up to 2,000 answers; above, the intervals are normal.
    """
    answers, codes = np.unique(choices.answer, return_inverse=True)
    sample = effective_sample(choices)
    if sample < LEAST_SAMPLE or len(answers) < LEAST_ANSWERS:
        return InsufficientEvidence(
            sample, LEAST_SAMPLE, len(codes), len(answers), _next_move(choices, sample)
        )
    values = {"snips": self_normalised(choices), "ips": inverse_propensity(choices)}
    if predictions is not None:
        values["sndr"] = self_normalised_doubly_robust(choices, predictions)
        values["dr"] = doubly_robust(choices, predictions)
    return OffPolicyValue(
        {name: _interval(each, codes, len(answers), seed) for name, each in values.items()},
        sample,
        float(choices.weights.mean()),
        len(codes),
        len(answers),
    )


def _interval(values: Values, codes: NDArray[np.int64], n_answers: int, seed: int) -> Interval:
    """Of the mean over rows, with answers drawn whole."""
    mean = float(values.mean())
    # Each answer's sum of deviations, on the scale of the mean over rows.
    sums = np.bincount(codes, values - mean, n_answers)
    off = np.asarray(sums * (n_answers / len(values)), np.float64)
    if n_answers <= _BOOTSTRAPPED:
        (found,) = intervals(off[:, np.newaxis], seed)
        return Interval(mean, mean + found.low, mean + found.high)
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * float(off.std(ddof=1))
    reach /= math.sqrt(n_answers)
    return Interval(mean, mean - reach, mean + reach)


def _next_move(choices: Choices, sample: float) -> str:
    if sample == 0:
        return "this policy shows nothing of what was shown: explore more, then ask again"
    if choices.weights.max() > _HEAVY * choices.weights.sum():
        return (
            "a few rows that were shown with tiny probabilities decide everything: raise"
            " exploration_weight, or judge a policy closer to the one that served"
        )
    more = max(LEAST_SAMPLE / sample, LEAST_ANSWERS / len(np.unique(choices.answer)))
    return f"gather about {more:.1f} times as many answers, then ask again"
