"""The learned order: a linear score and trees, fitted, asked, explained and stored."""

import importlib
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes import artefact
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import EventCounts
from pawsonalize.models.recipes.data import Array, Arrays, TrainingData
from pawsonalize.models.recipes.ease import SignedRows
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.features import Wanted, describe, feature_names, propose
from pawsonalize.models.recipes.learned.samples import Samples, draw, ndcg_at_10
from pawsonalize.models.recipes.learned.signals import Request, Signals, of_context, signals
from pawsonalize.models.recipes.learned.similarity import Likeness, build_likeness, likeness_of
from pawsonalize.models.recipes.learned.tables import (
    Factors,
    StepCounts,
    Tables,
    Trend,
    count,
    derive,
    fit_ease,
    slice_edges,
)
from pawsonalize.models.recipes.mixture import Mixture, MixtureCounts, MixtureSettings

_CHUNK = 512  # rows whose comparisons fit the cache
_WORDS = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}  # by the bits they have
_END = "pandas_categorical:null"  # the last line of a model's text
_RIDGE = 1.0
_STEPS = 60
_MOST = 8_000
_NEVER = -1e30  # a score, not minus infinity: times 0 it is 0
_WEIGHTS = (0.0, 0.5, 1.0)
_WORTH = 1.01  # times what the linear score reaches alone: trees cost time in every request


# All splits of all trees are compared at once. Bit k of a tree's word is its leaf k, from the left;
# a split that sends a row right rules out leaves on its left, and the first one left is the row's
# (QuickScorer: Lucchese et al., SIGIR 2015). For the few rows of a request it beats LightGBM.
class Forest(msgspec.Struct, frozen=True):
    """T trees of up to S splits each, filled up with splits that send every row left."""

    features: Array
    bounds: Array  # a row goes right if it is above, shape (S, T, 1) float32
    ruled_out: Array  # the leaves that are then out of the question, shape (S, T, 1)
    leaves: Array
    first: Array

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
        # `concatenate` refuses an empty list, and there may be no row.
        return np.concatenate([np.zeros(0), *parts])

    def _sums(self, x: Array) -> Array:
        # Of places that are known to be right `clip` takes fastest.
        read = np.ascontiguousarray(x.T).take(self.features, axis=0, mode="clip")
        out = np.bitwise_or.reduce((read > self.bounds) * self.ruled_out, axis=0)
        leaf = np.bitwise_count((~out & (out + 1)) - 1)  # how many bits below the lowest 0
        return np.asarray(self.leaves.take(self.first + leaf, mode="clip").sum(axis=0))


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "split_feature" not in node:
        yield node
        return
    yield from _leaves(node["left_child"])
    yield from _leaves(node["right_child"])


def _splits(node: Mapping[str, Any], first: int) -> Iterator[tuple[Mapping[str, Any], int, int]]:
    if "split_feature" not in node:
        return
    left = sum(1 for _ in _leaves(node["left_child"]))
    yield node, first, left
    yield from _splits(node["left_child"], first)
    yield from _splits(node["right_child"], first + left)


def _rounded_down(bound: float) -> Array:
    # Features are float32 and thresholds float64: rounded down, x <= bound keeps its answer.
    near = np.float32(bound)
    return np.asarray(near if float(near) <= bound else np.nextafter(near, np.float32(-np.inf)))


class Trees(msgspec.Struct, frozen=True):
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
        # The same trees on each run, whatever the number of threads.
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "seed": design.seed,
    }

    def dataset(d: Samples, reference: object = None) -> object:
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
    # It needs the system's libgomp1: where that is missing the linear score stands alone.
    # Threads of OpenMP spin while they wait for each other, unless told before it is loaded; on a
    # busy machine that made a training three times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return importlib.import_module("lightgbm")


class Linear(msgspec.Struct, frozen=True, dict=True):
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
        # One product up to the last used column is faster than to pick the used ones.
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
    """Fit on the features that have one scale in every request."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to import, only trainings need it

    ends = ("_scaled", "_lift", "_gap", "_log")
    used = [name.endswith(ends) or name.startswith("like_") for name in names]
    columns = np.flatnonzero(used)
    # Some thousand requests say enough of so few weights.
    y, there = samples.y[:_MOST], samples.there[:_MOST]
    z = samples.x[:_MOST, :, columns]
    real = z[there]
    mean = real.mean(axis=0, dtype=np.float64)
    spread = np.maximum(real.std(axis=0, dtype=np.float64), 1e-6)
    z = ((z - mean.astype(np.float32)) / spread.astype(np.float32)).reshape(-1, len(columns))
    chosen = z[y.ravel()].sum(axis=0, dtype=np.float64)

    def loss(w: Array) -> tuple[float, Array]:
        score = np.where(there, (z @ w.astype(np.float32)).reshape(y.shape), -np.inf)
        # Less the greatest of a request, so that no exponent overflows.
        top = score.max(axis=1, keepdims=True)
        share = np.exp(score - top)
        total = share.sum(axis=1, keepdims=True)
        value = np.sum(np.log(total) + top, dtype=np.float64) - np.sum(score[y], dtype=np.float64)
        slope = (share / total).ravel() @ z - chosen
        return float(value + _RIDGE * w @ w), slope + 2 * _RIDGE * w

    start = np.zeros(len(columns))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return Linear(columns, mean, spread, np.asarray(found.x, np.float64))


class Ranker(msgspec.Struct, frozen=True):
    """Utility = heat * (linear + weight * trees); its softmax is the chance of each candidate."""

    names: tuple[str, ...]
    linear: Linear
    trees: Trees | None
    weight: float
    heat: float  # makes the chances fit held-out choices
    recall: float  # share of held-out choices that were candidates
    # NDCG@10 of held-out choices with each weight; one outside the candidates counts 0.
    held_out: tuple[float, ...]

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
    # A choice outside the candidates counts 0: to miss the hard ones must not look better.
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


def _fit_heat(score: Array, y: Array) -> float:
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to import, only trainings need it

    def loss(log_heat: float) -> float:
        # The log keeps the factor positive, and halving it is as far as doubling it.
        z = np.exp(log_heat) * score
        top = z.max(axis=1)
        total = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top
        return float((total - z[y]).mean())

    # Factors from 1 / 20 to 20.
    found = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return float(np.exp(found.x))


_PRE = "learned."
_NUMBERS = ("weight", "heat", "recall")
_FORMS = re.compile("_(scaled|rank|lift|log|gap|count)$")
_ATTRIBUTES = ("species", "breed", "size", "age")
_CONSTANT = ("history", "idle", "slow_top", "factor_top", "newest_popularity")


def _ranker(arrays: Arrays, numbers: Mapping[str, Any], usual: tuple[str, ...]) -> Ranker:
    columns = artefact.take(arrays, f"{_PRE}linear.columns", np.int64, (None,))
    rows = artefact.take(arrays, f"{_PRE}linear.numbers", np.float64, (3, len(columns)))
    artefact.finite(f"{_PRE}linear.numbers", rows, {})
    text = artefact.take(arrays, f"{_PRE}trees", np.uint8, (None,)).tobytes()
    try:
        values = [float(numbers[name]) for name in _NUMBERS]
        held_out = tuple(float(value) for value in numbers["held_out"])
        names = tuple(str(name) for name in numbers.get("features", usual))  # older ones
        trees = Trees.of_text(text.decode()) if text else None
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArtefact(f"the ranker of the artefact does not fit: {error}") from error
    if not all(map(math.isfinite, values)) or (trees and trees.booster.num_feature() != len(names)):
        raise CorruptArtefact("the ranker of the artefact does not fit its tables")
    artefact.check_codes(f"{_PRE}linear.columns", columns, len(names))
    linear, (weight, heat, recall) = Linear(columns, *rows), values
    return Ranker(names, linear, trees, weight, heat, recall, held_out)


_PARTS = {
    feature: part
    for part, features in {
        "transitions": "newest fast slow backward mix_transitions",
        "neighbours": "flat near",
        "factors": "factor",
        "own history": "mix_own seen",
        "co-visits": "mix_covisits ease",
        "related items": "mix_related like related affinity",
        "popularity": "mix_popularity popularity rate",
        "blend": "mixture blend",
        "trend": "trend",
        "availability": "availability",
        "context": "facet",
    }.items()
    for feature in features.split()
}


class Candidates(NamedTuple):
    """N candidates of one context: catalogue positions, and features `x` (N, F)."""

    items: Array
    utilities: Array
    """The log of each chance up to a constant, -inf where masked, shape (N,) float64."""
    x: Array
    signals: Signals
    extra: Mapping[str, Array]


class Learned(artefact.Stored, frozen=True):
    """Tables, and the ranker over their candidates."""

    tables: Tables
    ranker: Ranker
    # Places of the ranker's features among the tables', -1 if gone; None if all are the same.
    columns: Array | None
    wanted: Wanted

    @classmethod
    def of(cls, tables: Tables, ranker: Ranker) -> "Learned":
        """The ranker above these tables."""
        # They may know other features than its training did.
        names, wanted = feature_names(tables), Wanted.among(ranker.read)
        if names == ranker.names:
            return cls(tables, ranker, None, wanted)
        place = {name: column for column, name in enumerate(names)}
        columns = np.array([place.get(name, -1) for name in ranker.names])
        return cls(tables, ranker, columns, wanted)

    @classmethod
    def fit(
        cls,
        log: EventCounts,
        sample: TrainingData,
        counts: MixtureCounts,
        mixture: Mixture,
        settings: MixtureSettings,
        design: Design,
    ) -> "Learned | None":
        """Count the log and learn from the sample; None if that adds nothing to the mixture."""
        drawn = EventCounts(sample, log.summary.clock)
        visits = drawn.visit_log(design.weights)
        if len(visits.items) - visits.n_users < design.min_requests:
            return None
        counted = count(log, drawn, counts, mixture, design)
        samples = draw(counted, settings)
        if samples is None:
            return None
        tables = counted.tables
        if samples.with_ease:
            every = np.ones(len(counted.log.items), np.bool_)
            tables = replace(tables, ease=fit_ease(counted.log, every, design))
        ranker = fit_ranker(samples.train, samples.held, feature_names(tables), design)
        return None if ranker is None else cls.of(tables, ranker)

    def refreshed(self, log: EventCounts, sample: TrainingData, mixture: Mixture) -> "Learned":
        """Ranker and factors above newly counted tables; new features wait for a training."""
        before, summary = self.tables, log.summary
        visits = EventCounts(sample, summary.clock).visit_log(before.design.weights)
        counts = StepCounts.of(log, slice_edges(summary), before.design)
        factors = before.factors.of_rows(before.index.rows(mixture.index.ids))
        likeness = likeness_of(*build_likeness(summary.data.attributes))
        ease = before.ease and before.ease.of_rows(before.index.rows(mixture.index.ids))
        _, tables = derive(visits, counts, factors, mixture, likeness, before.design, ease)
        return Learned.of(tables, self.ranker)

    def ask(self, context: Context, outside: Sequence[str]) -> Candidates | None:
        """The candidates of a context; None when it holds no item of the catalogue."""
        t = self.tables
        r = of_context(context, t.index, t.mixture.facet_rows(context), t.design)
        if not (r.context >= 0).any():
            return None
        proposed = propose(t, signals(t, r, outside=outside))
        top = proposed.top
        extra = self._extra(r, top)
        x = describe(t, r, proposed, self.wanted).T
        if self.columns is not None:  # without features that are new, and 0 for those that are gone
            x = np.where(self.columns >= 0, x[:, self.columns], np.float32(0))
        utilities = sum(extra.values(), start=self.ranker.utilities(x))
        utilities[~proposed.there] = -np.inf
        return Candidates(top, utilities, x, proposed.found, extra)

    def _extra(self, r: Request, top: Array) -> dict[str, Array]:
        """Return what no training request may see: quiz answers, and animals that came back."""
        mixture, extra = self.tables.mixture, {}
        wish = mixture.facets.wishes(r.facets) if len(r.facets) else None
        if wish is not None:
            believed = mixture.facet_trust(float(r.worth.sum()))
            logs = wish.of_catalogue(mixture.index)[top]
            extra["preferences"] = believed * logs.astype(np.float64)
        if mixture.return_rate is not None:
            extra["returns"] = np.log(mixture.return_rate.lasting[top].astype(np.float64))
        return extra

    def explain(self, found: Candidates, places: Array) -> dict[str, Array]:
        """Return the parts of the utilities of the candidates at `places`; they add up to them."""
        if not len(places):
            return {}
        parts = self.ranker.contributions(found.x[places])
        totals: dict[str, Array] = {}
        for name, column in zip([*self.ranker.names, "base"], parts.T, strict=True):
            part = part_of(name)
            totals[part] = totals.get(part, np.zeros(len(places))) + column
        return {**totals, **{name: values[places] for name, values in found.extra.items()}}

    def arrays(self) -> dict[str, Array]:
        """Everything `load` needs beside the numbers."""
        linear, trees = self.ranker.linear, self.ranker.trees
        return {
            **self.tables.arrays(),
            "linear.columns": linear.columns,
            "linear.numbers": np.stack([linear.mean, linear.spread, linear.weights]),
            "trees": np.frombuffer(b"" if trees is None else trees.text.encode(), np.uint8),
        }

    def numbers(self) -> dict[str, object]:
        """Figures for the card."""
        r = self.ranker
        numbers = {name: getattr(r, name) for name in _NUMBERS}
        trees = int(r.trees.booster.num_trees()) if r.trees else 0
        return {**numbers, "held_out": list(r.held_out), "trees": trees, "features": list(r.names)}

    @classmethod
    def load(
        cls, arrays: Arrays, numbers: Mapping[str, object], mixture: Mixture, design: Design
    ) -> "Learned":
        """Rebuild; CorruptArtefact when arrays and numbers do not fit together."""
        if f"{_PRE}target" in arrays:  # older ones hold targets factor by factor
            arrays = {**arrays, f"{_PRE}targets": arrays[f"{_PRE}target"].T}
        n = len(mixture.index.ids)
        own = arrays, {"items": n, "items+1": n + 1}, _PRE
        rows, has_ease = {"rows": n, "rows+2": n + 2}, f"{_PRE}ease.starts" in arrays
        trend, likeness, factors = Trend.read(*own), Likeness.read(*own), Factors.read(*own)
        recent = trend["recent"]
        tables = Tables.from_arrays(
            *own,
            design=design,
            trend=Trend(trend["total"], recent[:, np.newaxis], np.zeros(len(recent[:1]))),
            likeness=likeness_of(**likeness),
            factors=Factors.of(**factors),
            ease=SignedRows.from_arrays(arrays, rows, f"{_PRE}ease.") if has_ease else None,
            mixture=mixture,
        )
        p = tables.postings
        artefact.check_codes(f"{_PRE}postings.users", p.users, p.n_users)
        if not (p.positions < np.diff(p.offsets)[p.users]).all():
            raise CorruptArtefact(f"array '{_PRE}postings.positions' points outside the log")
        return cls.of(tables, _ranker(arrays, numbers, feature_names(tables)))


def part_of(feature: str) -> str:
    """The part of a score that a feature belongs to: a table, an attribute, or `base`."""
    if feature in _CONSTANT or feature == "base":
        return "base"
    name = _FORMS.sub("", feature)
    first, _, rest = name.partition("_")
    attribute = rest.partition("_")[2]
    if first in ("like", "affinity") and attribute in _ATTRIBUTES:
        return attribute
    return _PARTS.get(name) or _PARTS[first]
