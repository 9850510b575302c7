"""Ordering candidates: boosted trees and a conditional logit, mixed on held-out users."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.linear import Linear, fit_linear
from pawsonalize.recipes.learned.samples import Samples

Array = NDArray[Any]
_FEWEST_TREES = 5
_MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Ranker:
    """Utility = heat * ((1 - mix) * trees + mix * linear).

    The softmax of a request's utilities is the chance of each candidate, given that one is chosen:
    `heat` makes it fit held-out choices. `recall` is how often a held-out choice was a candidate,
    `held_out` the NDCG@10 of each mix there, a choice outside the candidates counting 0.
    """

    linear: Linear
    trees: lgb.Booster
    mix: float
    heat: float
    recall: float
    held_out: tuple[float, ...]

    def utilities(self, x: Array) -> Array:
        """Utilities of features (N, F), shape (N,)."""
        total = np.zeros(len(x))
        if self.mix < 1.0:
            total += (1.0 - self.mix) * _predict(self.trees, x, 1)
        if self.mix > 0.0:
            total += self.mix * self.linear.score(x)
        return self.heat * total

    def contributions(self, x: Array) -> Array:
        """What each feature adds to the utilities, shape (N, F + 1); the last is the constant."""
        parts = (1.0 - self.mix) * np.asarray(self.trees.predict(x, pred_contrib=True))
        parts[:, self.linear.columns] += self.mix * self.linear.contributions(x)
        return self.heat * parts


def fit_ranker(train: Samples, held: Samples, names: tuple[str, ...], design: Design) -> Ranker:
    """Fit both on `train`; choose the mix and the heat on `held`."""
    linear = fit_linear(train, names)
    trees = _fit_trees(train, held, design)
    a, b = _predict(trees, held.x, design.threads), linear.score(held.x)
    recall = len(held.x) / held.asked
    scores = [recall * ndcg_at_10((1 - m) * a + m * b, held.y) for m in _MIXES]
    # Where held-out choices are easy, few trees order them and leave all rarer requests as ties.
    few = trees.num_trees() < _FEWEST_TREES
    mix = 1.0 if few else _MIXES[int(np.argmax(scores))]
    heat = _fit_heat((1 - mix) * a + mix * b, held.y)
    return Ranker(linear, trees, mix, heat, recall, tuple(scores))


def ndcg_at_10(score: Array, y: Array) -> float:
    """Mean NDCG@10 of single choices, ties at their expected rank."""
    own = score[y][:, None]
    rank = (score > own).sum(axis=1) + ((score == own).sum(axis=1) - 1) / 2.0
    return float(np.where(rank < 10, 1.0 / np.log2(rank + 2.0), 0.0).mean())


def _fit_heat(score: Array, y: Array) -> float:
    """The factor under which the softmax makes the choices likeliest."""

    def loss(log_heat: float) -> float:
        z = np.exp(log_heat) * score
        top = z.max(axis=1)
        total = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top
        return float((total - z[y]).mean())

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return float(np.exp(found.x))


def _fit_trees(train: Samples, held: Samples, design: Design) -> lgb.Booster:
    params = {
        "objective": "rank_xendcg",
        "learning_rate": design.learning_rate,
        "num_leaves": design.leaves,
        "max_bin": design.bins,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.5,
        "lambda_l2": 5.0,
        "metric": "ndcg",
        "eval_at": [held.y.shape[1]],  # the whole list: steadier than the first ten
        "num_threads": design.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "seed": design.seed,
    }
    data = _dataset(train, params, None)
    stop = lgb.early_stopping(design.patience, verbose=False)
    booster = lgb.train(
        params, data, design.trees, valid_sets=[_dataset(held, params, data)], callbacks=[stop]
    )
    # What is served is what is stored: the model as text, up to its best round.
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))


def _dataset(d: Samples, params: dict[str, Any], reference: lgb.Dataset | None) -> lgb.Dataset:
    groups, flat = np.full(len(d.x), d.x.shape[1]), d.x.reshape(-1, d.x.shape[2])
    label = d.y.ravel().astype(np.int32)
    return lgb.Dataset(flat, label, group=groups, params=params, reference=reference)


def _predict(trees: lgb.Booster, x: Array, threads: int) -> Array:
    flat = x.reshape(-1, x.shape[-1])
    return np.asarray(trees.predict(flat, num_threads=threads)).reshape(x.shape[:-1])
