"""A ranker answers every question; what comes of it can be measured and compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.metrics import DEPTH, METRICS, coverage
from pawsonalize.evaluation.placements import Metric, Placements, place

Ranker = Callable[[int], NDArray[np.floating]]
"""Scores all candidates for the question of that number, shape (candidates,); more is better.

-inf stands for "not to be recommended". Never NaN.
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Results of one ranker on the questions."""

    placements: Placements
    best: tuple[NDArray[np.int64], ...]
    """For each question the positions of its 25 best candidates (or fewer), best first."""
    best_scores: tuple[NDArray[np.float64], ...]
    """Their scores."""

    def values(
        self, targets: NDArray[np.bool_] | None = None, metrics: Mapping[str, Metric] = METRICS
    ) -> NDArray[np.float64]:
        """Every metric of every question, shape (questions, metrics).

        Given `targets`, only those count as right, and questions without one are left out.
        """
        placements = self.placements if targets is None else self.placements.only(targets)
        return np.stack([metric(placements) for metric in metrics.values()], axis=1)

    def coverage(self, n_items: int) -> float:
        """The share of the catalogue that is in a list of the 25 best."""
        return coverage(self.best, n_items)


def judge(ranker: Ranker, targets: Sequence[NDArray[np.int64]]) -> Judgement:
    """Ask every question once; `targets[q]` are positions among the candidates, -1 outside.

    Ties in a list stand in the candidates' order, as they do in the service's answers; in the
    metrics they count by their expectation.
    """
    placed, best, best_scores = [], [], []
    for question, wanted in enumerate(targets):
        scores = ranker(question)
        placed.append(place(scores, wanted))
        top = _best(scores, DEPTH)
        best.append(top)
        best_scores.append(scores[top].astype(np.float64))
    return Judgement(Placements.of(placed), tuple(best), tuple(best_scores))


def _best(scores: NDArray[np.floating], limit: int) -> NDArray[np.int64]:
    allowed = np.flatnonzero(scores > -np.inf)
    if limit < len(allowed):
        threshold = np.partition(scores[allowed], -limit)[-limit]
        allowed = allowed[scores[allowed] >= threshold]
    return allowed[np.argsort(-scores[allowed], kind="stable")][:limit]
