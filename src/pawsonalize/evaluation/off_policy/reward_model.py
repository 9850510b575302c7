"""A small reward model: what an item at a place is worth, by its mean, drawn to the place's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.off_policy.choices import Predictions

FOLDS = 5
PRIOR = 50.0
"""Imagined rows of the place's mean that each item at the place begins with."""


def mean_rewards(
    item: NDArray[np.int64], place: NDArray[np.int64], reward: NDArray[np.float64], n_items: int
) -> NDArray[np.float64]:
    """The table of means, shape (items, places).

    (Σ r + PRIOR m) / (n + PRIOR) over the n rows of an item at a place, where m is the place's
    mean, itself drawn to the mean of all in the same way. Source: Efron & Morris, "Stein's
    Estimation Rule and Its Competitors", JASA 1973.
    """
    n_places = int(place.max()) + 1
    overall = float(reward.mean()) if len(reward) else 0.0
    of_place = _drawn(
        np.bincount(place, reward, n_places), np.bincount(place, minlength=n_places), overall
    )
    cell = item * n_places + place
    size = n_items * n_places
    sums, counts = np.bincount(cell, reward, size), np.bincount(cell, minlength=size)
    shape = (n_items, n_places)
    return _drawn(sums.reshape(shape), counts.reshape(shape), of_place)


def predict(
    item: NDArray[np.int64],
    place: NDArray[np.int64],
    reward: NDArray[np.float64],
    answer: NDArray[np.int64],
    policy: NDArray[np.float64],
) -> Predictions:
    """Predictions for every row, from the rows of other answers alone (cross-fitting).

    `policy` is the target's probability of each item, (items,), or of each row, (rows, items).
    Source of cross-fitting: Chernozhukov et al., "Double/Debiased Machine Learning", 2018.
    """
    n_items, n_places = policy.shape[-1], int(place.max()) + 1
    fold = answer % FOLDS
    chosen, expected = np.zeros(len(item)), np.zeros(len(item))
    for one in np.unique(fold):
        asked, others = fold == one, fold != one
        table = np.zeros((n_items, n_places))
        if others.any():
            known = mean_rewards(item[others], place[others], reward[others], n_items)
            table[:, : known.shape[1]] = known
        chosen[asked] = table[item[asked], place[asked]]
        shares = policy if policy.ndim == 1 else policy[asked]
        at_places = np.atleast_2d(shares @ table)  # one row for all, or one for each
        expected[asked] = np.take_along_axis(
            np.broadcast_to(at_places, (int(asked.sum()), n_places)), place[asked, None], 1
        )[:, 0]
    return Predictions(chosen, expected)


def _drawn(
    sums: NDArray[Any], counts: NDArray[Any], mean: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    return np.asarray((sums + PRIOR * mean) / (counts + PRIOR), np.float64)
