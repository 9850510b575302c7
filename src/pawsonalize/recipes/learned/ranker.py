"""Ordering candidates: a conditional logit, and boosted trees on top of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.samples import Samples
from pawsonalize.recipes.learned.trees import Trees, grow

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


_NEVER = -1e30  # a score, not minus infinity: times 0 it is 0
_WEIGHTS = (0.0, 0.5, 1.0)
_WORTH = 1.01  # times what the linear score reaches alone: trees cost time in every request


@dataclass(frozen=True, slots=True)
class Ranker:
    """Utility = heat * (linear + weight * trees), the trees being grown on what linear misses.

    The softmax of a request's utilities is the chance of each candidate, given that one is chosen.
    """

    names: tuple[str, ...]
    """The features it was trained on, in the order of their columns."""
    linear: Linear
    trees: Trees | None
    weight: float
    heat: float
    """Makes the chances fit held-out choices."""
    recall: float
    """Share of held-out choices that were candidates."""
    held_out: tuple[float, ...]
    """NDCG@10 of held-out choices with each weight; one outside the candidates counts 0."""

    @property
    def read(self) -> frozenset[str]:
        """The names of the features that count."""
        columns = set(self.linear.columns.tolist())
        if self.trees is not None:
            columns |= set(self.trees.forest.features.ravel().tolist())
        return frozenset(self.names[column] for column in columns)

    def utilities(self, x: Array) -> Array:
        """Utilities of features (N, F), shape (N,)."""
        total = self.linear.score(x)
        if self.trees is not None:
            total += self.weight * self.trees.predict(x)
        return self.heat * total

    def contributions(self, x: Array) -> Array:
        """Return the shares of the features in the utilities, (N, F + 1); last the constant."""
        parts = np.zeros((len(x), x.shape[1] + 1))
        if self.trees is not None:
            parts += self.weight * self.trees.contributions(x)
        parts[:, self.linear.columns] += self.linear.contributions(x)
        return self.heat * parts


def fit_ranker(
    train: Samples, held: Samples, names: tuple[str, ...], design: Design
) -> Ranker | None:
    """Fit on `train`, choose on `held`; None where the mixture alone orders `held` as well."""
    linear = fit_linear(train, names)
    trees = grow(train, held, linear.score, design)
    base = linear.score(held.x)
    more = np.zeros_like(base) if trees is None else trees.predict(held.x)
    base[~held.there] = _NEVER
    # A choice outside the candidates counts 0: a ranker must not look better because the candidates
    # miss the hard choices.
    recall = len(held.x) / held.requests
    found = [recall * ndcg_at_10(base + w * more, held.y) for w in _WEIGHTS]
    mixture = np.where(held.there, held.x[:, :, names.index("mixture")], _NEVER)
    best = int(np.argmax(found))
    if found[best] < _WORTH * found[0]:
        best = 0
    if found[best] <= recall * ndcg_at_10(mixture, held.y):
        return None
    weight = _WEIGHTS[best]
    heat = _fit_heat(base + weight * more, held.y)
    return Ranker(names, linear, trees if weight > 0 else None, weight, heat, recall, tuple(found))


def ndcg_at_10(score: Array, y: Array) -> float:
    """Mean NDCG@10 of single choices, ties at their expected rank."""
    # A tie gets its expected rank, so that a model with one score for all items gains nothing by
    # the order of the columns.
    own = score[y][:, None]
    rank = (score > own).sum(axis=1) + ((score == own).sum(axis=1) - 1) / 2.0
    return float(np.where(rank < 10, 1.0 / np.log2(rank + 2.0), 0.0).mean())


def _fit_heat(score: Array, y: Array) -> float:
    """The factor under which the softmax makes the choices likeliest."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to import, only trainings need it

    def loss(log_heat: float) -> float:
        # The log keeps the factor positive and the search even: halving it is as far as doubling
        # it.
        z = np.exp(log_heat) * score
        top = z.max(axis=1)
        total = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top
        return float((total - z[y]).mean())

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return float(np.exp(found.x))
