"""Does a score mean what it says: of items scored 0.2, is one in five chosen?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs of about the same score: how many, their mean score, and how many came true."""

    pairs: int
    score: float
    frequency: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins by rising score, and the gap between score and frequency, a mean over all pairs."""

    bins: tuple[Bin, ...]
    expected_calibration_error: float


def calibration(
    scores: NDArray[np.float64], came_true: NDArray[np.bool_], n_bins: int = 10
) -> Calibration:
    """Compare scores with what happened; both of shape (pairs,).

    Bins hold about equally many pairs, equal scores in one bin. The error is that of Guo et
    al., "On Calibration of Modern Neural Networks" (ICML 2017), equation 3. No pairs, no error.
    """
    if len(scores) == 0:
        return Calibration((), 0.0)
    edges = np.quantile(scores, np.arange(1, n_bins) / n_bins, method="lower")
    number = np.searchsorted(np.unique(edges), scores, side="right")
    pairs = np.bincount(number)
    filled = np.flatnonzero(pairs)
    score = np.bincount(number, scores)[filled] / pairs[filled]
    frequency = np.bincount(number, came_true)[filled] / pairs[filled]
    error = float(pairs[filled] @ np.abs(score - frequency)) / len(scores)
    columns = (pairs[filled], score, frequency)
    return Calibration(tuple(map(Bin, *(column.tolist() for column in columns))), error)
