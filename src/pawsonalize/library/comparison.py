"""Recommenders by the names of the literature, and comparisons of them on held-out interactions."""

import csv
import html
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, cast, get_args

import msgspec
import narwhals as nw
import numpy as np
from msgspec.structs import replace

from pawsonalize.core.errors import InvalidInput
from pawsonalize.library.dataset import Dataset
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
from pawsonalize.models.recipes.catalogue import recipe_named, scores_of
from pawsonalize.models.recipes.contract import AnyRecipe, Context, ContextEvent, Model, Scorer
from pawsonalize.models.recipes.data import Scores, TrainingData
from pawsonalize.recommend.query import MAX_CONTEXT_EVENTS
from pawsonalize.train.holdout import (
    ALL_EVENTS,
    MAX_QUESTIONS,
    Holdout,
    SplitName,
    calibration_of,
    context_before,
    hold_out,
    set_questions,
)
from pawsonalize.train.solutions import read_settings

Frames = Literal["pandas", "polars", "pyarrow"]
_FRAMES: tuple[Frames, ...] = get_args(Frames)
_SHOWN = 60  # rows of a printed table; all are there


class Table(msgspec.Struct, frozen=True):
    """Rows of named columns, all of the same length; None where a row has no value."""

    columns: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, names: Sequence[str], rows: Sequence[Sequence[object]]) -> "Table":
        """Return the table of rows, each with a value for each name."""
        return cls({name: [row[at] for row in rows] for at, name in enumerate(names)})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def __getitem__(self, column: str) -> Sequence[Any]:
        return self.columns[column]

    def to_frame(self, library: Frames | None = None) -> Any:
        """Return a data frame of `pandas`, `polars` or `pyarrow`; the first that is installed."""
        there = [name for name in _FRAMES if find_spec(name)]
        if not there or library not in {None, *there}:
            raise InvalidInput(
                f"{library or 'a library of data frames'} is not installed here: pip install"
                f" {library or 'pandas'}, or use to_csv()",
                field="library",
            )
        return nw.from_dict(dict(self.columns), backend=library or there[0]).to_native()

    def to_csv(self, path: str | Path) -> None:
        """Write all rows with a header, in UTF-8."""
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(self.columns)
            rows.writerows(zip(*self.columns.values(), strict=True))

    def __str__(self) -> str:
        texts = [
            [name, *(_text(value) for value in values[:_SHOWN])]
            for name, values in self.columns.items()
        ]
        # Numbers stand to the right, below their points.
        lined = [
            [text.rjust(width) if numeric else text.ljust(width) for text in column]
            for column, width, numeric in (
                (column, max(map(len, column)), _is_numeric(values))
                for column, values in zip(texts, self.columns.values(), strict=True)
            )
        ]
        lines = ["  ".join(row).rstrip() for row in zip(*lined, strict=True)]
        if len(self) > _SHOWN:
            lines.append(f"… {len(self) - _SHOWN:,} more rows")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(value))}</td>" for value in row) + "</tr>"
            for row in islice(zip(*self.columns.values(), strict=True), _SHOWN)
        )
        more = f"<p>… {len(self) - _SHOWN:,} more rows</p>" if len(self) > _SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _is_numeric(values: Sequence[object]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)


class PlainModel(Protocol):
    """What a class of your own needs: `fit` and `score`."""

    def fit(self, data: TrainingData) -> object:
        """Learn from columns: `data.user[e]` chose `data.item_ids[data.item[e]]`."""

    def score(self, context: Context, items: Sequence[str]) -> Any:
        """Return a score of each item for a visitor with `context.events`, newest first."""


class Recommender:
    """A recipe with settings, which `fit` turns into a model.

    `Recommender("user-personalization", repeats=False)` takes any recipe by its name, also one of
    another distribution; its settings are those of docs/reference/recipes.md.
    """

    recipe: ClassVar[str] = ""
    """Name of the recipe; that of a subclass."""
    most_events: ClassVar[int] = MAX_CONTEXT_EVENTS
    """Events of a visitor that an answer reads, the newest: as many as in the service."""

    def __init__(self, recipe: str = "", /, **settings: Any) -> None:
        self._recipe: AnyRecipe = recipe_named(recipe or self.recipe)
        self._settings = read_settings(self._recipe.settings, settings)
        given = ", ".join(f"{name}={value}" for name, value in settings.items())
        name = recipe or type(self).__name__
        self.name = f"{name}({given})" if given else name

    def __repr__(self) -> str:
        return self.name

    def fit(self, data: Dataset, seed: int = 0) -> "FittedRecommender":
        """Train on all interactions; the same data and seed give the same model."""
        return FittedRecommender(self.fit_events(data.events, seed), data, self.most_events)

    def fit_events(self, events: TrainingData, seed: int) -> Scorer:
        """Train on columns of interactions."""
        return self._recipe.fit(events, self._settings, seed)


class Baseline(Recommender):
    """A simple recipe, which reads all of a visitor's events."""

    most_events = ALL_EVENTS


class Random(Baseline):
    """Every order is as likely as any other."""

    recipe = "random"


class Popularity(Baseline):
    """What most users chose lately; with `unseen=True` without what the user had."""

    recipe = "popularity-count"


class OwnHistory(Baseline):
    """What the user had before, the newest first."""

    recipe = "own-history"


class Attributes(Baseline):
    """Items that share attributes with those that the user had."""

    recipe = "attributes"


class ItemKNN(Baseline):
    """Items with the most users in common, by the cosine of their users."""

    recipe = "item-knn"


class Transitions(Baseline):
    """Items that users chose right after an item."""

    recipe = "item-transitions"


class EASE(Baseline):
    """A linear model of the items that are had together (Steck 2019); up to 10,000 items."""

    recipe = "ease"


class TrendingNow(Recommender):
    """Items whose share of the choices grows fastest."""

    recipe = "trending-now"


class UserPersonalization(Recommender):
    """The default of the service: counts of items, users and steps, and trees that order them."""

    recipe = "user-personalization"


class FittedRecommender(msgspec.Struct, frozen=True):
    """A recommender that is fitted, with the data that it was fitted on."""

    model: Scorer
    data: Dataset
    most_events: int = MAX_CONTEXT_EVENTS

    def recommend(self, users: Sequence[str], k: int = 10) -> Table:
        """Return the best k items for each user, after all that the user did in the data.

        The table has the columns user, item, score and rank, which counts from 1.
        """
        rows: list[tuple[str, str, float, int]] = []
        for user in [users] if isinstance(users, str) else users:
            history = self.data.history(user)
            context = context_before(self.data.events, history.start, history.stop, ALL_EVENTS)
            rows += [(user, *best) for best in self._best(context, k)]
        return Table.of(("user", "item", "score", "rank"), rows)

    def recommend_after(self, items: Sequence[str], k: int = 10) -> Table:
        """Return the best k items for a visitor who chose these, the newest last."""
        now = self.data.events.as_of
        events = (ContextEvent(str(item), "view", now) for item in reversed(items))
        return Table.of(("item", "score", "rank"), self._best(Context(tuple(events), now), k))

    def _best(self, context: Context, k: int) -> list[tuple[str, float, int]]:
        recent = replace(context, events=context.events[: self.most_events])
        scores = np.asarray(self.model.score_catalogue(recent), np.float64)
        best = np.argsort(-scores, kind="stable")[:k]
        ranked = enumerate(best[scores[best] > -np.inf].tolist(), 1)
        return [(self.model.item_ids[item], float(scores[item]), rank) for rank, item in ranked]


class OwnModel(Recommender):
    """A class of your own as a recommender; `evaluate` makes it of a `PlainModel`."""

    most_events = ALL_EVENTS

    def __init__(self, model: PlainModel) -> None:
        for method in ("fit", "score"):
            if not callable(getattr(model, method, None)):
                raise InvalidInput(
                    f"{model!r:.60} has no method {method}: a model has fit(data) and"
                    " score(context, items)",
                    field="models",
                )
        self._model, self.name = model, type(model).__name__

    def fit_events(self, events: TrainingData, seed: int) -> Scorer:  # noqa: ARG002
        """Fit the model; it takes no seed."""
        self._model.fit(events)
        return _CheckedScores(self.name, self._model, events.item_ids)


class _CheckedScores(NamedTuple):
    """Scores of a model of others, checked."""

    name: str
    model: PlainModel
    item_ids: tuple[str, ...]

    def score_catalogue(self, context: Context) -> Scores:
        return scores_of(self.model, self.name, context, self.item_ids)


def named(models: Sequence[Recommender | PlainModel | type]) -> dict[str, Recommender]:
    """Return recommenders by their names; two of a name are counted: `EASE`, `EASE 2`."""
    found: dict[str, Recommender] = {}
    for model in models:
        made: Any = model() if isinstance(model, type) else model
        recommender = made if isinstance(made, Recommender) else OwnModel(made)
        same = [one for one in found if re.sub(r" \d+$", "", one) == recommender.name]
        found[f"{recommender.name} {len(same) + 1}" if same else recommender.name] = recommender
    if not found:
        raise InvalidInput("name at least one model", field="models")
    return found


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
