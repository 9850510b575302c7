"""Metrics of rankings as Amazon Personalize's GetSolutionMetrics spells them, and calibration."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.models.evaluation.intervals import Floats, Ints

# So far behind that no cut-off reaches it.
MISSED = np.iinfo(np.int64).max // 2
DEPTH = 25  # length of the list that the deepest metric reads
Ranker = Callable[[int], NDArray[np.floating]]
"""Scores all candidates for the question of that number, shape (candidates,); more is better.

-inf stands for "not to be recommended". Never NaN.
"""


class Placements(msgspec.Struct, frozen=True):
    """The targets of all questions, each once, grouped by question; every question has one."""

    question: Ints  # in 0…n_questions-1, rising
    before: Ints  # candidates that score higher than the target; MISSED for a miss
    tied: Ints  # candidates that score the same, the target included
    n_questions: int

    @classmethod
    def of(cls, placed: Sequence[tuple[Ints, Ints]]) -> "Placements":
        """One `(before, tied)` of `place` per question."""
        counts = [len(before) for before, _ in placed]
        none = [np.zeros(0, np.int64)]
        return cls(
            np.repeat(np.arange(len(placed)), counts),
            np.concatenate([before for before, _ in placed] or none),
            np.concatenate([tied for _, tied in placed] or none),
            len(placed),
        )

    def only(self, targets: NDArray[np.bool_]) -> "Placements":
        """As if only these targets were right; questions that keep none are left out."""
        questions, renumbered = np.unique(self.question[targets], return_inverse=True)
        return Placements(renumbered, self.before[targets], self.tied[targets], len(questions))

    def gain(self, gains: Floats) -> Floats:
        """Sum the targets' expected gains, shape (questions,); `gains[r]` is that of rank r + 1."""
        # A target in a tie is at each of the tie's ranks with equal chance, so its expectation is
        # their mean gain (McSherry and Najork, ECIR 2008, section 2).
        up_to = np.concatenate(([0.0], np.cumsum(gains)))
        first = np.minimum(self.before, len(gains))
        last = np.minimum(self.before + self.tied, len(gains))
        expected = (up_to[last] - up_to[first]) / self.tied
        return np.bincount(self.question, expected, self.n_questions).astype(np.float64)


Metric = Callable[[Placements], Floats]  # of each question a value from 0 to 1, shape (questions,)


def place(scores: NDArray[np.floating], targets: Ints) -> tuple[Ints, Ints]:
    """`before` and `tied` of each target, shape (targets,).

    `scores` are the candidates', -inf where one must not be recommended; `targets` are positions
    among them, -1 for an item that is no candidate. Both count as missed.
    """
    before = np.full(len(targets), MISSED)
    tied = np.ones(len(targets), np.int64)
    for row, target in enumerate(targets.tolist()):
        if target >= 0 and scores[target] > -np.inf:
            before[row] = np.count_nonzero(scores > scores[target])
            tied[row] = np.count_nonzero(scores == scores[target])
    return before, tied


def precision(placements: Placements, k: int) -> Floats:
    """Right items among the first k, over k (Amazon Personalize): at most 1 / k for one target."""
    return placements.gain(np.ones(k)) / k


def recall(placements: Placements, k: int) -> Floats:
    """Right items among the first k, over all right items."""
    targets = np.bincount(placements.question, minlength=placements.n_questions)
    return placements.gain(np.ones(k)) / targets


def normalized_discounted_cumulative_gain(placements: Placements, k: int) -> Floats:
    """Gain of the first k, each right item 1 / log2(rank + 1), over the best possible gain."""
    # The best list has min(k, targets) right items at its top, as in Amazon Personalize
    # ("Evaluating a solution version with metrics") and in trec_eval's `ndcg_cut` for binary
    # relevance.
    gains = 1 / np.log2(np.arange(2, k + 2))
    targets = np.bincount(placements.question, minlength=placements.n_questions)
    best = np.concatenate(([0.0], np.cumsum(gains)))[np.minimum(targets, k)]
    return np.asarray(placements.gain(gains) / best, np.float64)


def mean_reciprocal_rank(placements: Placements, k: int) -> Floats:
    """1 / rank of the first right item, 0 if not among the first k; trec_eval's `recip_rank`."""
    total = np.zeros(placements.n_questions)
    still_none = np.ones(placements.n_questions)
    for rank, none_so_far in _none_among(placements, k):
        total += (still_none - none_so_far) / rank
        still_none = none_so_far
    return total


def hit_rate(placements: Placements, k: int) -> Floats:
    """1 if a right item is among the first k, else 0; a chance where ties decide."""
    *_, (_, none) = _none_among(placements, k)
    return np.asarray(1 - none, np.float64)


def _none_among(placements: Placements, k: int) -> Iterator[tuple[int, Floats]]:
    """For each rank from 1 to k the chance that no item up to it is right, per question."""
    first = np.full(placements.n_questions, MISSED)
    np.minimum.at(first, placements.question, placements.before)
    # Only the first right item counts, and the tie in which it may stand.
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


def coverage(lists: Iterable[Ints], n_items: int) -> float:
    """Distinct items in all lists over the items there are (Amazon Personalize); more with more."""
    shown = np.unique(np.concatenate([np.zeros(0, np.int64), *lists]))
    return len(shown) / n_items if n_items else 0.0


# `coverage` is not among them: it is of all lists together, not of one question.
METRICS: Mapping[str, Metric] = {
    **{
        f"normalized_discounted_cumulative_gain_at_{k}": partial(
            normalized_discounted_cumulative_gain, k=k
        )
        for k in (5, 10, 25)
    },
    "mean_reciprocal_rank_at_25": partial(mean_reciprocal_rank, k=25),
    **{f"precision_at_{k}": partial(precision, k=k) for k in (5, 10, 25)},
    "hit_rate_at_10": partial(hit_rate, k=10),
}

NDCG_AT_5, NDCG_AT_10, *_ = METRICS


class Judgement(msgspec.Struct, frozen=True):
    """Results of one ranker on the questions."""

    placements: Placements
    best: tuple[Ints, ...]
    """For each question the positions of its 25 best candidates (or fewer), best first."""
    best_scores: tuple[Floats, ...]

    def values(
        self, targets: NDArray[np.bool_] | None = None, metrics: Mapping[str, Metric] = METRICS
    ) -> Floats:
        """Every metric of every question, (questions, metrics); given `targets`, of those alone."""
        placements = self.placements if targets is None else self.placements.only(targets)
        return np.stack([metric(placements) for metric in metrics.values()], axis=1)


def judge(ranker: Ranker, targets: Sequence[Ints]) -> Judgement:
    """Ask every question once; `targets[q]` are positions among the candidates, -1 outside."""
    # Ties stand in the candidates' order, as in answers; metrics count their expectation.
    placed, best, best_scores = [], [], []
    for question, wanted in enumerate(targets):
        scores = ranker(question)
        placed.append(place(scores, wanted))
        allowed = np.flatnonzero(scores > -np.inf)
        if len(allowed) > DEPTH:
            # All that tie with the last place stay: the stable sort decides by position.
            threshold = np.partition(scores[allowed], -DEPTH)[-DEPTH]
            allowed = allowed[scores[allowed] >= threshold]
        top = allowed[np.argsort(-scores[allowed], kind="stable")][:DEPTH]
        best.append(top)
        best_scores.append(scores[top].astype(np.float64))
    return Judgement(Placements.of(placed), tuple(best), tuple(best_scores))


def segment_metrics(scores: NDArray[np.floating], chose: NDArray[np.bool_]) -> dict[str, float]:
    """Metrics of segments of users, one for each item; both arrays have shape (items, users)."""
    if not len(scores):
        return {}
    # A segment has the best hundredth of the users, at most 2,500 of them. A hit is a user who
    # chose the item, recall the share of all who did, coverage the share of users in any segment
    # (Amazon Personalize, "Evaluating a solution version with metrics").
    segments = judge(lambda item: scores[item], [np.flatnonzero(row) for row in chose])
    users = scores.shape[1]
    size = -(-users // 100)
    hits = precision(segments.placements, size) * size
    return {
        "segment_hit": float(hits.mean()),
        "segment_recall": float((hits / chose.sum(axis=1)).mean()),
        "segment_coverage": coverage((best[:size] for best in segments.best), users),
    }


class Bin(msgspec.Struct, frozen=True):
    """Pairs of about the same score: how many, their mean score, and how many came true."""

    pairs: int
    score: float
    frequency: float


class Calibration(msgspec.Struct, frozen=True):
    """Bins by rising score, and the gap between score and frequency, a mean over all pairs."""

    bins: tuple[Bin, ...]
    expected_calibration_error: float


def calibration(scores: Floats, came_true: NDArray[np.bool_], n_bins: int = 10) -> Calibration:
    """Compare scores with what happened, (pairs,), in bins of about equally many pairs."""
    if len(scores) == 0:
        return Calibration((), 0.0)
    edges = np.quantile(scores, np.arange(1, n_bins) / n_bins, method="lower")
    number = np.searchsorted(np.unique(edges), scores, side="right")
    pairs = np.bincount(number)
    filled = np.flatnonzero(pairs)
    score = np.bincount(number, scores)[filled] / pairs[filled]
    frequency = np.bincount(number, came_true)[filled] / pairs[filled]
    # Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), equation 3.
    error = float(pairs[filled] @ np.abs(score - frequency)) / len(scores)
    columns = (pairs[filled], score, frequency)
    return Calibration(tuple(map(Bin, *(column.tolist() for column in columns))), error)
