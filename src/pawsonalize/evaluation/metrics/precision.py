"""Precision: how much of the list is right?"""

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.metrics.placements import Placements, per_question, share_within


def precision(placements: Placements, k: int) -> NDArray[np.float64]:
    """Right items among the first k, over k: with a single target at most 1 / k.

    Source: Amazon Personalize, "Evaluating a solution version with metrics".
    """
    return per_question(placements, share_within(placements, np.ones(k))) / k
