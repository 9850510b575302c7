"""The candidates of a request, and the features of them that the learned ranker reads."""

import math
from collections.abc import Collection, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from pawsonalize.models.recipes.counts.rows import largest
from pawsonalize.models.recipes.data import Array
from pawsonalize.models.recipes.learned.signals import (
    CELL_RATES,
    FACTOR,
    FACTOR_SHARE,
    RATES,
    SIGNALS,
    Request,
    Signals,
)
from pawsonalize.models.recipes.learned.tables import Tables

_RATES = tuple(RATES[rate] for rate in CELL_RATES)
_DOUBTS = np.array([[2.0], [10.0]], np.float32)  # usual choices that are added to the visitor's own
_LEAST_LIFT = np.float32(0.01)
_MIXED = ("mix_own", "mix_transitions", "mix_covisits", "mix_related", "mix_popularity")
_PLAIN = (*SIGNALS, *_MIXED, "blend", "factor_newest", "factor_fast")
_RANKED = ("blend", "slow", "near", "flat", "backward", "factor", "factor_fast", "mixture")
_SCALED = ("blend", "fast", "slow", "backward", "flat", "near", "factor", "factor_fast", "mixture")
_LIFTED = ("slow", "backward", "flat", "near")
_LOGGED = ("slow", "backward", "flat", "near", "factor", "mixture", *_MIXED)
_OF_REQUEST = (
    "popularity",
    "popularity_gap",
    "history",
    "newest_popularity",
    "slow_top",
    "factor_top",
    "idle",
)
_SEEN = ("seen_times", "seen_age")
_BLEND, _SLOW = _PLAIN.index("blend"), SIGNALS.index("slow")
_ENDS = accumulate(map(len, (_PLAIN, _SCALED, _RANKED, _LIFTED, _LOGGED)), initial=0)
_KINDS = [slice(start, end) for start, end in pairwise(_ENDS)]
_PLACES_SCALED, _PLACES_RANKED, _PLACES_LIFTED, _PLACES_LOGGED = (
    np.array([_PLAIN.index(name) for name in names])
    for names in (_SCALED, _RANKED, _LIFTED, _LOGGED)
)
_LEAST_LOG = np.float32(0.01)  # added to shares of the best before their log is taken
_LEAST = np.float32(1e-9)
_EASE = ("", "_scaled", "_rank", "_log")
_SHORTLIST = 2  # times the candidates


def _affinity_columns(t: Tables, r: Request, found: Signals, top: Array) -> Iterator[Array]:
    weights = found.weights[list(CELL_RATES)]
    if t.likeness.has_lists:
        yield t.likeness.compare(r.context, weights, top)
    if not t.likeness.matched:
        yield _related_steps(t, found.reached, top)
        return
    values = t.likeness.values_of(top)
    held, known = t.likeness.held(r.context, weights, values)
    shares = held / np.maximum(known, np.float32(1e-9))[:, :, None]
    shares *= t.likeness.is_known(values)  # no value matches nothing
    yield shares.reshape(-1, len(top))
    yield _related_steps(t, found.reached, top)
    # Log ratio of the visitor's share of a value to the usual one.
    times, total = held[-1] / t.usual.share.take(values, mode="clip"), weights[-1].sum()
    lifts = np.log(times[:, None] + _DOUBTS) - np.log(total + _DOUBTS)
    yield lifts.reshape(-1, len(top))


def _related_steps(t: Tables, reached: Array, top: Array) -> Array:
    lifts = reached * t.mixture.related.rarity
    lifts += _LEAST_LIFT
    lifts = lifts.take(t.index.cells.take(top, axis=1, mode="clip"), axis=1, mode="clip")
    return np.asarray(np.log(lifts, out=lifts)).reshape(-1, len(top))


def _facet_columns(t: Tables, r: Request, top: Array) -> Array:
    """Sum and maximum of the facets' logs for each level, then the item; shape (K, N)."""
    lifts = t.mixture.facets
    rows = r.facets[(r.facets >= 0) & (r.facets < lifts.counted)]  # the quiz is counted nowhere
    found = np.zeros((2 * len(t.index.cells) + 2, len(top)), np.float32)
    if len(rows):
        at = rows[:, np.newaxis]
        levels = [lifts.cells[at, cells] for cells in t.index.cells[:, top]]
        for level, logs in enumerate([*levels, lifts.items[at, top]]):
            logs.sum(axis=0, out=found[2 * level])
            logs.max(axis=0, out=found[2 * level + 1])
            if len(rows) < len(r.facets):  # what is not known says 0
                np.maximum(found[2 * level + 1], 0.0, out=found[2 * level + 1])
    return found


_BEHAVIOUR = (
    *_PLAIN,
    *(f"{name}_scaled" for name in _SCALED),
    *(f"{name}_rank" for name in _RANKED),
    *(f"{name}_lift" for name in _LIFTED),
    *(f"{name}_log" for name in _LOGGED),
)


class Proposed(NamedTuple):
    """N candidates, best of the blend first."""

    top: Array
    # False for one that must not be proposed, where there are fewer than N, shape (N,).
    there: Array
    blend: Array
    factors: Array  # scores by all factors, by `FACTOR_RATES`; shape (rates, N)
    found: Signals


class Wanted(msgspec.Struct, frozen=True):
    """Features to calculate of those that only trees read; the others are 0."""

    ranks: bool = True
    of_request: bool = True
    seen: bool = True
    trends: bool = True

    @classmethod
    def among(cls, names: Collection[str]) -> "Wanted":
        """All of the kinds of which one is among the names."""
        return cls(
            ranks=any(name.endswith("_rank") for name in names),
            of_request=not set(_OF_REQUEST[2:]).isdisjoint(names),
            seen=not set(_SEEN).isdisjoint(names),
            trends=any(name.startswith("trend_") for name in names),
        )


EVERYTHING = Wanted()


def feature_names(t: Tables) -> tuple[str, ...]:
    """The features' names, in the order of their columns."""
    single = [t.likeness.columns[column] for column in t.likeness.matched]
    levels = range(len(t.index.cells))
    names = [*_BEHAVIOUR, *_OF_REQUEST, *_SEEN, *t.likeness.names]
    names += [f"related_{rate}_{level}_log" for rate in _RATES for level in levels]
    names += [f"affinity_{k}_{name}_log" for name in single for k in range(len(_DOUBTS))]
    if t.mixture.availability.is_known:
        names += ["availability_log", "availability_gap"]
        names += [f"rate_{level}_log" for level in levels]
    for k in range(len(t.trend.recent)):
        names += [f"trend_{k}", f"trend_{k}_count"]
    if t.ease is not None:
        names += [f"ease_{kind}{form}" for form in _EASE for kind in ("set", "faded")]
    if t.mixture.facets.counted:
        names += [f"facet_{k}_{level}_log" for level in (*levels, "item") for k in ("sum", "max")]
    return tuple(names)


def may_propose(t: Tables, found: Signals, item: int) -> bool:
    """True if the item is on the shortlist; where it is not, nothing else need be calculated."""
    own = found.blend[item]
    # The place that `largest` would give: after all that are greater, and equal ones before it.
    before = np.count_nonzero(found.blend > own) + np.count_nonzero(found.blend[:item] == own)
    return bool(before < _SHORTLIST * t.design.candidates)


def propose(t: Tables, found: Signals) -> Proposed:
    """Choose the candidates: a shortlist by the first factors, and the best of it by all."""
    listed = largest(found.blend, _SHORTLIST * t.design.candidates)
    factors = found.places @ t.factors.target.take(listed, axis=0).T
    share = FACTOR_SHARE / np.maximum(found.most[FACTOR], _LEAST)
    # The shortlist was made with the first factors alone: all of them take their place.
    blend = found.blend[listed] + share * (factors[0] - found.dense[FACTOR, listed])
    best = largest(blend, t.design.candidates)
    blend = blend[best]
    return Proposed(listed[best], np.isfinite(blend), blend, factors.take(best, axis=1), found)


def describe(t: Tables, r: Request, proposed: Proposed, wanted: Wanted = EVERYTHING) -> Array:
    """Return the features of the candidates, shape (F, N) float32."""
    top, found = proposed.top, proposed.found
    root = t.trend.root[top]
    blocks = [
        _behaviour(proposed, root, wanted),
        _of_request(t, r, found, top, wanted),
        _seen(t, r, top, wanted),
        *_affinity_columns(t, r, found, top),
        *_availability(t, r, top),
        _trends(t, r, top, root, wanted),
    ]
    if t.ease is not None:
        blocks.append(_ease(proposed, wanted))
    if t.mixture.facets.counted:
        blocks.append(_facet_columns(t, r, top))
    return np.concatenate(blocks, dtype=np.float32)


def _behaviour(proposed: Proposed, root: Array, wanted: Wanted) -> Array:
    """The signals of the candidates as they are, as shares of the best, as ranks, …; (K, N)."""
    top, found = proposed.top, proposed.found
    columns = np.empty((len(_BEHAVIOUR), len(top)), np.float32)
    plain, scaled, ranks, lifts, logs = (columns[rows] for rows in _KINDS)
    found.dense.take(top, axis=1, out=plain[:_BLEND], mode="clip")
    plain[FACTOR], plain[_BLEND + 1 :] = proposed.factors[0], proposed.factors[1:]
    plain[_BLEND] = proposed.blend
    if not proposed.there.all():
        plain[_BLEND, ~proposed.there] = 0.0
    shares = plain / np.maximum(plain.max(axis=1, keepdims=True), _LEAST)
    shares.take(_PLACES_SCALED, axis=0, out=scaled, mode="clip")
    if wanted.ranks:
        _rank(plain[_PLACES_RANKED], ranks)
    else:
        ranks[:] = 0.0
    np.divide(plain[_PLACES_LIFTED], root, out=lifts)
    np.maximum(shares[_PLACES_LOGGED], np.float32(0.0), out=logs)
    logs += _LEAST_LOG
    np.log(logs, out=logs)
    return columns


def _ease(proposed: Proposed, wanted: Wanted) -> Array:
    scores = proposed.found.ease[:, proposed.top]
    shares = scores / np.maximum(scores.max(axis=1, keepdims=True), _LEAST)
    ranks = np.zeros_like(scores)
    if wanted.ranks:
        _rank(scores, ranks)
    logs = np.log(np.maximum(shares, np.float32(0.0)) + _LEAST_LOG)
    return np.concatenate([scores, shares, ranks, logs])


def _rank(values: Array, out: Array) -> None:
    """Write ranks along the last axis, 0 = best; without a score: all the last."""
    count = values.shape[1]
    # Floats above 0 are in the order of their bits. Whole numbers of which no two are equal are
    # sorted without a branch, and what is worth the same keeps its order.
    bits = np.maximum(values, np.float32(0.0)).view(np.int32).astype(np.int64)
    # The lower 16 bits hold the place, which is below the number of candidates.
    order = np.sort((-bits << 16) + np.arange(count), axis=1) & 0xFFFF
    order += np.arange(0, values.size, count)[:, None]
    ranks = np.empty(values.size, np.float32)
    ranks[order] = np.arange(count, dtype=np.float32)
    out[:] = ranks.reshape(values.shape)
    out[values <= 0] = count


def _of_request(t: Tables, r: Request, found: Signals, top: Array, wanted: Wanted) -> Array:
    columns = np.zeros((len(_OF_REQUEST), len(top)), np.float32)
    known = r.context >= 0
    logs = t.trend.log[r.context] * known
    columns[0] = t.trend.total[top]
    columns[1] = t.trend.log[top] - logs.sum() / max(np.count_nonzero(known), 1)
    if wanted.of_request:
        slow, factor = found.most[_SLOW], found.most[FACTOR]
        columns[2:].T[:] = (math.log1p(r.length), logs[0], slow, factor, math.log1p(r.idle))
    return columns


def _seen(t: Tables, r: Request, top: Array, wanted: Wanted) -> Array:
    columns = np.zeros((len(_SEEN), len(top)), np.float32)
    if not (wanted.seen and t.design.repeats):
        columns[1] = -1.0
        return columns
    age = np.full(t.n_items, -1.0, np.float32)
    age[r.seen_item] = r.seen_age  # oldest first: the newest is written last
    columns[0] = np.bincount(r.seen_item, minlength=t.n_items)[top]
    columns[1] = age[top]
    return columns


def _availability(t: Tables, r: Request, top: Array) -> Iterator[Array]:
    availability = t.mixture.availability
    if not availability.is_known:
        return
    usual = availability.usual[top]
    now = usual if r.availability is None else r.availability[top]
    # A tenth of an animal keeps the log finite where there is none.
    gap = (now + np.float32(0.1)) / (usual + np.float32(availability.smoothing))
    yield np.log1p(now)[None]
    yield np.log(gap)[None]
    yield t.usual.rate[t.index.cells[:, top]]


def _trends(t: Tables, r: Request, top: Array, root: Array, wanted: Wanted) -> Array:
    columns = np.zeros((len(t.trend.recent), 2, len(top)), np.float32)
    if wanted.trends:
        columns[:, 1] = t.trend.recent[:, t.trend.slice_of(r.now), top]
        np.divide(columns[:, 1], root, out=columns[:, 0])
    return columns.reshape(-1, len(top))
