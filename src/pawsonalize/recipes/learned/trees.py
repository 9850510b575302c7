"""Boosted trees on top of a linear score: LightGBM, imported only when there are trees.

LightGBM needs the system's libgomp1. Where it does not load nothing is boosted, and the linear
score stands alone.
"""

import importlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.forest import Forest
from pawsonalize.recipes.learned.linear import Linear
from pawsonalize.recipes.learned.samples import Samples

Array = NDArray[Any]
_END = "pandas_categorical:null"  # the last line of a model's text


@dataclass(frozen=True, slots=True)
class Trees:
    """A LightGBM booster with its text, which is what is stored, and the same as a table."""

    text: str
    booster: Any
    forest: Forest

    @classmethod
    def of_text(cls, text: str) -> "Trees":
        """Rebuild; CorruptArtefact for a text that is not whole, or without LightGBM."""
        try:
            lgb = _lightgbm()
        except OSError as error:
            raise CorruptArtefact(
                f"the model has trees, and LightGBM does not load ({error}): install libgomp1"
            ) from error
        # A text that was cut is not always noticed by LightGBM itself.
        if not text.rstrip().endswith(_END):
            raise CorruptArtefact("the trees of the artefact are not whole")
        try:
            booster = lgb.Booster(model_str=text)
        except lgb.basic.LightGBMError as error:
            raise CorruptArtefact(f"the trees of the artefact do not fit: {error}") from error
        return cls(text, booster, Forest.of(booster.dump_model()))

    @property
    def count(self) -> int:
        """Number of trees."""
        return int(self.booster.num_trees())

    @property
    def n_features(self) -> int:
        """Number of features that the trees were grown on."""
        return int(self.booster.num_feature())

    def predict(self, x: Array) -> Array:
        """Return the sum of the trees for features (…, F), shape (…)."""
        return self.forest.predict(x.reshape(-1, x.shape[-1])).reshape(x.shape[:-1])

    def contributions(self, x: Array) -> Array:
        """Return each feature's share for (N, F), shape (N, F + 1); last the constant."""
        return np.asarray(self.booster.predict(x, pred_contrib=True))


def grow(train: Samples, held: Samples, linear: Linear, design: Design) -> Trees | None:
    """Fit what the linear score misses, as far as that helps `held`; None without LightGBM."""
    try:
        lgb = _lightgbm()
    except OSError:
        return None
    params = {
        # It moves choices that are near the top. A likelihood, as rank_xendcg's, heeds the hopeless
        # ones most, and stops at a few trees.
        "objective": "lambdarank",
        "lambdarank_truncation_level": design.top,
        "learning_rate": design.learning_rate,
        "num_leaves": design.leaves,
        "max_bin": design.bins,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.5,
        "lambda_l2": 5.0,
        "metric": "ndcg",
        "eval_at": [held.y.shape[1]],  # the whole list: steadier than the first ten
        "num_threads": design.threads,
        # The same trees on each run, whatever the number of threads; LightGBM asks to fix the order
        # of rows or columns for that.
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "seed": design.seed,
    }

    def dataset(d: Samples, reference: Any = None) -> Any:
        x = d.x[d.there]
        return lgb.Dataset(
            x,
            d.y[d.there].astype(np.int32),
            group=d.there.sum(axis=1),
            init_score=linear.score(x),
            params=params,
            reference=reference,
        )

    data = dataset(train)
    stop = lgb.early_stopping(design.patience, verbose=False)
    booster = lgb.train(
        params, data, design.trees, valid_sets=[dataset(held, data)], callbacks=[stop]
    )
    return Trees.of_text(booster.model_to_string(num_iteration=booster.best_iteration))


def _lightgbm() -> Any:
    # Threads of OpenMP spin while they wait for each other, unless told before it is loaded; on a
    # busy machine that made a training three times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return importlib.import_module("lightgbm")
