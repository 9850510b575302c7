"""What the next-item benchmark trains on and asks, and how answers are judged.

All items are ranked, those the user has seen are masked, a target that is itself masked is a
miss, and ties get their expected rank.
"""

import time
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.interactions import Interactions
from pawsonalize.models.evaluation.metrics import (
    Placements,
    hit_rate,
    normalized_discounted_cumulative_gain,
    place,
)

Split = Literal["test", "validation", "time"]
_TIME_SHARE = 0.9  # of the events lie before the cut of the split by time


@dataclass(frozen=True, slots=True)
class Task:
    """`train` marks the rows to learn from; `target` are the rows to guess, one per user.

    What may be used for a guess are the user's rows before it, back to the first.
    """

    data: Interactions
    train: NDArray[np.bool_]
    target: NDArray[np.int64]

    def shuffled(self, seed: int) -> "Task":
        """The control: the same, with all that lies before each target in random order."""
        asked = np.zeros(len(self.train), bool)
        asked[self.target] = True
        return replace(self, data=self.data.shuffled(seed, asked))


class Scorer(Protocol):
    """A fitted model: a score for every item, given the row to guess (and what lies before)."""

    def __call__(self, target: int) -> NDArray[np.floating]: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """Means over the questions, and what a request took."""

    ndcg_at_10: float
    hr_at_10: float
    ms_per_request: float
    users: int


def make_task(data: Interactions, split: Split, users: int | None = None, seed: int = 0) -> Task:
    """Leave-one-out, or the split by time; `users` limits the questions, drawn at random.

    Leave-one-out trains on all but the last two events of each user who has three or more (all
    of the others'), for the test and the validation alike; so the validation event is known to
    the test's context, not to the model.

    By time, the model learns from the oldest 90% of the events, and the question is the last event
    of every user whose last one is later, given all of theirs before it, those after the cut
    included. What counts: any user with an event before the last, whether the model met them or
    not, and any item; one that first appears after the cut is unknown to the model, and a miss of
    those who know no better.
    """
    train, target = _by_time(data) if split == "time" else _leave_one_out(data, split)
    if users is not None and users < len(target):
        target = np.sort(np.random.default_rng(seed).choice(target, users, replace=False))
    return Task(data, train, target)


def _leave_one_out(data: Interactions, split: Split) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    end = data.start[1:]
    asked = np.diff(data.start) >= 3
    train = np.ones(len(data.item), bool)
    for back in (1, 2):
        train[end[asked] - back] = False
    return train, end[asked] - (1 if split == "test" else 2)


def _by_time(data: Interactions) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    train = data.time < np.quantile(data.time, _TIME_SHARE)
    first, last = data.start[:-1], data.start[1:] - 1
    return train, last[(last > first) & ~train[last]]


def judge(task: Task, scorer: Scorer) -> Judged:
    """Ask every question once."""
    data, placed, spent = task.data, [], 0.0
    for target in task.target.tolist():
        begun = time.perf_counter()
        answer = scorer(target)
        spent += time.perf_counter() - begun
        scores = answer.astype(np.float64)
        scores[data.item[data.start[data.user[target]] : target]] = -np.inf
        placed.append(place(scores, data.item[target : target + 1].astype(np.int64)))
    placements = Placements.of(placed)
    return Judged(
        ndcg_at_10=float(normalized_discounted_cumulative_gain(placements, 10).mean()),
        hr_at_10=float(hit_rate(placements, 10).mean()),
        ms_per_request=1000 * spent / max(len(placed), 1),
        users=len(placed),
    )
