"""An evaluation from the log to the report."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from msgspec.structs import asdict
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import InvalidInput
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.intervals import (
    Difference,
    Interval,
    intervals,
    paired_differences,
)
from pawsonalize.models.evaluation.metrics import (
    METRICS,
    NDCG_AT_5,
    Calibration,
    Judgement,
    coverage,
    judge,
)
from pawsonalize.models.evaluation.splits import Slice, shuffled_order
from pawsonalize.models.recipes import EASE
from pawsonalize.models.recipes.baselines import MOST_ITEMS
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Model
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.resources.job_table import Progress, silent
from pawsonalize.resources.solutions import Cut, SolutionVersion
from pawsonalize.train.holdout import (
    MAX_QUESTIONS,
    OWN_HISTORY,
    SIMPLE,
    Holdout,
    SplitName,
    baselines,
    calibration_of,
    hold_out,
    item_births,
    may_repeat,
    reorder,
    set_questions,
    slices_of,
)
from pawsonalize.train.predictions import Predictions
from pawsonalize.train.solutions import read_settings, trained_settings
from pawsonalize.train.training_data import Sampling, training_data, visitors_in, whole_log

Measured = Mapping[str, Interval]
"""An interval for every metric, by its name."""


class RankerReport(msgspec.Struct, frozen=True):
    """One ranker on one split; `lead` is the recipe's value less this one's, user by user."""

    name: str
    metrics: Measured
    coverage: float
    lead: Mapping[str, Difference]


class SliceReport(msgspec.Struct, frozen=True):
    """One slice: how many test cases have a target in it, and every ranker's metrics on them."""

    kind: str
    value: str
    questions: int
    metrics: Mapping[str, Measured]


class SplitReport(msgspec.Struct, frozen=True):
    """One split. Moments are milliseconds since 1970.

    `moment` is when the model was trained. `repeated` is the share of targets that the user had
    chosen before, `missing` the share that was no candidate. Rankers are so many `models`, the
    measured one first, and the baselines. `shuffled_order` is the first, with every history in
    random order.
    """

    split: str
    moment: int
    training_events: int
    candidates: int
    questions: int
    targets: int
    repeated: float
    missing: float
    rankers: tuple[RankerReport, ...]
    shuffled_order: RankerReport
    slices: tuple[SliceReport, ...]
    calibration: Calibration
    models: int = 1

    @property
    def ndcg_name(self) -> str:
        """Name of NDCG@5 on this split."""
        # The gate judges by the time split, so that one has the plain name.
        return "NDCG@5" if self.split == "time" else "user-split NDCG@5"


class Skipped(msgspec.Struct, frozen=True):
    """A split that the data do not allow, and why."""

    split: str
    reason: str


class EvaluatedModel(msgspec.Struct, frozen=True):
    """A model to fit on each training part; its name is its recipe's, or that of a version."""

    name: str
    recipe: str
    settings: Mapping[str, object]

    @classmethod
    def of(cls, version: SolutionVersion) -> "EvaluatedModel":
        """The recipe and settings of a version."""
        return cls(version.name, version.recipe, asdict(trained_settings(version)))

    def fit(self, data: TrainingData, seed: int) -> Model:
        """Fit on the data; InvalidInput for a wrong recipe or setting."""
        recipe = recipe_named(self.recipe)
        return recipe.fit(data, read_settings(recipe.settings, self.settings), seed)


class Evaluation(msgspec.Struct, frozen=True):
    """A recipe's evaluation as of a moment; `findings` say what the numbers of each split mean."""

    recipe: str
    settings: Mapping[str, object]
    seed: int
    as_of: int
    events: int
    users: int
    items: int
    splits: tuple[SplitReport, ...]
    skipped: tuple[Skipped, ...]
    findings: Mapping[str, tuple[str, ...]]
    models: tuple[EvaluatedModel, ...] = ()  # none: the recipe alone


# Users, below which another draw may change every number.
_FEW = 200
# Share of the recipe's NDCG@5 from which repeats are said to explain it.
_MOST = 0.85


def findings(report: SplitReport) -> tuple[str, ...]:
    """One or two sentences on each thing that you should not miss in the table."""
    return (*_leads(report), *_repeats(report), *_order(report), *_limits(report))


def _mean(ranker: RankerReport) -> float:
    return ranker.metrics[NDCG_AT_5].mean


def main_rankers(report: SplitReport) -> list[str]:
    """Return the names of the models, the best baseline by NDCG@5, and those of `SIMPLE`."""
    best = max(report.rankers[report.models :], key=_mean)
    names = [*(one.name for one in report.rankers[: report.models]), best.name, *SIMPLE]
    return [name for name in dict.fromkeys(names) if name in {one.name for one in report.rankers}]


def _leads(report: SplitReport) -> Iterator[str]:
    by_name = {one.name: one for one in report.rankers}
    _, *others = main_rankers(report)
    best = others[report.models - 1]
    for ranker in map(by_name.__getitem__, others):
        lead = ranker.lead[NDCG_AT_5]
        bounds = f"{lead.mean:+.3f} {report.ndcg_name}, {lead.low:+.3f} to {lead.high:+.3f}"
        if lead.low > 0:
            verdict = "is better than"
        elif lead.high < 0:
            verdict = "is worse than"
        else:
            verdict = "cannot be told apart from"
        title = "the best baseline, " if ranker.name == best else ""
        yield f"{report.rankers[0].name} {verdict} {title}{ranker.name} ({bounds})."


def _repeats(report: SplitReport) -> Iterator[str]:
    yield f"{report.repeated:.0%} of the targets repeat an item the same user had before."
    recipe = report.rankers[0]
    repeat = next((ranker for ranker in report.rankers if ranker.name == OWN_HISTORY), None)
    if repeat is None:
        yield (
            "No baseline recommends what a visitor had: the recipe must not repeat, or fewer than"
            " 1% of the events repeat an item."
        )
        return
    lead, reached = repeat.lead[NDCG_AT_5], _mean(repeat)
    if lead.high >= 0 and reached > 0 and reached >= _MOST * _mean(recipe):
        much = "most of the" if lead.low > 0 else "the"
        yield (
            f"Such repeats explain {much} result: showing visitors their own items again reaches"
            f" {reached:.3f} of its {_mean(recipe):.3f}. It says little about finding something"
            " new."
        )


def _order(report: SplitReport) -> Iterator[str]:
    before, after = _mean(report.rankers[0]), _mean(report.shuffled_order)
    if report.shuffled_order.lead[NDCG_AT_5].low > 0:
        yield (
            f"With every history in random order {report.ndcg_name} is {after:.3f} instead of"
            f" {before:.3f}. The difference rests on the order of events: trust it only if they are"
            " in the order of the clicks, not merely in that of a file."
        )
    else:
        yield "With every history in random order the result is no lower: it rests on no order."


def _limits(report: SplitReport) -> Iterator[str]:
    if report.candidates > MOST_ITEMS:
        yield f"{EASE} is left out: it takes up to {MOST_ITEMS:,} items."
    if report.missing > 0:
        yield (
            f"{report.missing:.1%} of the targets were not in the catalogue when the model was"
            " trained; nobody can hit those."
        )
    if report.questions < _FEW:
        yield (
            f"Only {report.questions} users were asked: another --seed draws others and moves"
            " every number within its interval."
        )


SHUFFLED = "shuffled order"


def measure(
    holdout: Holdout,
    judged: Mapping[str, Judgement],
    control: Judgement,
    seed: int,
    models: int = 1,
) -> SplitReport:
    """The report of a hold-out; `judged` has first the `models`, then the baselines."""
    recipe = next(iter(judged))
    targets = np.concatenate(holdout.targets)
    values = {name: judgement.values() for name, judgement in judged.items()}
    values[SHUFFLED] = control.values()
    measured = _measured(values, seed)
    n_items = len(holdout.training.item_ids)

    def report(name: str, judgement: Judgement) -> RankerReport:
        ours, theirs = values[recipe], values[name]
        leads = () if name == recipe else paired_differences(ours, theirs, seed)
        lead = dict(zip(METRICS, leads, strict=False))
        return RankerReport(name, measured[name], coverage(judgement.best, n_items), lead)

    return SplitReport(
        split=holdout.name,
        moment=holdout.training.as_of,
        training_events=len(holdout.training),
        candidates=n_items,
        questions=len(holdout.targets),
        targets=len(targets),
        repeated=_repeated(holdout),
        missing=float((targets < 0).mean()),
        rankers=tuple(report(name, judgement) for name, judgement in judged.items()),
        shuffled_order=report(SHUFFLED, control),
        slices=tuple(_sliced(part, judged, seed) for part in slices_of(holdout)),
        calibration=calibration_of(holdout, judged[recipe]),
        models=models,
    )


def _measured(values: Mapping[str, NDArray[np.float64]], seed: int) -> dict[str, Measured]:
    """Intervals of every ranker's metrics, all from the same draws of users."""
    found = iter(intervals(np.hstack(list(values.values())), seed))
    return {name: {metric: next(found) for metric in METRICS} for name in values}


def _sliced(part: Slice, judged: Mapping[str, Judgement], seed: int) -> SliceReport:
    values = {name: judgement.values(part.targets) for name, judgement in judged.items()}
    questions = len(next(iter(values.values())))
    return SliceReport(part.kind, part.value, questions, _measured(values, seed))


def _repeated(holdout: Holdout) -> float:
    split, item = holdout.split, holdout.data.item
    spans = zip(split.start, split.cut, holdout.target_items, strict=True)
    known = [np.isin(wanted, item[start:cut]) for start, cut, wanted in spans]
    return float(np.concatenate(known).mean())


class EvaluationOrder(msgspec.Struct, frozen=True):
    """A recipe, its settings and splits; `as_of` (ms since 1970) hides everything later."""

    recipe: str
    as_of: int
    settings: Mapping[str, object]
    seed: int = 0  # the model's, and that of test users, orders and resamples
    splits: tuple[SplitName, ...] = tuple(SplitName)
    max_questions: int = MAX_QUESTIONS
    models: tuple[EvaluatedModel, ...] = ()
    """All models, the one with this recipe first; none: the recipe alone."""

    def __post_init__(self) -> None:
        for name, times in Counter(one.name for one in self.models).items():
            if times > 1:
                raise InvalidInput(f"{name} is named twice: name each model once", field="recipe")


def evaluate(
    log: EventLog,
    catalogue: Catalogue,
    order: EvaluationOrder,
    progress: Progress = silent,
    sampling: Sampling = whole_log,
    predictions: Predictions | None = None,
) -> Evaluation:
    """Evaluate on all known as of `order.as_of`; InvalidInput also if no split is possible."""
    for name in (order.recipe, *(one.recipe for one in order.models)):
        recipe_named(name)  # refuse a wrong one before the log is read
    source, cut = sampling(log, catalogue), Cut(log.head(), order.as_of)
    data = training_data(source, catalogue, through=cut.log_offset, as_of=cut.as_of)
    if predictions is not None:
        predictions.users = visitors_in(source, cut)
    return evaluate_data(data, item_births(data, catalogue), order, progress, predictions)


def evaluate_data(
    data: TrainingData,
    born: NDArray[np.int64],
    order: EvaluationOrder,
    progress: Progress = silent,
    predictions: Predictions | None = None,
) -> Evaluation:
    """The same on data at hand; `born` are `item_births`."""
    models = order.models or (EvaluatedModel(order.recipe, order.recipe, order.settings),)
    settings = read_settings(recipe_named(order.recipe).settings, order.settings)
    reports: list[SplitReport] = []
    skipped: list[Skipped] = []
    for done, name in enumerate(order.splits):
        progress(done, len(order.splits))
        holdout = _possible(name, data, born, order)
        if isinstance(holdout, Skipped):
            skipped.append(holdout)
        else:
            reports.append(_evaluate_on(holdout, models, order.seed, predictions))
    progress(len(order.splits), len(order.splits))
    if not reports:
        raise InvalidInput(
            "nothing to evaluate on: " + "; ".join(f"{no.split}: {no.reason}" for no in skipped)
        )
    anew = tuple(
        f"{one.name} is fitted anew like all others, with its settings: the stored model"
        " may have seen the held-out events."
        for one in models
        if one.name != one.recipe
    )
    return Evaluation(
        recipe=order.recipe,
        settings=asdict(settings),
        seed=order.seed,
        as_of=order.as_of,
        events=len(data),
        users=data.n_users,
        items=len(data.item_ids),
        splits=tuple(reports),
        skipped=tuple(skipped),
        findings={report.split: (*findings(report), *anew) for report in reports},
        models=order.models,
    )


def _possible(
    name: SplitName, data: TrainingData, born: NDArray[np.int64], order: EvaluationOrder
) -> Holdout | Skipped:
    if len(data) == 0:
        return Skipped(name, "there are no events: import or send some first")
    holdout = hold_out(name, data, born, order.seed, order.max_questions)
    if len(holdout.split) == 0:
        return Skipped(name, "no user has two events")
    if len(holdout.training) == 0:
        return Skipped(name, "no event is left to train on: more users or days are needed")
    return holdout


def _evaluate_on(
    holdout: Holdout, models: Sequence[EvaluatedModel], seed: int, predictions: Predictions | None
) -> SplitReport:
    fitted = [model.fit(holdout.training, seed) for model in models]
    judged = {one.name: holdout.judge(model) for one, model in zip(models, fitted, strict=True)}
    if predictions is not None:
        predictions.add(holdout, judged)
    made = baselines(holdout, seed, repeats=may_repeat(holdout, fitted[0]))
    for name, ranker in made.items():
        if name not in judged:
            judged[name] = judge(ranker, holdout.targets)
    # A control: a result that is no lower without the order of events does not rest on it.
    unordered = without_order(holdout, seed)
    control = unordered.judge(models[0].fit(unordered.training, seed))
    return measure(holdout, judged, control, seed, len(models))


def without_order(holdout: Holdout, seed: int) -> Holdout:
    """The same test cases, with every user's known events in random order."""
    data, split = holdout.data, holdout.split
    # Events that do not train are shuffled apart, so the model learns of nothing later than before.
    group = data.user.astype(np.int64) * 2 + ~split.training
    ends = np.searchsorted(data.user, data.user[split.cut], side="right")
    for cut, end in zip(split.cut.tolist(), ends.tolist(), strict=True):
        group[cut:end] = -1
    shuffled = reorder(data, shuffled_order(group, seed))
    return set_questions(holdout.name, shuffled, split, holdout.there, holdout.training.as_of)
