"""Requests, the tables' dense answers to them, and the blend that chooses candidates."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.counts.popularity import AvailabilityHistory
from pawsonalize.models.recipes.counts.rows import Entries, SparseRows, expand
from pawsonalize.models.recipes.counts.weights import OLDEST, VisitLog, on_grain
from pawsonalize.models.recipes.data import Array
from pawsonalize.models.recipes.items import ItemIndex
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.similarity import add_neighbours
from pawsonalize.models.recipes.learned.tables import Counted, Tables
from pawsonalize.models.recipes.mixture import TABLES, Interests

RATES = ("newest", "fast", "slow", "long", "all")
NEWEST, FAST, SLOW, LONG, ALL = range(len(RATES))
FACTOR_RATES = (LONG, NEWEST, FAST)
CELL_RATES = (NEWEST, SLOW, ALL)
_FACTOR_ROWS, _CELL_ROWS = list(FACTOR_RATES), list(CELL_RATES)
_LEAST_DECAY = 1e-3
_NO_EASE = np.zeros((0, 0), np.float32)
SIGNALS = ("newest", "fast", "slow", "backward", "flat", "near", "factor", "mixture")
FACTOR, MIXTURE = SIGNALS.index("factor"), SIGNALS.index("mixture")
FACTOR_SHARE = np.float32(3.0)
EASE_SHARE = np.float32(3.0)
# What each adds to the blend, as a share of the best item's.
_FIRST_STAGE = np.array([0.0, 1.0, 1.0, 0.5, 0.7, 1.0, FACTOR_SHARE, 0.3], np.float32)


class Request(msgspec.Struct, frozen=True):
    """One request with its L newest visits, newest first; moments are ms since 1970."""

    context: Array  # catalogue positions, shape (L,)
    cells: Array
    worth: Array
    length: int
    now: float
    idle: float  # days since the newest visit
    user: int  # -1 if unknown, as in `context` and `facets`
    seen_item: Array  # all known visits, oldest first
    seen_age: Array  # in visits; 0 is the newest
    availability: Array | None
    facets: Array
    ids: tuple[str, ...] = ()
    """Of a live request the ids in `context`, newest first; of others none."""


def at_position(
    log: VisitLog,
    index: ItemIndex,
    stays: AvailabilityHistory | None,
    user: int,
    cut: int,
    facets: Array,
    design: Design,
) -> Request:
    """The request just before visit `cut` of a user; `facets` (visits, F) are rows of lifts."""
    start = int(log.offsets[user])
    end = start + cut
    # A visitor who is served is known by so many events, so in training no more may be known.
    known = min(cut, design.seen_events) if design.repeats else cut
    newest_first = np.arange(end - 1, end - 1 - min(cut, design.context), -1)
    now, times = float(log.times[end]), log.times[newest_first]
    context = log.items[newest_first]
    return Request(
        context=context,
        cells=index.cells[:, context],
        worth=log.worth[newest_first] * _fade(now - times, design),
        length=known,
        now=now,
        idle=max(now - float(times[0]), 0.0) / DAY,
        user=user,
        seen_item=log.items[end - known : end],
        seen_age=np.arange(known)[::-1],
        availability=None if stays is None else stays.at(now),
        facets=facets[end],
    )


def of_context(context: Context, index: ItemIndex, facets: Array, design: Design) -> Request:
    """A live request; `facets` (F,) as above."""
    events = context.events[: design.seen_events] if design.repeats else context.events
    visits, strengths = _visits(events, design)
    position = index.position
    rows = np.array([position.get(visit.item, -1) for visit in visits], np.int64)
    read = visits[: design.context]
    times = np.array([visit.time for visit in read], np.float64)
    worth = np.array(strengths[: design.context]) * _fade(context.now - times, design)
    cells = index.cells[:, rows[: design.context]]  # -1 is the column of "no cell"
    outside = (rows[: design.context] < 0).nonzero()[0]
    if len(outside):
        cells[:, outside] = index.cells_of_ids([read[k].item for k in outside.tolist()])
    place = (rows >= 0).nonzero()[0][::-1]  # oldest first
    return Request(
        context=rows[: design.context],
        cells=cells,
        worth=worth,
        length=len(visits),
        now=float(context.now),
        idle=max(context.now - visits[0].time, 0) / DAY if visits else 0.0,
        user=-1,
        seen_item=rows[place],
        seen_age=place,
        availability=context.availability,
        facets=facets,
        ids=tuple(visit.item for visit in read),
    )


def _visits(
    events: Sequence[ContextEvent], design: Design
) -> tuple[list[ContextEvent], list[float]]:
    """Events joined to visits as `read_visits` has them, newest first, and their worth by type."""
    visits: list[ContextEvent] = []
    strengths: list[float] = []
    stronger = 0.0
    for place, event in enumerate(events):
        # Newest first: a favourite comes before the view that it continues, and lends it its worth.
        worth = max(design.weights.of_event(event.event_type, event.value), stronger)
        own = event.event_type != "view" and event.event_type in design.weights.of_type
        if own and place + 1 < len(events) and events[place + 1].item == event.item:
            stronger = worth
            continue
        stronger = 0.0
        visits.append(event)
        strengths.append(worth)
    return visits, strengths


def _fade(age: Array, design: Design) -> Array:
    """Decay by `age` in milliseconds."""
    # This is `decay_weights`, not to the bit and ten times faster.
    periods = age / (design.context_half_life_days * DAY)
    return np.asarray(np.exp2(-np.minimum(np.maximum(periods, 0.0), OLDEST)))


class Signals(NamedTuple):
    """Scores of every item by the tables."""

    # The signals in the order of `SIGNALS`, of the factors only the first, then the mixture's
    # tables, shape (signals + tables, items + outside).
    dense: Array
    most: Array
    blend: Array
    weights: Array  # weights of the context by `RATES`, shape (rates, L)
    places: Array
    """Position of the context among the factors, by `FACTOR_RATES`; shape (rates, rank)."""
    ease: Array  # scores by EASE, of the history as a set and faded, shape (2 or none, items)
    reached: Array
    """Gain of each cell from the context's cells, by `CELL_RATES`; shape (rates, cells + 1)."""

    @property
    def total(self) -> Array:
        """Score of the mixture, shape (items + outside,)."""
        return np.asarray(self.dense[MIXTURE])

    @property
    def parts(self) -> Array:
        """The mixture's tables, shape (tables, items + outside)."""
        return np.asarray(self.dense[len(SIGNALS) :])


class Pairs(msgspec.Struct, frozen=True):
    """Rows' entries to take out: `worth` of the step row -> column."""

    row: Array
    column: Array
    worth: Array


# Counts that a training request must not see: the user's own steps, forward and backward.
Hidden = tuple[Pairs, Pairs]


def hide(c: Counted, users: Array, cuts: Array) -> list[Hidden]:
    """For each request all that its user did from its cut on."""
    d = c.tables.design
    request, own = _own_steps(c.log, users, cuts, window=d.window, gap_decay=d.gap_decay)
    forward = own.worth * c.forward_scale[own.row]
    backward = own.worth * c.backward_scale[own.column]
    ends = request.searchsorted(np.arange(len(users) + 1)).tolist()
    return [
        (
            Pairs(own.row[start:end], own.column[start:end], forward[start:end]),
            Pairs(own.column[start:end], own.row[start:end], backward[start:end]),
        )
        for start, end in pairwise(ends)
    ]


def signals(
    t: Tables, r: Request, hidden: Hidden | None = None, outside: Sequence[str] = ()
) -> Signals:
    """Every signal over the whole catalogue, and what the mixture says of items `outside` it."""
    d = t.design
    decays = _decays((0.0, d.fast, d.slow, d.long, 1.0), len(r.context))
    weights = decays * r.worth.astype(np.float32)
    dense = np.empty((len(SIGNALS) + len(TABLES), t.n_items + len(outside)), np.float32)
    dense[:FACTOR] = dense[len(SIGNALS) : -2] = 0.0  # the others are written whole
    seen, places = _interests(r, t)
    reached = _reached(t, r, weights, seen, places)
    known = (r.context >= 0).nonzero()[0]
    items, inside = r.context[known], weights[:, known]
    forward, backward = t.forward.gather(items), t.backward.gather(items)
    if hidden is not None:
        forward = _without(forward, t.forward, items, hidden[0])
        backward = _without(backward, t.backward, items, hidden[1])
    _add(dense, forward, backward, inside)
    add_neighbours(t.postings, r.context, weights[SLOW], r.user, d, dense[4:6])
    # Not `@`, which warns of what BLAS computes from the memory beside small arrays.
    factors = np.dot(inside[_FACTOR_ROWS], t.factors.source[items])
    counted, parts = dense[: len(SIGNALS), : t.n_items], dense[len(SIGNALS) :]
    np.matmul(factors[0, : len(t.factors.first)], t.factors.first, out=counted[FACTOR])
    t.mixture.weigh(seen, outside, r.availability, r.facets, reached[-1], parts)
    parts.sum(axis=0, out=dense[MIXTURE])
    most = counted.max(axis=1)
    ease = _ease(t, r)
    blend = _blend(t, r, counted, most, ease)
    return Signals(dense, most, blend, weights, factors, ease, reached[:-1])


def _ease(t: Tables, r: Request) -> Array:
    if t.ease is None:
        return _NO_EASE
    # Each item once, and as old as its newest visit, which is written last.
    age = dict(zip(r.seen_item.tolist(), r.seen_age.tolist(), strict=True))
    faded = t.design.ease_fade ** np.array([*age.values()], np.float64)
    return t.ease.scores(np.array([*age], np.int64), np.stack([np.ones_like(faded), faded]))


def _reached(t: Tables, r: Request, weights: Array, seen: Interests, places: list[int]) -> Array:
    rows = np.zeros((len(CELL_RATES) + 1, len(r.context)), np.float32)
    shares = weights[_CELL_ROWS]
    rows[:-1] = shares / np.maximum(shares.sum(axis=1, keepdims=True), np.float32(1e-9))
    affinity = t.mixture.affinity(seen)
    rows[-1, places[: len(affinity)]] = affinity
    return t.mixture.related.reached(r.cells, rows)


def _add(dense: Array, forward: Entries, backward: Entries, weights: Array) -> None:
    columns, values, lengths = forward
    if weights.size:
        first = slice(0, int(lengths[0]))
        dense[0, columns[first]] = values[first] * weights[NEWEST, 0]
    np.add.at(dense[1], columns, values * weights[FAST].repeat(lengths))
    np.add.at(dense[2], columns, values * weights[SLOW].repeat(lengths))
    columns, values, lengths = backward
    np.add.at(dense[3], columns, values * weights[SLOW].repeat(lengths))


def _blend(t: Tables, r: Request, dense: Array, most: Array, ease: Array) -> Array:
    blend = np.matmul(_FIRST_STAGE / np.maximum(most, np.float32(1e-9)), dense)
    if len(ease):
        best = np.maximum(ease.max(axis=1), np.float32(1e-9))
        blend += (EASE_SHARE / best) @ ease
    # Of equals the more popular comes first.
    blend += t.trend.between_equals
    if r.availability is not None:
        blend[r.availability == 0] = -np.inf
    if not t.design.repeats:
        blend[r.seen_item] = -np.inf
    return np.asarray(blend)


@cache
def _decays(rates: tuple[float, ...], length: int) -> Array:
    decays = np.array(rates)[:, None] ** np.arange(length)
    return np.where(decays > _LEAST_DECAY, decays, 0.0).astype(np.float32)


def _interests(r: Request, t: Tables) -> tuple[Interests, list[int]]:
    """The items as the mixture reads them, each once, a repeat adding half as much; and where."""
    first: dict[int | str, int] = {}
    halves: dict[int | str, float] = {}
    strengths: list[float] = []
    places: list[int] = []
    for place, (row, worth) in enumerate(zip(r.context.tolist(), r.worth.tolist(), strict=True)):
        # Items outside the catalogue differ by their ids, which only live requests have.
        item = row if row >= 0 or not r.ids else r.ids[place]
        if item != -1 and item in first:
            halves[item] *= 0.5
            strengths[first[item]] += worth * halves[item]
            continue
        first[item], halves[item] = len(places), 1.0
        places.append(place)
        strengths.append(worth)
    rows = r.context[places].astype(np.int64)
    rows[rows < 0] = t.n_items
    ids = tuple(r.ids[place] for place in places) if r.ids else ("",) * len(places)
    return Interests(ids, rows, np.array(strengths, np.float32)), places


def _own_steps(
    log: VisitLog, users: Array, cuts: Array, *, window: int, gap_decay: float
) -> tuple[Array, Pairs]:
    """Steps that the users' visits added from their cut on: request of each pair, and the pairs."""
    starts, gap = log.offsets[users], np.arange(1, window + 1)
    request, visit = expand(starts + cuts, log.offsets[users + 1] - starts - cuts)
    hidden, counted = ((visit - starts[request])[:, None] >= gap).nonzero()
    request, later, gap = request[hidden], visit[hidden], gap[counted]
    a, b = log.items[later - gap].astype(np.int64), log.items[later]
    gaps = np.array([gap_decay**one for one in range(window)])  # as when the steps were counted
    worth = on_grain(log.weights[later] * gaps[gap - 1])
    key = (request * log.n_items + a) * log.n_items + b
    distinct, inverse = np.unique(key, return_inverse=True)
    rows, b = np.divmod(distinct, log.n_items)
    request, a = np.divmod(rows, log.n_items)
    return request, Pairs(a, b, np.bincount(inverse, worth, minlength=len(distinct)))


def _without(entries: Entries, rows: SparseRows, items: Array, own: Pairs) -> Entries:
    """Entries without own steps."""
    columns, values, lengths = entries
    # Rows come in order, and columns in order within each, so an entry is found by both. The table
    # is square: no column is as large as its number of starts.
    key = np.arange(len(items)).repeat(lengths) * len(rows.starts) + columns
    place, pair = (items[:, None] == own.row).nonzero()
    wanted = place * len(rows.starts) + own.column[pair]
    at = key.searchsorted(wanted)
    found = at < len(key)
    found[found] = key[at[found]] == wanted[found]
    at, pair = at[found], pair[found]
    left = values[at] - own.worth[pair]
    # One that would have been pruned without them goes whole: to see it would give the target away.
    pruned = left < rows.floor[own.row[pair]] + 1e-6
    values[at] = np.where(pruned, 0.0, left)
    return columns, values, lengths
