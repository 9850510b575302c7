"""How far a mean would move with other users: percentile bootstrap over users.

Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 16. Users are
drawn whole, since one user's values belong together. With few users (under about 30) the
intervals are too narrow; with one they are a point.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
CONFIDENCE = 0.95


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


def resampled_means(
    values: NDArray[np.float64], seed: int, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Means over users drawn with replacement; `values` is (users, metrics), at least one user.

    Shape (resamples, metrics). The same seed draws the same users.
    """
    dice = np.random.default_rng(seed)
    users = len(values)
    return np.stack(
        [values[dice.integers(users, size=users)].mean(axis=0) for _ in range(resamples)]
    )


def intervals(values: NDArray[np.float64], seed: int) -> tuple[Interval, ...]:
    """The interval of each metric; `values` is (users, metrics), at least one user."""
    low, high = _bounds(resampled_means(values, seed))
    return tuple(map(Interval, values.mean(axis=0).tolist(), low.tolist(), high.tolist()))


def paired_differences(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int
) -> tuple[Difference, ...]:
    """The difference of each metric, user by user; both (users, metrics), the same users.

    Pairing takes out what makes some users easy for every ranker, so it sees differences that
    two overlapping intervals hide.
    """
    per_user = ours - theirs
    means = resampled_means(per_user, seed)
    low, high = _bounds(means)
    better = (means > 0).mean(axis=0) + (means == 0).mean(axis=0) / 2
    columns = (per_user.mean(axis=0), low, high, better)
    return tuple(map(Difference, *(column.tolist() for column in columns)))


def _bounds(means: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (outside, 1 - outside), axis=0)
    return low, high
