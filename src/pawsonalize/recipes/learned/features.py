"""The one path from requests to candidates and features: training, evaluation and serving."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.affinity import (
    affinity_columns,
    affinity_names,
    facet_columns,
    facet_names,
)
from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.learned.signals import (
    SIGNALS,
    Hidden,
    Signals,
    choose,
    signals,
)
from pawsonalize.recipes.learned.tables import Tables

Array = NDArray[Any]
_MIXED = ("mix_own", "mix_transitions", "mix_covisits", "mix_related", "mix_popularity")
_PLAIN = (*SIGNALS, *_MIXED, "blend", "factor_newest", "factor_fast")
_RANKED = ("blend", "slow", "near", "flat", "backward", "factor", "factor_fast", "mixture")
_SCALED = ("blend", "fast", "slow", "backward", "flat", "near", "factor", "factor_fast", "mixture")
_LIFTED = ("slow", "backward", "flat", "near")
_LOGGED = ("slow", "backward", "flat", "near", "factor", "mixture", *_MIXED)
_OF_REQUEST = (
    "popularity", "popularity_gap", "history", "newest_popularity", "slow_top", "factor_top",
    "idle",
)  # fmt: skip
_LEAST_LOG = 0.01  # added to shares of the best before their log is taken


@dataclass(frozen=True, slots=True)
class Featured:
    """N candidates of each of B requests, best of the blend first, and what is known of them."""

    top: Array
    """Catalogue positions, shape (B, N)."""
    there: Array
    """False for one that must not be proposed, where there are fewer than N, shape (B, N)."""
    x: Array
    """Features, shape (B, N, F) float32."""
    parts: Array
    """As in `Signals`."""


def feature_names(t: Tables) -> tuple[str, ...]:
    """The features' names, in the order of their columns."""
    names = list(_PLAIN)
    names += [f"{name}_scaled" for name in _SCALED] + [f"{name}_rank" for name in _RANKED]
    names += [f"{name}_lift" for name in _LIFTED] + [f"{name}_log" for name in _LOGGED]
    names += [*_OF_REQUEST, "seen_times", "seen_age", *affinity_names(t)]
    if t.mixture.availability.is_known:
        names += ["availability_log", "availability_gap"]
        names += [f"rate_{level}_log" for level in range(len(t.index.cells))]
    for k in range(len(t.trend.recent)):
        names += [f"trend_{k}", f"trend_{k}_count"]
    return (*names, *facet_names(t))


def features(
    t: Tables, r: Requests, hidden: Hidden | None = None, outside: Sequence[str] = ()
) -> Featured:
    """Choose the candidates and describe them."""
    found = signals(t, r, hidden, outside)
    top = choose(found.blend, t.design.candidates)
    blend = _at(found.blend, top)
    there = np.isfinite(blend)
    popularity = t.trend.total[top]
    root = np.sqrt(popularity + 1.0)
    behaviour = _behaviour(t, found, top, np.where(there, blend, 0.0), root)
    blocks = [
        behaviour,
        *_request_columns(t, r, found, popularity),
        *_seen_columns(t, r, top),
        *affinity_columns(t, r, found.weights, top),
        *_availability_columns(t, r, top),
        *_trend_columns(t, r, top, root),
        *facet_columns(t, r, top),
    ]
    x = np.empty((len(top), sum(block.shape[1] for block in blocks), top.shape[1]), np.float32)
    known = 0
    for block in blocks:
        x[:, known : known + block.shape[1]] = block
        known += block.shape[1]
    return Featured(top, there, np.ascontiguousarray(np.moveaxis(x, 1, 2)), found.parts)


def _behaviour(t: Tables, found: Signals, top: Array, blend: Array, root: Array) -> Array:
    """The signals of the candidates as they are, as shares of the best, as ranks, …; (B, K, N)."""
    factors = np.matmul(found.places[:, 1:], t.factors.target[:, top].swapaxes(0, 1))
    request = np.arange(len(top))[:, None, None]
    at = [
        dense[request, np.arange(dense.shape[1])[:, None], top[:, None]]
        for dense in (found.dense, found.parts)
    ]
    plain = np.concatenate([*at, blend[:, None], factors], axis=1)
    scaled = plain / np.maximum(plain.max(axis=2, keepdims=True), 1e-9)
    return np.concatenate(
        [
            plain,
            scaled[:, _places(_SCALED)],
            _ranks(plain[:, _places(_RANKED)]),
            plain[:, _places(_LIFTED)] / root[:, None],
            np.log(np.maximum(scaled[:, _places(_LOGGED)], 0.0) + _LEAST_LOG),
        ],
        axis=1,
    )


@cache
def _places(names: tuple[str, ...]) -> list[int]:
    return [_PLAIN.index(name) for name in names]


def _at(dense: Array, top: Array) -> Array:
    return np.asarray(dense[np.arange(len(top))[:, None], top])


def _ranks(values: Array) -> Array:
    """Ranks along the last axis of (B, K, N), 0 = best; without a score: all the last."""
    order = np.argsort(-values, axis=-1, kind="stable")
    result = np.empty(values.shape, np.float32)
    request, kind = np.arange(len(values))[:, None, None], np.arange(values.shape[1])[:, None]
    result[request, kind, order] = np.arange(values.shape[2])
    return np.where(values > 0, result, values.shape[-1])


def _request_columns(t: Tables, r: Requests, found: Signals, popularity: Array) -> Iterator[Array]:
    known = r.context >= 0
    logs = np.log1p(t.trend.total[np.maximum(r.context, 0)]) * known
    usual = logs.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    tops = [found.most[:, SIGNALS.index(name)] for name in ("slow", "factor")]
    yield popularity[:, None]
    yield (np.log1p(popularity) - usual[:, None])[:, None]
    yield np.stack([np.log1p(r.lengths), logs[:, 0], *tops, np.log1p(r.idle)], axis=1)[..., None]


def _seen_columns(t: Tables, r: Requests, top: Array) -> Iterator[Array]:
    """How often and how many visits ago the candidate was chosen; constant where masked."""
    if not t.design.repeats:
        yield np.array([0.0, -1.0])[None, :, None]
        return
    shape = (len(top), t.n_items)
    key = r.seen_request * t.n_items + r.seen_item
    times = np.bincount(key, minlength=shape[0] * shape[1]).reshape(shape)
    age = np.full(shape[0] * shape[1], -1.0)
    age[key] = r.seen_age  # oldest first: the newest is written last
    yield _at(times, top)[:, None]
    yield _at(age.reshape(shape), top)[:, None]


def _availability_columns(t: Tables, r: Requests, top: Array) -> Iterator[Array]:
    """How many animals there are, compared with the usual, and choices per animal of the cells."""
    availability = t.mixture.availability
    if not availability.is_known:
        return
    usual = availability.usual[top]
    now = usual if r.availability is None else _at(r.availability, top)
    yield np.log1p(now)[:, None]
    yield np.log((now + 0.1) / (usual + availability.smoothing))[:, None]
    yield np.moveaxis(t.usual.rate[t.index.cells[:, top]], 0, 1)


def _trend_columns(t: Tables, r: Requests, top: Array, root: Array) -> Iterator[Array]:
    part = t.trend.slice_of(r.now)[:, None]
    for recent in t.trend.recent:
        lately = recent[part, top]
        yield np.stack([lately / root, lately], axis=1)
