"""The tables' dense answers to a batch of requests, and the blend that chooses candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.counts.log import VisitLog
from pawsonalize.recipes.counts.rows import SparseRows, expand, largest
from pawsonalize.recipes.counts.weights import on_grain
from pawsonalize.recipes.learned.factors import Factors
from pawsonalize.recipes.learned.neighbours import neighbour_scores
from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.learned.tables import Counted, Tables
from pawsonalize.recipes.mixture import TABLES, Interests

Array = NDArray[Any]
FACTOR_RATES = ("long", "newest", "fast")
_DECAYED = ("newest", "fast", "slow", "long")
_LEAST_DECAY = 1e-3
SIGNALS = ("newest", "fast", "slow", "backward", "flat", "near", "factor", "mixture")
# What each adds to the blend, as a share of the best item's.
_FIRST_STAGE = np.array([0.0, 1.0, 1.0, 0.5, 0.7, 1.0, 3.0, 0.3], np.float32)


@dataclass(frozen=True, slots=True)
class Signals:
    """What the tables say of every item, for each of B requests."""

    dense: Array
    """Shape (B, signals, items), in the order of `SIGNALS`."""
    most: Array
    """The maxima of `dense` over the items, shape (B, signals)."""
    parts: Array
    """The mixture's tables, shape (B, tables, items + outside)."""
    blend: Array
    """The signals as one, -inf where masked, shape (B, items)."""
    weights: dict[str, Array]
    """Weights of the context by name, each of shape (B, L)."""
    places: Array
    """Where the context lies among the factors, by `FACTOR_RATES`; shape (B, rates, rank)."""

    def only(self, rows: Array) -> "Signals":
        """Those of some requests."""
        return Signals(
            self.dense[rows],
            self.most[rows],
            self.parts[rows],
            self.blend[rows],
            {name: weights[rows] for name, weights in self.weights.items()},
            self.places[rows],
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """What to take out of rows: `worth` of the step row -> column, for a request of a batch."""

    request: Array
    row: Array
    column: Array
    worth: Array


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a training batch must not see in the counts: own steps, both ways."""

    forward: Pairs
    backward: Pairs


def hide(c: Counted, users: Array, cuts: Array) -> Hidden:
    """All that users did from position `cut` on."""
    d = c.tables.design
    own = _own_steps(
        c.log, users, cuts, window=d.window, gap_decay=d.gap_decay, depth=d.sample_depth
    )
    return Hidden(
        Pairs(own.request, own.row, own.column, own.worth * c.forward_scale[own.row]),
        Pairs(own.request, own.column, own.row, own.worth * c.backward_scale[own.column]),
    )


def signals(t: Tables, r: Requests, hidden: Hidden | None, outside: Sequence[str] = ()) -> Signals:
    """Every signal over the whole catalogue, and what the mixture says of items `outside` it."""
    w = _context_weights(t, r)
    own, back = (None, None) if hidden is None else (hidden.forward, hidden.backward)
    rates = [w["newest"], w["fast"], w["slow"]]
    parts = np.empty((len(r.lengths), len(TABLES), t.n_items + len(outside)), np.float32)
    for row, out in enumerate(parts):
        _mixture_parts(t, r, row, outside, out)
    dense = np.empty((len(r.lengths), len(SIGNALS), t.n_items), np.float32)
    dense[:, 0], dense[:, 1], dense[:, 2] = _spread(t.forward, r.context, rates, own)
    (dense[:, 3],) = _spread(t.backward, r.context, [w["slow"]], back)
    dense[:, 4], dense[:, 5] = neighbour_scores(t.postings, r.context, w["slow"], r.users, t.design)
    places = _factor_places(t.factors, r, w)
    np.matmul(places[:, 0], t.factors.target, out=dense[:, 6])
    parts[:, :, : t.n_items].sum(axis=1, out=dense[:, 7])
    most = dense.max(axis=2)
    return Signals(dense, most, parts, _blend(t, r, dense, most), w, places)


def _blend(t: Tables, r: Requests, dense: Array, most: Array) -> Array:
    """The signals as one, popularity between equals; (B, items), -inf where masked."""
    share = _FIRST_STAGE / np.maximum(most, np.float32(1e-9))
    blend = np.matmul(share[:, None, :], dense)[:, 0]
    blend += t.trend.total * np.float32(1e-3 / max(float(t.trend.total.max(initial=1.0)), 1.0))
    if r.availability is not None:
        blend[r.availability == 0] = -np.inf
    if not t.design.repeats:
        blend[r.seen_request, r.seen_item] = -np.inf
    return np.asarray(blend)


def _mixture_parts(t: Tables, r: Requests, row: int, outside: Sequence[str], out: Array) -> None:
    availability = None if r.availability is None else r.availability[row]
    t.mixture.weigh(_interests(r, row, t), outside, availability, r.facets[row], out)


def choose(blend: Array, count: int) -> Array:
    """The best items by the blend, (B, N) best first; ties by position."""
    return np.stack([largest(row, count) for row in blend])


def _factor_places(f: Factors, r: Requests, weights: dict[str, Array]) -> Array:
    rates = np.stack([weights[rate] for rate in FACTOR_RATES], axis=1, dtype=np.float32)
    rates *= (r.context >= 0)[:, None]
    return np.asarray(np.matmul(rates, f.source[np.maximum(r.context, 0)]))


def _context_weights(t: Tables, r: Requests) -> dict[str, Array]:
    """Weights of the context: decay by age in visits, times the visit's worth."""
    d = t.design
    decays = _decays((0.0, d.fast, d.slow, d.long), r.context.shape[1])
    weights = {rate: r.worth * decay for rate, decay in zip(_DECAYED, decays, strict=True)}
    return {**weights, "all": r.worth}


@cache
def _decays(rates: tuple[float, ...], length: int) -> Array:
    """What each rate leaves of the visit before, of the one before that, …; (rates, length)."""
    decays = np.array(rates)[:, None] ** np.arange(length)
    return np.where(decays > _LEAST_DECAY, decays, 0.0)


def _interests(r: Requests, row: int, t: Tables) -> Interests:
    """One request's items as the mixture reads them: each once, a repeat adding half as much."""
    outside = t.n_items
    first: dict[int | str, int] = {}
    halves: dict[int | str, float] = {}
    strengths: list[float] = []
    places: list[int] = []
    read = min(int(r.lengths[row]), r.context.shape[1])
    pairs = zip(r.context[row, :read].tolist(), r.worth[row, :read].tolist(), strict=True)
    for place, (row_or_none, worth) in enumerate(pairs):
        item = row_or_none if row_or_none >= 0 or not r.ids else r.ids[place]
        if item != -1 and item in first:
            halves[item] *= 0.5
            strengths[first[item]] += worth * halves[item]
            continue
        first[item], halves[item] = len(places), 1.0
        places.append(place)
        strengths.append(worth)
    rows = r.context[row, places].astype(np.int64)
    return Interests(
        ids=tuple(r.ids[place] for place in places) if r.ids else ("",) * len(places),
        rows=np.where(rows < 0, outside, rows),
        strengths=np.array(strengths, np.float32),
        cells=r.cells[row][:, places],
    )


def _own_steps(
    log: VisitLog, users: Array, cuts: Array, *, window: int, gap_decay: float, depth: int
) -> Pairs:
    """What users' own visits from position `cut` on added to the counts, summed per pair.

    Training requests lie at most `depth` visits before the end of their user.
    """
    start, length = log.offsets[users][:, None, None], log.lengths[users][:, None, None]
    later = cuts[:, None, None] + np.arange(depth)[None, :, None]
    earlier = later - np.arange(1, window + 1)[None, None, :]
    request, column, step = np.nonzero((later < length) & (earlier >= 0))
    at = start[request, 0, 0] + later[request, column, 0]
    b, a = log.items[at], log.items[at - step - 1]
    gaps = np.array([gap_decay**gap for gap in range(window)])  # as when the steps were counted
    worth = on_grain(log.weights[at] * gaps[step])
    distinct, inverse = np.unique(
        (request * log.n_items + a) * log.n_items + b, return_inverse=True
    )
    pair, b = np.divmod(distinct, log.n_items)
    request, a = np.divmod(pair, log.n_items)
    return Pairs(request, a, b, np.bincount(inverse, worth, minlength=len(distinct)))


def _spread(
    rows: SparseRows, context: Array, weights: list[Array], own: Pairs | None
) -> list[Array]:
    """Sum the rows of the context items, once per weighting; each (requests, items) float64.

    `context` (requests, L) holds items or -1, each of `weights` is (requests, L), `own` are scaled
    steps to take out.
    """
    n, (count, length) = rows.width, context.shape
    entry = np.flatnonzero(context.ravel() >= 0)
    item = context.ravel()[entry]
    owner, at = expand(rows.starts[item], rows.starts[item + 1] - rows.starts[item])
    entry = entry[owner]
    key, values = entry // length * n + rows.columns[at], rows.values[at]
    results = [np.bincount(key, values * w.ravel()[entry], minlength=count * n) for w in weights]
    if own is not None:
        _take_out(results, rows, context, weights, own)
        results = [np.maximum(result, 0.0) for result in results]
    return [result.reshape(count, n) for result in results]


def _take_out(
    results: list[Array], rows: SparseRows, context: Array, weights: list[Array], own: Pairs
) -> None:
    """Subtract own steps in place.

    Without these visits an entry below its row's floor would have been pruned: it goes whole, for
    a value under the floor would mark the label. What was pruned was never added.
    """
    present = rows.look_up(own.row, own.column)
    pruned = present - own.worth < rows.floor[own.row] + 1e-6
    worth = np.where(pruned, present, np.minimum(own.worth, present))
    matches = context[own.request] == own.row[:, None]
    key = own.request * rows.width + own.column
    for result, weight in zip(results, weights, strict=True):
        np.subtract.at(result, key, worth * (weight[own.request] * matches).sum(axis=1))
        result[np.abs(result) < 1e-6] = 0.0
