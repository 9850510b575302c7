"""Splits: the events to train on, the questions, and their right answers; slices; baselines.

Events are columns sorted by user, then `(time, log offset)`. A question is asked of one user: rows
`start…cut` are what is known of the user, rows `cut…end` what the user did next.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.models.evaluation.intervals import Floats, Ints, Mask

Baseline = Callable[[Ints, int], Floats]
"""A ranker to beat: scores all candidates, given the visitor's items and the question's number.

The items are positions among the candidates, newest first, repeats kept, those outside left out.
"""
TEST_SHARE = 10  # one user in ten, and the newest tenth of each one's events
RARE = 0.01  # share of repeats below which visitors are taken not to come back to an item
MIN_TARGETS = 10  # smaller slices say nothing and are left out


class Split(msgspec.Struct, frozen=True):
    """`training` is a mask over events; `start`, `cut`, `end` are rows, shape (questions,)."""

    training: Mask
    start: Ints
    cut: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.start)

    def sample(self, most: int, seed: int) -> "Split":
        """At most so many questions, drawn by lot; the training part stays."""
        if len(self) <= most:
            return self
        kept = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False))
        return Split(self.training, self.start[kept], self.cut[kept], self.end[kept])


def personalize_split(user: NDArray[np.integer], seed: int) -> Split:
    """One user in ten is a test user; the others' events are the training part."""
    start, end = _spans(user)
    # One event alone leaves nothing to hold out.
    able = np.flatnonzero(end - start >= 2)
    many = -(-len(able) // TEST_SHARE)
    chosen = np.sort(np.random.default_rng(seed).choice(able, many, replace=False))
    start, end = start[chosen], end[chosen]
    # Of n events the oldest floor(0.9 n) are input and the rest truth (Amazon Personalize,
    # "Evaluating a solution version with metrics").
    cut = start + (end - start) * (TEST_SHARE - 1) // TEST_SHARE
    training = np.ones(len(user), np.bool_)
    for first, last in zip(start, end, strict=True):
        training[first:last] = False
    return Split(training, start, cut, end)


def global_time_split(user: NDArray[np.integer], time: Ints, moment: int, seed: int) -> Split:
    """Everything before `moment` is the training part; every user active since is asked once."""
    start, end = _spans(user)
    up_to = np.concatenate(([0], np.cumsum(time >= moment)))
    since = end - (up_to[end] - up_to[start])
    active = np.flatnonzero(since < end)
    start, since, end = start[active], since[active], end[active]
    # One of the user's events since then, given all before it: as on a day of service, the model is
    # old, and the visitor's history is not.
    cut = since + np.random.default_rng(seed).integers(end - since)
    return Split(time < moment, start, cut, cut + 1)


def last_split(user: NDArray[np.integer]) -> Split:
    """Everybody's last event is a question, and all before it the training part."""
    start, end = _spans(user)
    start, end = start[end - start >= 2], end[end - start >= 2]  # one event leaves nothing to ask
    training = np.ones(len(user), np.bool_)
    training[end - 1] = False
    return Split(training, start, end - 1, end)


def _spans(user: NDArray[np.integer]) -> tuple[Ints, Ints]:
    edges = np.flatnonzero(np.diff(user)) + 1
    bounds = np.concatenate(([0], edges, [len(user)])) if len(user) else np.zeros(1, np.int64)
    return bounds[:-1], bounds[1:]


def moment_after(time: Ints, share: float) -> int:
    """The moment of the event that `share` of the events precede, or fewer at equal moments."""
    place = min(int(np.ceil(share * len(time))), len(time) - 1)
    return int(np.sort(time)[place])


def births(item: NDArray[np.integer], time: Ints, created: Ints) -> Ints:
    """The moment at which each item was created or first seen; `created` may be int64's end."""
    known = created.copy()
    np.minimum.at(known, item, time)
    # What nobody touched, and has no date, was always there.
    known[known == np.iinfo(np.int64).max] = np.iinfo(np.int64).min
    return known


class Slice(msgspec.Struct, frozen=True):
    """Targets that belong together: a mean of all hides those that a recommender serves badly."""

    kind: str
    value: str
    targets: Mask


def by_value(kind: str, names: Sequence[str], codes: NDArray[np.integer]) -> list[Slice]:
    """One slice per name that has enough targets; `codes` per target, -1 for none."""
    found = (Slice(kind, name, codes == code) for code, name in enumerate(names))
    return [part for part in found if np.count_nonzero(part.targets) >= MIN_TARGETS]


def by_chance(n_items: int, seed: int) -> Baseline:
    """Every order as likely as any other."""
    # A seed for each question, so that no answer depends on which were asked before.
    return lambda _history, question: np.random.default_rng((seed, question)).random(n_items)


def by_popularity(shares: Floats) -> Baseline:
    """The same for everybody: every item by its share."""
    return lambda _history, _question: shares


def without_seen(baseline: Baseline) -> Baseline:
    """The baseline that recommends none of the visitor's items, unless these are all there are."""

    def score(history: Ints, question: int) -> Floats:
        scores = baseline(history, question)
        unseen = np.ones(len(scores), np.bool_)
        unseen[history] = False
        return np.where(unseen, scores, -np.inf) if unseen.any() else scores

    return score


def by_own_history(shares: Floats) -> Baseline:
    """The visitor's own items, the newest first; then what is popular."""

    def score(history: Ints, _question: int) -> Floats:
        scores = shares.copy()
        # Written oldest first, so of a repeated item the newest place stays.
        # From 2 to 3: above all shares, which are at most 1.
        scores[history[::-1]] = 2.0 + 1.0 / np.arange(len(history), 0, -1)
        return scores

    return score


def by_attributes(codes: NDArray[np.int32]) -> Baseline:
    """Count attributes shared with the history's items; `codes` are (items, attributes) or -1."""
    sizes = codes.max(axis=0, initial=-1) + 1

    def score(history: Ints, _question: int) -> Floats:
        scores = np.zeros(len(codes))
        for column, size in zip(codes.T, sizes.tolist(), strict=True):
            met = column[history]
            likes = np.append(np.bincount(met[met >= 0], minlength=size), 0)  # the last is of -1
            scores += likes[column]
        return scores

    return score


def popularity_shares(user: NDArray[np.int32], item: NDArray[np.int32], n_items: int) -> Floats:
    """Distinct users of each item over all such pairs, shape (items,); the arrays are events'."""
    pairs = np.unique(user.astype(np.int64) * n_items + item)
    users = np.bincount(pairs % max(n_items, 1), minlength=n_items)
    return users / max(len(pairs), 1)


def repeat_share(user: NDArray[np.int32], item: NDArray[np.int32], n_items: int) -> float:
    """Share of the events that are about an item which the same user had before."""
    pairs = np.unique(user.astype(np.int64) * n_items + item)
    return 1 - len(pairs) / max(len(user), 1)


def shuffled_order(group: NDArray[np.integer], seed: int) -> Ints:
    """Rows in random order within each rising group, shape (rows,); rows of group -1 stay."""
    source = np.arange(len(group))
    free = np.flatnonzero(group >= 0)
    chance = np.random.default_rng(seed).random(len(free))
    source[free] = free[np.lexsort((chance, group[free]))]
    return source
