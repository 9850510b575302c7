"""Comparisons of recommenders on held-out interactions, user by user."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Literal, cast

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.core.errors import InvalidInput
from pawsonalize.library.dataset import Dataset
from pawsonalize.library.recommenders import OwnModel, PlainModel, Recommender, named
from pawsonalize.library.tables import Frames, Table
from pawsonalize.models.evaluation import metrics
from pawsonalize.models.evaluation.intervals import (
    Difference,
    Floats,
    Ints,
    intervals,
    paired_differences,
)
from pawsonalize.models.evaluation.metrics import Metric
from pawsonalize.models.evaluation.splits import last_split
from pawsonalize.models.recipes.contract import Context, Model, Scorer
from pawsonalize.models.recipes.data import Scores, TrainingData
from pawsonalize.train.holdout import (
    ALL_EVENTS,
    MAX_QUESTIONS,
    Holdout,
    SplitName,
    calibration_of,
    hold_out,
    set_questions,
)

_SEED = 0  # of the draws of users for intervals
SplitKind = Literal["last", "time", "users"]
"""What is held out: everybody's last interaction, all since the last tenth began (of which each
user is asked one), or the newest tenth of one user in ten, of whom nothing is learned."""


class Measured(msgspec.Struct, frozen=True):
    """One recommender's measurement; the means are over the seeds."""

    values: Floats
    """Values of the metrics, user by user, shape (users, metrics)."""
    coverage: float
    """Share of the items that were in any list of the best k."""
    novelty: float
    """Mean information of the items listed: minus log2 of the share of users who had them."""
    gini: float
    """Gini coefficient of how often items were listed: 0 is all alike, 1 one alone."""
    calibration_error: float | None
    """Gap between scores and how often they came true; None of scores that are no shares."""
    fit_seconds: float
    answer_milliseconds: float
    megabytes: float | None


class Comparison(msgspec.Struct, frozen=True):
    """Recommenders on the same questions."""

    measured: Mapping[str, Measured]
    metrics: tuple[str, ...]
    users: int
    """Users who were asked."""

    def table(self) -> Table:
        """Return a row a recommender: each metric's mean and bounds, and what it took."""
        rows = []
        for name, one in self.measured.items():
            row: dict[str, object] = {"model": name}
            for metric, found in zip(self.metrics, intervals(one.values, _SEED), strict=True):
                row |= {
                    metric: found.mean,
                    f"{metric} low": found.low,
                    f"{metric} high": found.high,
                }
            rest = (field for field in Measured.__struct_fields__ if field != "values")
            rows.append(row | {field: getattr(one, field) for field in rest})
        return _table_of(rows)

    def compare(self, one: str, other: str) -> Table:
        """Return the differences of two recommenders, user by user, with 95% intervals.

        `better` is the share of draws of users in which the first leads.
        """
        rows = [
            (metric, found.mean, found.low, found.high, found.better)
            for metric, found in zip(self.metrics, self._differences(one, other), strict=True)
        ]
        return Table.of(("metric", "difference", "low", "high", "better"), rows)

    @property
    def verdict(self) -> str:
        """A sentence on who leads by the first metric, and by how much."""
        first = {name: one.values[:, 0].mean() for name, one in self.measured.items()}
        best, *others = sorted(first, key=lambda name: -first[name])
        if not others:
            return f"{best} was measured alone: nothing stands beside it."
        gap = self._differences(best, others[0])[0]
        told = "is better than" if gap.low > 0 else "cannot be told apart from"
        return (
            f"{best} {told} {others[0]} ({gap.mean:+.4f} {self.metrics[0]},"
            f" {gap.low:+.4f} to {gap.high:+.4f}, {self.users:,} users)."
        )

    def to_frame(self, library: Frames | None = None) -> Any:
        """Return `table()` as a data frame."""
        return self.table().to_frame(library)

    def plot(self, metric: str | None = None) -> Any:
        """Return matplotlib axes with each recommender's mean and interval."""
        try:
            pyplot: Any = import_module("matplotlib.pyplot")
        except ImportError as error:
            raise InvalidInput("a plot needs matplotlib: pip install matplotlib") from error
        table, metric = self.table(), metric or self.metrics[0]
        bounds = np.array([table[f"{metric} low"], table[metric], table[f"{metric} high"]])
        _, axes = pyplot.subplots()
        axes.errorbar(bounds[1], range(len(table)), xerr=np.diff(bounds, axis=0), fmt="o")
        axes.set_yticks(range(len(table)), table["model"])
        axes.set_xlabel(f"{metric}, 95% interval")
        return axes

    def __str__(self) -> str:
        return f"{self._short()}\n\n{self.verdict}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{self._short()._repr_html_()}<p>{self.verdict}</p>"

    def _short(self) -> Table:
        rows = []
        for row in self.table():
            short = {"model": row["model"]}
            for metric in self.metrics:
                low, high = row[f"{metric} low"], row[f"{metric} high"]
                short[metric] = f"{row[metric]:.4f} [{low:.4f}, {high:.4f}]"
            short["coverage"] = f"{row['coverage']:.0%}"
            short["fit s"] = f"{row['fit_seconds']:.2f}"
            short["answer ms"] = f"{row['answer_milliseconds']:.2f}"
            megabytes = row["megabytes"]
            rows.append(short | {"MB": None if megabytes is None else f"{megabytes:.2f}"})
        return _table_of(rows)

    def _differences(self, one: str, other: str) -> tuple[Difference, ...]:
        for name in (one, other):
            if name not in self.measured:
                raise InvalidInput(f"there is no {name!r}; there are {', '.join(self.measured)}")
        ours, theirs = (self.measured[name].values for name in (one, other))
        return paired_differences(ours, theirs, _SEED)


def evaluate(
    models: Sequence[Recommender | PlainModel | type],
    data: Dataset,
    *,
    split: SplitKind = "last",
    seeds: int = 1,
    k: int = 10,
    most_users: int = MAX_QUESTIONS,
) -> Comparison:
    """Fit each model on the same training part, and ask it the same questions.

    All items of the data are candidates, also those that the user had; ties count their
    expectation. With several seeds models are fitted, and users drawn, anew; a user's values are
    means over the seeds. InvalidInput if nothing can be held out.
    """
    recommenders = named(models)
    holdouts = [_held_out(data.events, split, seed, most_users) for seed in range(max(seeds, 1))]
    asked = [holdout.data.user[holdout.split.cut] for holdout in holdouts]
    users, places = np.unique(np.concatenate(asked), return_inverse=True)
    of_k = metrics_at(k)
    measured = {}
    for name, recommender in recommenders.items():
        runs = [_measure(recommender, one, seed, k) for seed, one in enumerate(holdouts)]
        values = np.concatenate([run.values for run in runs])
        total = np.zeros((len(users), len(of_k)))
        np.add.at(total, places, values)
        means: dict[str, Any] = {
            field: _mean([getattr(run, field) for run in runs])
            for field in Measured.__struct_fields__
            if field != "values"
        }
        measured[name] = Measured(values=total / np.bincount(places)[:, np.newaxis], **means)
    return Comparison(measured, tuple(of_k), len(users))


def metrics_at(k: int) -> Mapping[str, Metric]:
    """Return the metrics of a comparison at a depth, by their names."""
    return {
        f"ndcg@{k}": partial(metrics.normalized_discounted_cumulative_gain, k=k),
        f"mrr@{k}": partial(metrics.mean_reciprocal_rank, k=k),
        f"precision@{k}": partial(metrics.precision, k=k),
        f"recall@{k}": partial(metrics.recall, k=k),
        f"hit_rate@{k}": partial(metrics.hit_rate, k=k),
    }


def _held_out(events: TrainingData, split: SplitKind, seed: int, most_users: int) -> Holdout:
    if split == "last":
        questions = last_split(events.user).sample(most_users, seed)
        there = np.ones(len(events.item_ids), np.bool_)
        made = set_questions(split, events, questions, there, events.as_of, ALL_EVENTS)
    else:
        name = SplitName.TIME if split == "time" else SplitName.PERSONALIZE
        born = np.full(len(events.item_ids), np.iinfo(np.int64).min)
        made = hold_out(name, events, born, seed, most_users, ALL_EVENTS)
    if not len(made.split) or not len(made.training):
        raise InvalidInput(
            f"nothing can be held out by split={split!r}: it needs users with two interactions,"
            " and some that are left to train on",
            field="split",
        )
    return made


class _Timed(msgspec.Struct):
    """A scorer that gets a visitor's newest events, and says how long it takes."""

    scorer: Scorer
    most_events: int
    seconds: float = 0.0

    @property
    def item_ids(self) -> tuple[str, ...]:
        return self.scorer.item_ids

    def score_catalogue(self, context: Context) -> Scores:
        recent = replace(context, events=context.events[: self.most_events])
        began = time.perf_counter()
        scores = self.scorer.score_catalogue(recent)
        self.seconds += time.perf_counter() - began
        return scores


def _measure(recommender: Recommender, holdout: Holdout, seed: int, k: int) -> Measured:
    began = time.perf_counter()
    scorer = recommender.fit_events(holdout.training, seed)
    fit_seconds = time.perf_counter() - began
    timed = _Timed(scorer, recommender.most_events)
    judged = holdout.judge(timed)
    lists = [best[:k] for best in judged.best]
    items = len(holdout.training.item_ids)
    off = megabytes = None
    if not isinstance(recommender, OwnModel):
        off = calibration_of(holdout, judged).expected_calibration_error
        arrays = cast("Model", scorer).arrays()
        megabytes = sum(array.nbytes for array in arrays.values()) / 1e6
    return Measured(
        judged.values(metrics=metrics_at(k)),
        metrics.coverage(lists, items),
        _novelty(lists, holdout.training),
        _gini(np.bincount(np.concatenate(lists), minlength=items)),
        off,
        fit_seconds,
        timed.seconds * 1e3 / len(lists),
        megabytes,
    )


def _novelty(lists: Sequence[Ints], training: TrainingData) -> float:
    pairs = np.unique(training.user.astype(np.int64) * len(training.item_ids) + training.item)
    users = np.bincount(pairs % len(training.item_ids), minlength=len(training.item_ids))
    # One user more for an item that nobody had (Zhou et al., PNAS 2010).
    return float(-np.log2(np.maximum(users, 1) / training.n_users)[np.concatenate(lists)].mean())


def _gini(times: Ints) -> float:
    rank, total = np.arange(1, len(times) + 1), times.sum()
    return float((2 * rank - len(times) - 1) @ np.sort(times) / (len(times) * max(total, 1)))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _table_of(rows: Sequence[Mapping[str, object]]) -> Table:
    return Table.of([*rows[0]], [[*row.values()] for row in rows])
