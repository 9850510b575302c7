"""Other people's recommenders on the next-item task, each fitted and asked in its own way.

They get the same training rows as ours. Those that can fold in a user's newest events (all but
BPR, which knows users by what it was trained on) do so.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

from benchmarks.child import Missing, required
from benchmarks.next_item_task import Scorer, Task

_EASE_ITEMS = 15_000  # a matrix of all pairs of items takes 0.9 GB there, several while inverted
_EASE_PENALTY = 200.0
_NEIGHBOURS = 100
_ALS_PENALTY, _ALS_TRUST = 0.01, 10.0


def user_items(task: Task) -> csr_matrix:
    """What each user has met in the training rows, once each."""
    data, rows = task.data, task.train
    return _once(data.user[rows], data.item[rows], (data.n_users, data.n_items))


def fit_popularity(task: Task, _seed: int) -> Scorer:
    """Users per item."""
    users = np.asarray(user_items(task).sum(axis=0), np.float64).ravel()
    return lambda _target: users


def fit_ease(task: Task, _seed: int) -> Scorer:
    """EASE in closed form (Steck, WWW 2019)."""
    if task.data.n_items >= _EASE_ITEMS:
        raise Missing(
            f"EASE needs a matrix of all pairs of items: only below {_EASE_ITEMS:,} items"
        )
    met = user_items(task).astype(np.float32)
    gram = (met.T @ met).toarray()
    gram[np.diag_indices_from(gram)] += _EASE_PENALTY
    weights = np.linalg.inv(gram)
    del gram
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    return lambda target: weights[_history(task, target)].sum(axis=0)


def fit_item_knn(task: Task, _seed: int) -> Scorer:
    """Cosine neighbours of items, by implicit."""
    knn = required("implicit.nearest_neighbours").CosineRecommender(K=_NEIGHBOURS)
    knn.fit(user_items(task), show_progress=False)
    similar = csr_array(knn.similarity)

    def scores(target: int) -> NDArray[np.floating]:
        met = similar[_history(task, target)]
        return np.bincount(met.indices, met.data, task.data.n_items).astype(np.float64)

    return scores


def fit_als(task: Task, seed: int) -> Scorer:
    """Matrix factorisation by alternating least squares, by implicit."""
    als = required("implicit.cpu.als").AlternatingLeastSquares(
        factors=128, regularization=_ALS_PENALTY, alpha=_ALS_TRUST, iterations=15, random_state=seed
    )
    als.fit(user_items(task), show_progress=False)
    items = als.item_factors
    everywhere = items.T @ items + _ALS_PENALTY * np.eye(items.shape[1])

    def scores(target: int) -> NDArray[np.floating]:
        # One more half-step for this user: the same as implicit's, which takes far longer.
        met = items[np.unique(_history(task, target))]
        pull = everywhere + (_ALS_TRUST - 1) * (met.T @ met)
        return np.asarray(items @ np.linalg.solve(pull, _ALS_TRUST * met.sum(axis=0)))

    return scores


def fit_bpr(task: Task, seed: int) -> Scorer:
    """Bayesian personalised ranking, by implicit."""
    bpr = required("implicit.cpu.bpr").BayesianPersonalizedRanking(
        factors=128, learning_rate=0.05, regularization=0.01, iterations=100, random_state=seed
    )
    bpr.fit(user_items(task), show_progress=False)
    users, items = bpr.user_factors, bpr.item_factors
    return lambda target: np.asarray(items @ users[task.data.user[target]])


def _history(task: Task, target: int) -> NDArray[np.int32]:
    return task.data.item[task.data.start[task.data.user[target]] : target]


def _once(
    rows: NDArray[np.int32], columns: NDArray[np.int32], shape: tuple[int, int]
) -> csr_matrix:
    met = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    met.sum_duplicates()
    met.data[:] = 1
    return met
