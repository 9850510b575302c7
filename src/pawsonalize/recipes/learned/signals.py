"""The tables' dense answers to a batch of requests, and the blend that chooses candidates."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.kin import Kin
from pawsonalize.recipes.learned.factors import Factors
from pawsonalize.recipes.learned.neighbours import neighbour_scores
from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.learned.steps import Pairs, own_steps, spread
from pawsonalize.recipes.learned.tables import Counted, Tables

Array = NDArray[Any]
_FIRST_STAGE = {
    "fast": 1.0, "slow": 1.0, "backward": 0.5, "flat": 0.7, "near": 1.0, "factor": 3.0, "kin": 0.3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signals:
    """`dense`: name -> (B, items) float32; `popularity` and `blend`: (B, items).

    The blend is -inf where masked; `weights`: name -> (B, L) weights of the context.
    """

    dense: dict[str, Array]
    popularity: Array
    blend: Array
    weights: dict[str, Array]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a training batch must not see: own steps both ways, and the hidden visits.

    `request` and `visit` (a row of the log) are flat, one entry per hidden visit.
    """

    counted: Counted
    forward: Pairs
    backward: Pairs
    request: Array
    visit: Array


def hide(c: Counted, users: Array, cuts: Array) -> Hidden:
    """All that users did from position `cut` on."""
    d = c.tables.design
    own = own_steps(
        c.log, users, cuts, window=d.window, gap_decay=d.gap_decay, depth=d.sample_depth
    )
    later = cuts[:, None] + np.arange(d.sample_depth)
    request, column = np.nonzero(later < c.log.lengths[users][:, None])
    return Hidden(
        c,
        Pairs(own.request, own.row, own.column, own.worth * c.forward_scale[own.row]),
        Pairs(own.request, own.column, own.row, own.worth * c.backward_scale[own.column]),
        request,
        c.log.offsets[users[request]] + later[request, column],
    )


def signals(t: Tables, r: Requests, factors: Factors, kin: Kin, hidden: Hidden | None) -> Signals:
    """Every signal over the whole catalogue."""
    w = _context_weights(t, r)
    own, back = (None, None) if hidden is None else (hidden.forward, hidden.backward)
    rates = [w["newest"], w["fast"], w["slow"]]
    newest, fast, slow = spread(t.forward, r.context, rates, own)
    (backward,) = spread(t.backward, r.context, [w["slow"]], back)
    flat, near = neighbour_scores(t.postings, r.context, w["slow"], r.users, t.design)
    dense = {
        "newest": newest, "fast": fast, "slow": slow, "backward": backward, "flat": flat,
        "near": near, "factor": context_factor(factors, r, w["long"]) @ factors.target.T,
        "kin": _kin(kin, t, r, w["slow"]),
    }  # fmt: skip
    popularity = total_popularity(t, len(r.lengths), hidden)
    blend = popularity * np.float32(1e-3 / max(float(t.trend.total.max(initial=1.0)), 1.0))
    for name, weight in _FIRST_STAGE.items():
        most = np.maximum(dense[name].max(axis=1, keepdims=True), 1e-9)
        blend += dense[name] * (np.float32(weight) / most)
    if not t.design.repeats:
        blend[r.seen_request, r.seen_item] = -np.inf
    return Signals(dense, popularity, blend, w)


def choose(blend: Array, count: int) -> Array:
    """The best items by the blend, (B, N) best first; ties by position."""
    count = min(count, blend.shape[1])
    top = np.sort(np.argpartition(-blend, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(blend, top, 1), axis=1, kind="stable")
    return np.take_along_axis(top, order, 1)


def context_factor(f: Factors, r: Requests, weights: Array) -> Array:
    """The contexts' place among the factors, (B, rank)."""
    known = weights.astype(np.float32) * (r.context >= 0)
    return np.asarray(np.einsum("bl,blk->bk", known, f.source[np.maximum(r.context, 0)]))


def total_popularity(t: Tables, count: int, hidden: Hidden | None) -> Array:
    """(B, items) popularity without what the hidden visits added."""
    result = np.array(np.broadcast_to(t.trend.total, (count, t.n_items)))
    if hidden is not None:
        log = hidden.counted.log
        lost = log.weights[hidden.visit].astype(np.float32)
        np.subtract.at(result, (hidden.request, log.items[hidden.visit]), lost)
    return np.asarray(np.maximum(result, 0.0))


def recent_popularity(t: Tables, r: Requests, hidden: Hidden | None) -> list[Array]:
    """(B, items) recent popularity at the requests' moments, one per half-life.

    Hidden visits of later slices are not in a slice: subtracting those too would mark the label.
    """
    if not len(t.trend.recent):
        return []
    part = t.trend.slice_of(r.now)
    results = [recent[part] for recent in t.trend.recent]
    if hidden is not None:
        log = hidden.counted.log
        inside = t.trend.slice_of(log.times[hidden.visit]) == part[hidden.request]
        request, visit = hidden.request[inside], hidden.visit[inside]
        for result in results:
            lost = log.worth[visit].astype(np.float32)
            np.subtract.at(result, (request, log.items[visit]), lost)
    return [np.maximum(result, 0.0) for result in results]


def _context_weights(t: Tables, r: Requests) -> dict[str, Array]:
    """Weights of the context: decay by age in visits, times the visit's worth."""
    age, d = np.arange(r.context.shape[1]), t.design
    rates = {"newest": 0.0, "fast": d.fast, "slow": d.slow, "long": d.long}
    return {k: r.worth * np.where(b**age > 1e-3, float(b) ** age, 0.0) for k, b in rates.items()}


def _kin(kin: Kin, t: Tables, r: Requests, weights: Array) -> Array:
    out = np.zeros((len(r.lengths), t.n_items), np.float32)
    for row, cells, strengths in zip(out, r.cells, weights.astype(np.float32), strict=True):
        read = strengths > 0
        kin.spread_to(row, kin.lift(cells[:, read], strengths[read]), t.index)
    return out
