"""Arrivals that are the hardest to place: the fifth with the lowest expected adoption rate."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
# A level's own rate counts half once so many of it were adopted.
_PRIOR_ADOPTIONS = 5.0


def expected_rates(
    levels: Sequence[NDArray[np.int64]], waited: NDArray[np.float64], adopted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Adoptions to expect per day of waiting for each arrival, shape (arrivals,).

    `levels` are codes of what is known on arrival, from coarse to fine (species, its ages, …,
    the group). A level's rate is its adoptions over its days, drawn towards the rate of the level
    above where it has few. What became of an arrival says nothing about itself: rates come from
    the other folds, of which arrival i is in number i mod 5.
    """
    rates = np.empty(len(waited))
    fold = np.arange(len(waited)) % FOLDS
    for number in range(FOLDS):
        rates[fold == number] = _rates(levels, waited, adopted, fold != number)[fold == number]
    return rates


def hardest_fifth(rates: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A mask of the lowest fifth, rounded up; the earlier of equals comes first."""
    mask = np.zeros(len(rates), bool)
    mask[np.argsort(rates, kind="stable")[: -(-len(rates) // 5)]] = True
    return mask


def _rates(
    levels: Sequence[NDArray[np.int64]],
    waited: NDArray[np.float64],
    adopted: NDArray[np.bool_],
    known: NDArray[np.bool_],
) -> NDArray[np.float64]:
    days, ends = waited * known, (adopted & known).astype(float)
    # One adoption and one day more, so that no rate is 0 or endless.
    rate = np.full(len(waited), (ends.sum() + 1) / (days.sum() + 1))
    for codes in levels:
        all_ends = np.bincount(codes, ends)[codes]
        all_days = np.bincount(codes, days)[codes]
        rate = (all_ends + _PRIOR_ADOPTIONS) / (all_days + _PRIOR_ADOPTIONS / rate)
    return rate
