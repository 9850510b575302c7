"""Estimates of another policy's reward from a log whose places were given by chance."""

import math
from statistics import NormalDist

import msgspec
import numpy as np

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.evaluation.intervals import CONFIDENCE, Floats, Interval, Ints, intervals

# A smaller effective sample says more about a few lucky rows than about the policy.
LEAST_SAMPLE = 100.0
LEAST_ANSWERS = 30
_HEAVY = 0.1  # of all weight in a single row: more of such rows would not help
_DOUBT = 20.0  # rows with the mean reward that each item is thought to have had
_BOOTSTRAPPED = 2_000  # with more answers means are normal, and resampling them takes memory


# `reward` is what came of it; `logged` and `target` are the probabilities that the serving policy
# and that in question put the item there, given those before. Rows of one `answer` belong together.
class Choices(msgspec.Struct, frozen=True):
    """One row for each place of each answer, all columns (rows,), at least one row."""

    reward: Floats
    logged: Floats
    target: Floats
    answer: Ints
    # Codes of the item of the place, and of the one that a policy without chance puts there; None
    # for another policy, or where nobody knows.
    item: Ints | None = None
    wanted: Ints | None = None

    def __post_init__(self) -> None:
        columns = (self.reward, self.logged, self.target, self.answer)
        if not len(self.reward) or {column.shape for column in columns} != {self.reward.shape}:
            raise InvalidInput("logged choices are columns of one length, which is not 0")
        if not (np.isfinite(self.reward).all() and self.answer.min() >= 0):
            raise InvalidInput("rewards are finite numbers, and answers are numbered from 0")
        # Sums of probabilities may exceed 1 by their rounding.
        rounding = 1 + 1e-9
        if not ((self.logged > 0) & (self.logged <= rounding)).all():
            raise InvalidInput("what was shown had a probability above 0 and up to 1")
        if not ((self.target >= 0) & (self.target <= rounding)).all():
            raise InvalidInput("the target policy's probabilities are from 0 to 1")

    @property
    def weights(self) -> Floats:
        """Ratio of the policies' probabilities of what was shown, shape (rows,)."""
        return self.target / self.logged


def effective_sample(choices: Choices) -> float:
    """Number of rows of the target's own log that the weighted rows are worth: (Σ w)² / Σ w²."""
    # All rows where the policies agree, 1 where one weight outweighs the rest (Kish 1965).
    weights = choices.weights
    square = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / square if square > 0 else 0.0


def self_normalised(choices: Choices) -> Floats:
    """SNIPS = Σ w r / Σ w with w = target / logged: always within the rewards' range."""
    # The result is a value v + w (r - v) / mean w for every row, v being SNIPS: their mean is the
    # estimate, and how they vary is how far it can be trusted. NaN without any weight.
    # Swaminathan and Joachims, "The Self-Normalized Estimator for Counterfactual Learning" (2015).
    weights, gains = choices.weights, choices.reward
    total = float(weights.sum())
    if total == 0:
        return np.full(len(weights), np.nan)
    mean = float(weights @ gains) / total
    return mean + weights * (gains - mean) * (len(weights) / total)


def doubly_robust(choices: Choices, item: Ints, wanted: Ints) -> Floats:
    """DR = q(wanted) + w (r - q(item)), shape (rows,), with q a mean reward by item."""
    # Unbiased whatever q is (Dudík, Langford and Li, ICML 2011), as long as that of a row has not
    # seen its answer: it is of the answers in the other half, pulled towards the mean of these.
    even, size = choices.answer % 2 == 0, int(max(item.max(), wanted.max())) + 1
    corrected = np.zeros(len(item))
    for rows in (even, ~even):
        seen, gains = item[~rows], choices.reward[~rows]
        mean = float(gains.mean()) if len(gains) else 0.0
        sums, counts = np.bincount(seen, gains, size), np.bincount(seen, minlength=size)
        worth = (sums + _DOUBT * mean) / (counts + _DOUBT)
        off = choices.reward[rows] - worth[item[rows]]
        corrected[rows] = worth[wanted[rows]] + choices.weights[rows] * off
    return corrected


class OffPolicyValue(msgspec.Struct, frozen=True):
    """The mean reward that a policy would have had, with 95% bounds, and the data behind it.

    `estimate` is SNIPS; `ips` and `dr` are None where it is, and `dr` also without items.
    """

    estimate: Interval | None
    effective_sample: float
    rows: int
    answers: int
    refusal: str | None = None  # the next move, where the log is too thin for an estimate
    ips: Interval | None = None
    dr: Interval | None = None


def off_policy_value(choices: Choices, seed: int = 0) -> OffPolicyValue:
    """Estimate the target policy's value, or refuse to where the log is too thin for it."""
    answers, codes = np.unique(choices.answer, return_inverse=True)
    sample = effective_sample(choices)
    if sample < LEAST_SAMPLE or len(answers) < LEAST_ANSWERS:
        refusal = _next_move(choices, sample, len(answers))
        return OffPolicyValue(None, sample, len(codes), len(answers), refusal)
    estimate, ips = (
        _interval(values, codes, len(answers), seed)
        for values in (self_normalised(choices), choices.weights * choices.reward)
    )
    dr = None
    if choices.item is not None and choices.wanted is not None:
        values = doubly_robust(choices, choices.item, choices.wanted)
        dr = _interval(values, codes, len(answers), seed)
    return OffPolicyValue(estimate, sample, len(codes), len(answers), ips=ips, dr=dr)


def _interval(values: Floats, codes: Ints, n_answers: int, seed: int) -> Interval:
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


def _next_move(choices: Choices, sample: float, answers: int) -> str:
    if sample == 0:
        return "this policy shows nothing of what was shown: explore more, then ask again"
    if choices.weights.max() > _HEAVY * choices.weights.sum():
        return (
            "a few rows that were shown with tiny probabilities decide everything: raise"
            " exploration_weight, or judge a policy closer to the one that served"
        )
    more = max(LEAST_SAMPLE / sample, LEAST_ANSWERS / answers)
    return f"gather about {more:.1f} times as many answers, then ask again"
