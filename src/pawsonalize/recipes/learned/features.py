"""The one path from requests to candidates and features: training, evaluation and serving."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.learned.signals import (
    Hidden,
    Signals,
    choose,
    context_factor,
    recent_popularity,
    signals,
)
from pawsonalize.recipes.learned.tables import Tables

Array = NDArray[Any]
_DENSE = ("newest", "fast", "slow", "backward", "flat", "near", "factor", "mixture")
_RANKED = ("blend", "slow", "near", "flat", "backward", "factor", "factor_fast", "mixture")
_SCALED = ("blend", "fast", "slow", "backward", "flat", "near", "factor", "factor_fast", "mixture")
_LIFTED = ("slow", "backward", "flat", "near")
_MIXED = ("mix_own", "mix_transitions", "mix_covisits", "mix_kin", "mix_popularity")
_OF_REQUEST = (
    "popularity", "popularity_gap", "history", "newest_popularity", "slow_top", "factor_top",
)  # fmt: skip


def feature_names(t: Tables) -> tuple[str, ...]:
    """The features' names, in the order of their columns."""
    names = ["blend", *_DENSE, "factor_newest", "factor_fast", *_MIXED, *t.likeness.names]
    names += [f"{name}_scaled" for name in _SCALED] + [f"{name}_rank" for name in _RANKED]
    names += [f"{name}_lift" for name in _LIFTED] + [*_OF_REQUEST, "idle"]
    names += ["seen_times", "seen_age"]
    for k in range(len(t.trend.recent)):
        names += [f"trend_{k}", f"trend_{k}_count"]
    return tuple(names)


def features(t: Tables, r: Requests, hidden: Hidden | None = None) -> tuple[Array, Array]:
    """Candidates (B, N), best of the blend first, and features (B, N, F) float32."""
    found = signals(t, r, hidden)
    top = choose(found.blend, t.design.candidates)
    plain = {"blend": np.take_along_axis(found.blend, top, 1)}
    plain |= {name: np.take_along_axis(found.dense[name], top, 1) for name in _DENSE}
    target = t.factors.target[top]
    for name, rate in (("factor_newest", "newest"), ("factor_fast", "fast")):
        place = context_factor(t.factors, r, found.weights[rate])
        plain[name] = np.einsum("bk,bnk->bn", place, target)
    for k, name in enumerate(_MIXED):
        plain[name] = np.take_along_axis(found.parts[:, k], top, 1)
    popularity = np.take_along_axis(found.popularity, top, 1)
    w = (found.weights["newest"], found.weights["slow"])
    columns = [*plain.values(), *t.likeness.compare(r, w, top)]
    columns += [_scaled(plain[name]) for name in _SCALED]
    columns += [_ranks(plain[name]) for name in _RANKED]
    columns += [plain[name] / np.sqrt(popularity + 1.0) for name in _LIFTED]
    columns += [*_request_columns(t, r, found, popularity), np.log1p(r.idle)[:, None]]
    columns += _seen_columns(t, r, top)
    for recent in recent_popularity(t, r):
        lately = np.take_along_axis(recent, top, 1)
        columns += [lately / np.sqrt(popularity + 1.0), lately]
    shape = top.shape
    return top, np.stack([np.broadcast_to(c, shape) for c in columns], axis=2, dtype=np.float32)


def _scaled(values: Array) -> Array:
    return np.asarray(values / np.maximum(values.max(axis=1, keepdims=True), 1e-9))


def _ranks(values: Array) -> Array:
    """0 = best; candidates without a score share the last rank."""
    result = np.empty(values.shape, np.float32)
    order = np.argsort(-values, axis=1, kind="stable")
    np.put_along_axis(result, order, np.arange(values.shape[1], dtype=np.float32)[None, :], 1)
    return np.where(values > 0, result, values.shape[1])


def _request_columns(t: Tables, r: Requests, found: Signals, popularity: Array) -> list[Array]:
    known = r.context >= 0
    logs = np.log1p(t.trend.total)[np.maximum(r.context, 0)] * known
    usual = logs.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return [
        popularity,
        np.log1p(popularity) - usual[:, None],
        np.log1p(r.lengths)[:, None],
        logs[:, :1],
        found.dense["slow"].max(axis=1, keepdims=True),
        found.dense["factor"].max(axis=1, keepdims=True),
    ]


def _seen_columns(t: Tables, r: Requests, top: Array) -> list[Array]:
    """How often and how many visits ago the candidate was chosen; constant where masked."""
    if not t.design.repeats:
        return [np.zeros((1, 1)), np.full((1, 1), -1.0)]
    shape = (len(top), t.n_items)
    key = r.seen_request * t.n_items + r.seen_item
    times = np.bincount(key, minlength=shape[0] * shape[1]).reshape(shape)
    age = np.full(shape[0] * shape[1], -1.0)
    age[key] = r.seen_age  # oldest first: the newest is written last
    return [np.take_along_axis(times, top, 1), np.take_along_axis(age.reshape(shape), top, 1)]
