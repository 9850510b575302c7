"""A conditional logit: the chosen candidate against the others of its request."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.samples import Samples

Array = NDArray[Any]
_RIDGE = 1.0
_STEPS = 60
_MOST = 8_000


@dataclass(frozen=True)
class Linear:
    """Score = sum of weight * (feature - mean) / spread over the feature `columns` (K,)."""

    columns: Array
    mean: Array
    spread: Array
    weights: Array

    def contributions(self, x: Array) -> Array:
        """Return the share of each of the K columns in the score, shape (…, K)."""
        return np.asarray((x[..., self.columns] - self.mean) / self.spread * self.weights)

    @cached_property
    def _slope(self) -> Array:
        """The weight of each feature up to the last that is used."""
        slope = np.zeros(int(self.columns.max(initial=-1)) + 1)
        slope[self.columns] = self.weights / self.spread
        return slope.astype(np.float32)

    @cached_property
    def _base(self) -> float:
        return float(self.mean @ (self.weights / self.spread))

    def score(self, x: Array) -> Array:
        """Scores of features (…, F), shape (…): the contributions' sums, in one product."""
        return (x[..., : len(self._slope)] @ self._slope).astype(np.float64) - self._base


def fit_linear(samples: Samples, names: tuple[str, ...]) -> Linear:
    """Fit on the features that have one scale in every request; some thousand requests do."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to import, only trainings need it

    columns = np.array([k for k, name in enumerate(names) if _used(name)], np.int64)
    y, there = samples.y[:_MOST], samples.there[:_MOST]
    z = samples.x[:_MOST, :, columns]
    real = z[there]
    mean = real.mean(axis=0, dtype=np.float64)
    spread = np.maximum(real.std(axis=0, dtype=np.float64), 1e-6)
    z = ((z - mean.astype(np.float32)) / spread.astype(np.float32)).reshape(-1, len(columns))
    chosen = z[y.ravel()].sum(axis=0, dtype=np.float64)

    def loss(w: Array) -> tuple[float, Array]:
        score = np.where(there, (z @ w.astype(np.float32)).reshape(y.shape), -np.inf)
        top = score.max(axis=1, keepdims=True)
        share = np.exp(score - top)
        total = share.sum(axis=1, keepdims=True)
        value = np.sum(np.log(total) + top, dtype=np.float64) - np.sum(score[y], dtype=np.float64)
        slope = (share / total).ravel() @ z - chosen
        return float(value + _RIDGE * w @ w), slope + 2 * _RIDGE * w

    start = np.zeros(len(columns))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return Linear(columns, mean, spread, np.asarray(found.x, np.float64))


def _used(name: str) -> bool:
    return name.endswith(("_scaled", "_lift", "_gap", "_log")) or name.startswith("like_")
