"""Coverage: how much of the catalogue is ever recommended?"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def coverage(lists: Iterable[NDArray[np.int64]], n_items: int) -> float:
    """Distinct items in all the lists, over the items there are (0 for an empty catalogue).

    The lists are the answers to the questions of one evaluation: more questions, more coverage,
    so compare it only on the same questions. Source: Amazon Personalize, "coverage".
    """
    shown = np.unique(np.concatenate([np.zeros(0, np.int64), *lists]))
    return len(shown) / n_items if n_items else 0.0
