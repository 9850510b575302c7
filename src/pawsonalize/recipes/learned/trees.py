"""Boosted trees on top of a linear score: LightGBM, imported only when there are trees.

LightGBM needs the system's libgomp1. Where it does not load nothing is boosted, and the linear
score stands alone.
"""

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.recipes.learned.design import Design
from pawsonalize.recipes.learned.samples import Samples

Array = NDArray[Any]
_CHUNK = 512  # rows whose comparisons fit the cache
_WORDS = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}  # by the bits they have


@dataclass(frozen=True, slots=True)
class Forest:
    """T trees of up to S splits each, filled up with splits that send every row left."""

    features: Array
    """The feature each split reads, shape (S, T)."""
    bounds: Array
    """A row goes right if it is above, shape (S, T, 1) float32."""
    ruled_out: Array
    """The leaves that are then out of the question, shape (S, T, 1)."""
    leaves: Array
    """Values of the leaves, tree by tree."""
    first: Array
    """First leaf of each tree, shape (T, 1)."""

    @classmethod
    def of(cls, dumped: Mapping[str, Any]) -> "Forest":
        """From what LightGBM's `dump_model` says; CorruptArtefact for what it cannot hold."""
        roots = [tree["tree_structure"] for tree in dumped["tree_info"]]
        worth = [[float(leaf["leaf_value"]) for leaf in _leaves(root)] for root in roots]
        sizes = np.array([len(values) for values in worth], np.int64)
        most = int(sizes.max(initial=1))
        word = next((kind for bits, kind in _WORDS.items() if most <= bits), None)
        if word is None:
            raise CorruptArtefact(f"a tree of the artefact has {most} leaves; 64 are possible")
        shape = (most - 1, len(roots))
        features = np.zeros(shape, np.int64)
        bounds, ruled_out = np.full(shape, np.inf, np.float32), np.zeros(shape, word)
        for tree, root in enumerate(roots):
            for k, (node, leaf, left) in enumerate(_splits(root, 0)):
                if node["decision_type"] != "<=":
                    raise CorruptArtefact("the trees of the artefact do not split by size")
                features[k, tree] = node["split_feature"]
                bounds[k, tree] = _rounded_down(node["threshold"])
                ruled_out[k, tree] = ((1 << left) - 1) << leaf
        return cls(
            features,
            bounds[:, :, None],
            ruled_out[:, :, None],
            np.concatenate([np.zeros(0), *worth]),
            (np.cumsum(sizes) - sizes)[:, None],
        )

    def predict(self, x: Array) -> Array:
        """The trees' sum for features (N, F) float32, shape (N,): bit for bit LightGBM's."""
        parts = [self._sums(x[k : k + _CHUNK]) for k in range(0, len(x), _CHUNK)]
        return np.concatenate([np.zeros(0), *parts])

    def _sums(self, x: Array) -> Array:
        # Of places that are known to be right `clip` takes fastest.
        read = np.ascontiguousarray(x.T).take(self.features, axis=0, mode="clip")
        out = np.bitwise_or.reduce((read > self.bounds) * self.ruled_out, axis=0)
        leaf = np.bitwise_count((~out & (out + 1)) - 1)  # how many bits below the lowest 0
        return np.asarray(self.leaves.take(self.first + leaf, mode="clip").sum(axis=0))


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """From left to right."""
    if "split_feature" not in node:
        yield node
        return
    yield from _leaves(node["left_child"])
    yield from _leaves(node["right_child"])


def _splits(node: Mapping[str, Any], first: int) -> Iterator[tuple[Mapping[str, Any], int, int]]:
    """Splits with the first leaf below each, and how many leaves its left side has."""
    if "split_feature" not in node:
        return
    left = sum(1 for _ in _leaves(node["left_child"]))
    yield node, first, left
    yield from _splits(node["left_child"], first)
    yield from _splits(node["right_child"], first + left)


def _rounded_down(bound: float) -> Array:
    """The largest float32 that is no larger: what is above one is above the other."""
    near = np.float32(bound)
    return np.asarray(near if float(near) <= bound else np.nextafter(near, np.float32(-np.inf)))


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


def grow(
    train: Samples, held: Samples, score: Callable[[Array], Array], design: Design
) -> Trees | None:
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
            init_score=score(x),
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
