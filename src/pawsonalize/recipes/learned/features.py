"""The features of the learned ranker, also of what a visitor likes.

Three views of it: the likeness of the attributes' values; the steps between cells that users
make (`related`); and the share of a visitor's choices that fell on each value, drawn towards the
usual share where there are few (`affinity`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.likeness import Likeness
from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.learned.signals import (
    SIGNALS,
    Hidden,
    Signals,
    choose,
    signals,
)
from pawsonalize.recipes.learned.tables import Tables, Usual

Array = NDArray[Any]
_RATES = ("newest", "slow", "all")
_DOUBTS = (2.0, 10.0)  # choices with the usual shares that are added to the visitor's own
_LEAST_LIFT = 0.01


def affinity_names(t: Tables) -> list[str]:
    """The features' names, in the order of `affinity_columns`."""
    single = [t.likeness.columns[column] for column in t.likeness.matched]
    levels = range(len(t.index.cells))
    names = list(t.likeness.names)
    names += [f"related_{rate}_{level}_log" for rate in _RATES for level in levels]
    return names + [f"affinity_{k}_{name}_log" for name in single for k in range(len(_DOUBTS))]


def affinity_columns(
    t: Tables, r: Requests, weights: Mapping[str, Array], top: Array
) -> Iterator[Array]:
    """Blocks (B, K, N) for the candidates `top`."""
    of_rates = tuple(weights[rate] for rate in _RATES)
    for whole in t.likeness.compare(r, of_rates, top):
        yield whole[:, None]
    if not t.likeness.matched:
        yield _related_steps(t, r, of_rates, top)
        return
    theirs = np.moveaxis(t.likeness.values[top], 2, 1)  # (B, matched, N)
    profile = t.likeness.profile(r, of_rates)
    yield _matching_shares(t.likeness, profile, theirs)
    yield _related_steps(t, r, of_rates, top)
    yield _shares_of_choices(t.usual, profile[:, _RATES.index("all")], r, theirs)


def _matching_shares(likeness: Likeness, profile: Array, theirs: Array) -> Array:
    """The share of what a context holds of an attribute that is of the candidate's value.

    `profile` (B, rates, values), `theirs` (B, matched, N).
    """
    nothing = likeness.nothing
    profile = profile.copy()
    profile[:, :, nothing] = 0.0  # having no value matches nothing
    total = np.maximum(np.add.reduceat(profile, nothing, axis=2), 1e-9)
    request = np.arange(len(theirs))[:, None, None, None]
    rate = np.arange(profile.shape[1])[:, None]
    found: Array = profile[request, rate, theirs[:, :, None]] / total.swapaxes(1, 2)[..., None]
    return found.reshape(len(theirs), -1, theirs.shape[2])


def _related_steps(t: Tables, r: Requests, weights: tuple[Array, ...], top: Array) -> Array:
    """How much likelier the context makes each of a candidate's cells, as a log."""
    related, weight = t.mixture.related, np.stack(weights, axis=1)
    share = weight / np.maximum(weight.sum(axis=2, keepdims=True), 1e-9)
    rows = zip(r.cells, share.astype(np.float32), t.index.cells[:, top].swapaxes(0, 1), strict=True)
    lift = np.stack(
        [related.lift(cells, strengths)[:, theirs] for cells, strengths, theirs in rows]
    )
    lift *= related.cell_base.max()
    logs: Array = np.log(lift + _LEAST_LIFT)
    return logs.reshape(len(top), -1, top.shape[1])


def _shares_of_choices(usual: Usual, profile: Array, r: Requests, theirs: Array) -> Array:
    """How the visitor's share of a value differs from the usual, as a log, for each doubt."""
    own = profile[np.arange(len(theirs))[:, None, None], theirs][:, :, None]
    expected = usual.share[theirs][:, :, None]
    total = r.worth.sum(axis=1)[:, None, None, None]
    doubt = np.array(_DOUBTS)[:, None]
    found: Array = np.log((own + doubt * expected) / ((total + doubt) * expected))
    return found.reshape(len(theirs), -1, theirs.shape[2])


def facet_names(t: Tables) -> list[str]:
    """The features' names, in the order of `facet_columns`; none where no facet was counted."""
    if not t.mixture.facets.counted:
        return []
    levels = [*range(len(t.index.cells)), "item"]
    return [f"facet_{kind}_{level}_log" for level in levels for kind in ("sum", "max")]


def facet_columns(t: Tables, r: Requests, top: Array) -> Iterator[Array]:
    """For each level of cells, then the items: the facets' logs together, and the greatest.

    Blocks (B, 2, N) for the candidates `top`.
    """
    lifts = t.mixture.facets
    if not lifts.counted:
        return
    rows = np.where(r.facets < lifts.counted, r.facets, -1)  # the quiz is counted nowhere
    known = (rows >= 0)[:, :, np.newaxis]
    at = rows[:, :, np.newaxis]
    for cells in t.index.cells[:, :-1]:
        yield _both(np.where(known, lifts.cells[at, cells[top][:, np.newaxis]], 0.0))
    yield _both(np.where(known, lifts.items[at, top[:, np.newaxis]], 0.0))


def _both(logs: Array) -> Array:
    """Sum and maximum over the facets of `logs` (B, F, N); without any facet both are 0."""
    total = logs.sum(axis=1)
    return np.stack([total, logs.max(axis=1) if logs.shape[1] else total], axis=1)


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
class Proposed:
    """N candidates of each of B requests, best of the blend first."""

    top: Array
    """Catalogue positions, shape (B, N)."""
    there: Array
    """False for one that must not be proposed, where there are fewer than N, shape (B, N)."""
    found: Signals

    def only(self, rows: Array) -> "Proposed":
        """Those of some requests."""
        return Proposed(self.top[rows], self.there[rows], self.found.only(rows))


@dataclass(frozen=True, slots=True)
class Featured:
    """What is known of the candidates."""

    top: Array
    """As in `Proposed`."""
    there: Array
    """As in `Proposed`."""
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
    return describe(t, r, propose(t, r, hidden, outside))


def propose(
    t: Tables, r: Requests, hidden: Hidden | None = None, outside: Sequence[str] = ()
) -> Proposed:
    """Choose the candidates."""
    found = signals(t, r, hidden, outside)
    top = choose(found.blend, t.design.candidates)
    return Proposed(top, np.isfinite(_at(found.blend, top)), found)


def describe(t: Tables, r: Requests, proposed: Proposed) -> Featured:
    """Say of the candidates what the ranker reads."""
    top, there, found = proposed.top, proposed.there, proposed.found
    popularity = t.trend.total[top]
    root = np.sqrt(popularity + 1.0)
    behaviour = _behaviour(t, found, top, np.where(there, _at(found.blend, top), 0.0), root)
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
