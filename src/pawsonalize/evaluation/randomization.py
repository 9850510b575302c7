"""Could a lead be chance? Fisher's randomization test over users.

Smucker, Allan & Carterette, "A Comparison of Statistical Significance Tests for Information
Retrieval Evaluation" (CIKM 2007). Unlike a bootstrap's bound it is exact however few users tell
two rankers apart: with four to eight that do, the bound says "better" of equals in 4 to 5 cases
of 100, where it should in 2.5.
"""

import numpy as np
from numpy.typing import NDArray

SWAPS = 4_000


def chance_of_lead(ours: NDArray[np.float64], theirs: NDArray[np.float64], seed: int) -> float:
    """How often a lead as large comes about if, for each user, a coin says which is which.

    Values are of one metric, shape (users,), of the same users.
    """
    differences = ours - theirs
    differences = differences[differences != 0]
    coins = np.random.default_rng(seed).integers(2, size=(SWAPS, len(differences)), dtype=np.int8)
    leads = 2 * (coins.astype(np.float64) @ differences) - differences.sum()
    slack = 1e-12 * np.abs(differences).sum()  # the same lead may round differently
    as_large = np.count_nonzero(leads >= differences.sum() - slack)
    return float((as_large + 1) / (SWAPS + 1))
