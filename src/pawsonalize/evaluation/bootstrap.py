"""Intervals of means by the percentile bootstrap over users.

Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 16. Users are
drawn whole, since one user's values belong together. With few users (under about 30) the
intervals are too narrow; with one they are a point.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 1_000
CONFIDENCE = 0.95
SWAPS = 4_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over users and the bounds that hold `CONFIDENCE` of its bootstrap means."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of one ranker less another's on the same users, with its bounds.

    `better` is the share of bootstrap means above 0, half of those at 0 among them.
    """

    mean: float
    low: float
    high: float
    better: float


def resampled_means(values: Floats, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Means over users drawn with replacement; `values` is (users, metrics), at least one user.

    Shape (resamples, metrics). The same seed draws the same users.
    """
    users = len(values)
    drawn = np.random.default_rng(seed).integers(users, size=(resamples, users))
    # How often each resample holds each user, counted for all resamples at once.
    places = (drawn + np.arange(resamples)[:, np.newaxis] * users).ravel()
    times = np.bincount(places, minlength=resamples * users).reshape(resamples, users)
    return np.asarray(times.astype(np.float64) @ values / users, np.float64)


def intervals(values: Floats, seed: int) -> tuple[Interval, ...]:
    """The interval of each metric; `values` is (users, metrics), at least one user."""
    low, high = _bounds(resampled_means(values, seed))
    return tuple(map(Interval, values.mean(axis=0).tolist(), low.tolist(), high.tolist()))


def paired_differences(ours: Floats, theirs: Floats, seed: int) -> tuple[Difference, ...]:
    """The difference of each metric, user by user; both (users, metrics), the same users.

    Pairing sees differences that two overlapping intervals hide.
    """
    per_user = ours - theirs
    means = resampled_means(per_user, seed)
    low, high = _bounds(means)
    # Half of the ties, so that a model compared with itself is better with probability one half.
    better = (means > 0).mean(axis=0) + (means == 0).mean(axis=0) / 2
    columns = (per_user.mean(axis=0), low, high, better)
    return tuple(map(Difference, *(column.tolist() for column in columns)))


def _bounds(means: Floats) -> tuple[Floats, Floats]:
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (outside, 1 - outside), axis=0)
    return low, high


def chance_of_lead(ours: Floats, theirs: Floats, seed: int) -> float:
    """Probability of as large a lead if a coin decides for each user which ranker is which."""
    differences = ours - theirs
    # A user with equal values keeps the sum whatever the coin shows, so leaving them out is exact
    # and saves work.
    differences = differences[differences != 0]
    coins = np.random.default_rng(seed).integers(2, size=(SWAPS, len(differences)), dtype=np.int8)
    leads = 2 * (coins.astype(np.float64) @ differences) - differences.sum()
    slack = 1e-12 * np.abs(differences).sum()  # the same lead may round differently
    as_large = np.count_nonzero(leads >= differences.sum() - slack)
    # Plus 1 for the observed arrangement, which is one of those possible: without it a test by
    # chance could claim probability 0 (Phipson and Smyth 2010).
    return float((as_large + 1) / (SWAPS + 1))
