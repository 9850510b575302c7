"""Metrics as Amazon Personalize's GetSolutionMetrics spells them; all read `Placements`."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.placements import MISSED, Metric, Placements, per_question, share_within


def precision(placements: Placements, k: int) -> NDArray[np.float64]:
    """Right items among the first k, over k: with a single target at most 1 / k.

    Source: Amazon Personalize, "Evaluating a solution version with metrics".
    """
    return per_question(placements, share_within(placements, np.ones(k))) / k


def normalized_discounted_cumulative_gain(placements: Placements, k: int) -> NDArray[np.float64]:
    """Gain of the first k, each right item 1 / log2(rank + 1), over the best possible gain.

    The best possible list has min(k, targets) right items at its top. Source: Amazon
    Personalize, "Evaluating a solution version with metrics"; trec_eval's `ndcg_cut` with
    binary relevance is the same.
    """
    gains = 1 / np.log2(np.arange(2, k + 2))
    targets = np.bincount(placements.question, minlength=placements.n_questions)
    best = np.concatenate(([0.0], np.cumsum(gains)))[np.minimum(targets, k)]
    return np.asarray(per_question(placements, share_within(placements, gains)) / best, np.float64)


def mean_reciprocal_rank(placements: Placements, k: int) -> NDArray[np.float64]:
    """1 / rank of the first right item, 0 if it is not among the first k.

    The name is Amazon Personalize's; the mean is taken over questions. trec_eval's
    `recip_rank` of the first k is the same.
    """
    total = np.zeros(placements.n_questions)
    still_none = np.ones(placements.n_questions)
    for rank, none_so_far in _none_among(placements, k):
        total += (still_none - none_so_far) / rank
        still_none = none_so_far
    return total


def hit_rate(placements: Placements, k: int) -> NDArray[np.float64]:
    """1 if a right item is among the first k, else 0; a chance where ties decide."""
    none = np.ones(placements.n_questions)
    for _rank, none_so_far in _none_among(placements, k):
        none = none_so_far
    return 1 - none


def _none_among(placements: Placements, k: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """For each rank from 1 to k the chance that no item up to it is right, per question."""
    first = np.full(placements.n_questions, MISSED)
    np.minimum.at(first, placements.question, placements.before)
    leads = placements.before == first[placements.question]
    right = np.bincount(placements.question[leads], minlength=placements.n_questions)
    size = np.ones(placements.n_questions, np.int64)
    size[placements.question[leads]] = placements.tied[leads]
    chance = np.ones(placements.n_questions)
    for rank in range(1, k + 1):
        drawn = rank - 1 - first  # of the tie, before this rank; beyond r misses it is 0 for good
        in_tie = (drawn >= 0) & (drawn < size)
        left = np.where(in_tie, size - drawn, 1)
        chance = chance * np.where(in_tie, np.maximum(left - right, 0) / left, 1.0)
        yield rank, chance


def coverage(lists: Iterable[NDArray[np.int64]], n_items: int) -> float:
    """Distinct items in all the lists, over the items there are (0 for an empty catalogue).

    The lists are the answers to the questions of one evaluation: more questions, more coverage,
    so compare it only on the same questions. Source: Amazon Personalize, "coverage".
    """
    shown = np.unique(np.concatenate([np.zeros(0, np.int64), *lists]))
    return len(shown) / n_items if n_items else 0.0


_NDCG = normalized_discounted_cumulative_gain
DEPTH = 25
"""Length of the list that the deepest metric reads."""

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        **{f"{_NDCG.__name__}_at_{k}": partial(_NDCG, k=k) for k in (5, 10, 25)},
        "mean_reciprocal_rank_at_25": partial(mean_reciprocal_rank, k=25),
        **{f"precision_at_{k}": partial(precision, k=k) for k in (5, 10, 25)},
        "hit_rate_at_10": partial(hit_rate, k=10),
    }
)
"""`coverage` is not among them: it is of all lists together, not of one question."""

NDCG_AT_5 = f"{_NDCG.__name__}_at_5"
NDCG_AT_10 = f"{_NDCG.__name__}_at_10"
