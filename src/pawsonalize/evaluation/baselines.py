"""Baselines that any recommender must beat, as rank functions of a visitor's history.

A baseline takes the visitor's items, newest first (positions among the candidates, those
outside left out, repeats kept), and the question's number; it scores all candidates.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Baseline = Callable[[Ints, int], Floats]


def by_chance(n_items: int, seed: int) -> Baseline:
    """Every order as likely as any other."""
    return lambda _history, question: np.random.default_rng((seed, question)).random(n_items)


def by_popularity(shares: Floats) -> Baseline:
    """The same for everyone: the shares themselves."""
    return lambda _history, _question: shares


def by_own_history(shares: Floats) -> Baseline:
    """The visitor's own items, the newest first; then what is popular."""

    def score(history: Ints, _question: int) -> Floats:
        scores = shares.copy()
        # Written oldest first, so of a repeated item the newest place stays.
        scores[history[::-1]] = 2.0 + 1.0 / np.arange(len(history), 0, -1)
        return scores

    return score


def by_attributes(codes: NDArray[np.int32]) -> Baseline:
    """Count the attributes that an item shares with the history's items, all counted alike.

    `codes` are (items, attributes), -1 for none. It knows no behaviour but the visitor's own.
    """
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


def shuffled_order(group: NDArray[np.integer], seed: int) -> Ints:
    """Rows in random order within each group, shape (rows,): row r takes what `[r]` had.

    `group` rises; rows of group -1 (at any place) stay. Only the order of a user's items is lost.
    """
    source = np.arange(len(group))
    free = np.flatnonzero(group >= 0)
    chance = np.random.default_rng(seed).random(len(free))
    source[free] = free[np.lexsort((chance, group[free]))]
    return source
