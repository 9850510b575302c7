"""The first right item: how soon it comes (reciprocal rank), and whether it does (hit rate).

Only the best-placed tie with a target in it matters. Of its g candidates r are right; the
chance that none of the first j is right is the product of (g - r - i) / (g - i), i < j.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.metrics.placements import MISSED, Placements


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
