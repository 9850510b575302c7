"""How surely items rise: visitors now against visitors just before, doubted where they are few."""

import numpy as np
from numpy.typing import NDArray

_STANDSTILL = 20.0  # visitors imagined in both windows when the growth of the rest is estimated


def rise(
    current: NDArray[np.int32],
    before: NDArray[np.int32],
    *,
    min_support: float,
    smoothing: float,
    doubt: float,
) -> NDArray[np.float64]:
    """Log ratio of visitors less `doubt` standard errors, 0 where it is below, shape (items,).

    An item rises where it has `min_support` visitors, more than before, and outgrew the rest of
    the catalogue: when everything grows, nothing is trending. The standard error is that of the
    logarithm of a ratio of two Poisson counts.
    """
    scores = np.zeros(len(current))
    rising = np.flatnonzero((current >= min_support) & (current > before))
    now, then = current[rising].astype(np.float64), before[rising].astype(np.float64)
    rest_now = float(current.sum(dtype=np.int64)) - now + _STANDSTILL
    rest_then = float(before.sum(dtype=np.int64)) - then + _STANDSTILL
    expected = then * np.maximum(rest_now / rest_then, 1.0)
    ratio = np.log((now + smoothing) / (expected + smoothing))
    error = np.sqrt(1 / (now + smoothing) + 1 / (then + smoothing))
    scores[rising] = np.maximum(ratio - doubt * error, 0.0)
    return scores
