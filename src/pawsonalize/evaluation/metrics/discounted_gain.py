"""Normalised discounted cumulative gain: are the right items high in the list?"""

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.metrics.placements import Placements, per_question, share_within


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
