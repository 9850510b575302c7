"""Training requests cut from the log itself, with everything their users did later hidden."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.models.recipes.counts.weights import VisitLog
from pawsonalize.models.recipes.data import Array
from pawsonalize.models.recipes.learned.design import Design
from pawsonalize.models.recipes.learned.features import describe, may_propose, propose
from pawsonalize.models.recipes.learned.signals import Hidden, at_position, hide, signals
from pawsonalize.models.recipes.learned.tables import Counted, Tables, fit_ease, without_fold
from pawsonalize.models.recipes.mixture import MixtureSettings

_CHUNK = 64
_ASKED = 600  # requests that say whether EASE is worth its while
_NEWEST = 0.2  # share of the visits that are the newest
_GAIN = 1.01
_HELD = 200  # candidates kept of a held-out request, at most


class Samples(msgspec.Struct, frozen=True):
    """G requests whose target is among their N candidates, which are in random order."""

    x: Array  # features, shape (G, N, F) float32
    y: Array  # the target, one True a row, shape (G, N)
    there: Array  # False where there were fewer candidates, shape (G, N)
    requests: int

    @classmethod
    def nothing(cls, requests: int) -> "Samples":
        """No target was among the candidates."""
        none = np.zeros((0, 0), bool)
        return cls(np.zeros((0, 0, 0), np.float32), none, none, requests)


def ndcg_at_10(score: Array, y: Array) -> float:
    """Mean NDCG@10 of single choices, ties at their expected rank."""
    # A tie gets its expected rank, so that equal scores gain nothing by the order of columns.
    own = score[y][:, None]
    rank = (score > own).sum(axis=1) + ((score == own).sum(axis=1) - 1) / 2.0
    return float(np.where(rank < 10, 1.0 / np.log2(rank + 2.0), 0.0).mean())


class Drawn(NamedTuple):
    """Training and held-out requests of different users; EASE is a signal if that helped."""

    train: Samples
    held: Samples
    with_ease: bool


def draw(c: Counted, settings: MixtureSettings) -> Drawn | None:
    """Draw requests; None if too few."""
    d, n_users = c.tables.design, c.log.n_users
    rng = np.random.default_rng(d.seed)
    users, cuts = _pick(c.log, d, rng)
    if len(users) < d.min_requests:
        return None
    # A user is whole in one fold, so no request meets tables that know what its user did later.
    fold = rng.integers(0, d.folds, n_users)
    held = rng.random(n_users) < d.holdout
    done: tuple[list[Samples], list[Samples]] = ([], [])
    # The next fold's tables are made meanwhile: their linear algebra needs no lock of Python's.
    with ThreadPoolExecutor(1) as background:
        made, with_ease = background.submit(without_fold, c, fold == 0, settings), False
        for index in range(d.folds):
            tables = made.result()
            if index + 1 < d.folds:
                made = background.submit(without_fold, c, fold == index + 1, settings)
            if index == 0:
                first = np.flatnonzero(fold[users] == 0)
                others = fold[c.log.owners] != 0
                with_ease = _ease_helps(c, tables, users[first], cuts[first], others)
            if with_ease:
                tables = replace(tables, ease=fit_ease(c.log, fold[c.log.owners] != index, d))
            for kind, size in ((0, d.negatives + 1), (1, min(d.candidates, _HELD))):
                inside = np.flatnonzero((fold[users] == index) & (held[users] == kind))
                done[kind].extend(_cut(c, tables, users[inside], cuts[inside], size))
    train, out = (_joined(parts) for parts in done)
    least_train, least_out = max(d.min_requests // 2, 1), max(d.min_requests // 20, 1)
    enough = len(train.x) >= least_train and len(out.x) >= least_out
    return Drawn(train, out, with_ease) if enough else None


def _ease_helps(c: Counted, tables: Tables, users: Array, cuts: Array, others: Array) -> bool:
    """True if with EASE the blend alone answers the newest requests better by a hundredth.

    This EASE knows what came before those requests. A live one knows no more: it is not counted
    anew between trainings, and where items come and go it soon says too little. In a log of one
    moment it knows the visits of other users, a mask.
    """
    log, cut = c.log, np.quantile(c.log.times, 1 - _NEWEST)
    known = log.times < cut
    known = known if known.any() else others
    newest = np.flatnonzero(log.times[log.offsets[users] + cuts] >= cut)[:_ASKED]
    users, cuts = users[newest], cuts[newest]
    ease = fit_ease(log, known, tables.design) if len(users) else None
    if ease is None:
        return False
    targets, own = log.items[log.offsets[users] + cuts], hide(c, users, cuts)
    found = []
    for t in (tables, replace(tables, ease=ease)):
        scores = np.stack(
            [
                signals(
                    t, at_position(c.log, t.index, c.stays, user, cut, c.facets, t.design), hidden
                ).blend
                for user, cut, hidden in zip(users.tolist(), cuts.tolist(), own, strict=True)
            ]
        )
        found.append(ndcg_at_10(scores, targets[:, None] == np.arange(t.n_items)))
    return bool(found[1] > _GAIN * found[0])


def _joined(parts: list[Samples]) -> Samples:
    some = [part for part in parts if len(part.x)]
    requests = sum(part.requests for part in parts)
    if not some:
        return Samples.nothing(requests)
    columns = zip(*((part.x, part.y, part.there) for part in some), strict=True)
    x, y, there = (np.concatenate(column) for column in columns)
    return Samples(x, y, there, requests)


def _pick(log: VisitLog, d: Design, rng: np.random.Generator) -> tuple[Array, Array]:
    """Users and cuts: the newest positions of every user, as deep as the cap pays for."""
    depth = int(np.clip(-(-d.sample_cap // max(log.n_users, 1)), 2, d.sample_depth))
    able = [np.flatnonzero(log.lengths - back >= 1) for back in range(1, depth + 1)]
    user = np.concatenate(able)
    cut = np.concatenate([log.lengths[who] - back for back, who in enumerate(able, start=1)])
    # The question is what a visitor looks at next, so a choice is a view, if there are any.
    if log.views.any():
        viewed = log.views[log.offsets[user] + cut]
        user, cut = user[viewed], cut[viewed]
    if not d.repeats:
        fresh = ~_repeated(log)[log.offsets[user] + cut]
        user, cut = user[fresh], cut[fresh]
    # Tables know too much of what came after earlier positions, where items come and go.
    if log.timed and len(user) > d.newest_requests:
        times = log.times[log.offsets[user] + cut]
        oldest = np.partition(times, -d.newest_requests)[-d.newest_requests]
        user, cut = user[times >= oldest], cut[times >= oldest]
    most = min(d.sample_cap, d.sample_cells // max(log.n_items, 1))
    chosen = rng.permutation(len(user))[:most]
    return user[chosen], cut[chosen]


def _repeated(log: VisitLog) -> Array:
    key = log.owners * log.n_items + log.items
    _, first = np.unique(key, return_index=True)
    result = np.ones(len(key), bool)
    result[first] = False
    return result


def _cut(c: Counted, tables: Tables, users: Array, cuts: Array, size: int) -> list[Samples]:
    d, log = c.tables.design, c.log
    targets = log.items[log.offsets[users] + cuts]

    def work(part: slice) -> Samples:
        rng = np.random.default_rng([d.seed, part.start, size])
        own = hide(c, users[part], cuts[part])
        requests = zip(
            users[part].tolist(), cuts[part].tolist(), targets[part].tolist(), own, strict=True
        )
        found = [_sample(c, tables, *each, size, rng) for each in requests]
        hits = [sample for sample in found if sample is not None]
        if not hits:
            return Samples.nothing(len(found))
        x, y, there = (np.stack(columns) for columns in zip(*hits, strict=True))
        return Samples(x, y, there, len(found))

    return [work(slice(k, k + _CHUNK)) for k in range(0, len(users), _CHUNK)]


def _sample(
    c: Counted,
    tables: Tables,
    user: int,
    cut: int,
    target: int,
    own: Hidden,
    size: int,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array] | None:
    r = at_position(c.log, tables.index, c.stays, user, cut, c.facets, tables.design)
    found = signals(tables, r, own)
    # Nothing costly is calculated for targets that cannot be candidates.
    if not may_propose(tables, found, target):
        return None
    proposed = propose(tables, found)
    y = (proposed.top == target) & proposed.there
    if not y.any():
        return None
    kept = _thin(y, proposed.there, size, rng)
    return describe(tables, r, proposed)[:, kept].T, y[kept], proposed.there[kept]


def _thin(y: Array, there: Array, size: int, rng: np.random.Generator) -> Array:
    key = rng.random(len(y))
    # The target always stays; places without a candidate go first.
    key[y] = -1.0
    key[~there] = 2.0
    return rng.permutation(np.argsort(key)[:size])  # a fixed place would leak the target
