"""The report of an evaluation, in numbers and in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pawsonalize.engine.training.evaluating.holdout import OWN_HISTORY, POPULARITY
from pawsonalize.evaluation.bootstrap import Difference, Interval
from pawsonalize.evaluation.metrics import NDCG_AT_5, Calibration

Measured = Mapping[str, Interval]
"""An interval for every metric, by its name."""


@dataclass(frozen=True, slots=True)
class RankerReport:
    """One ranker on one split; `lead` is the recipe's value less this ranker's, user by user.

    It is empty for the recipe itself.
    """

    name: str
    metrics: Measured
    coverage: float
    lead: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class SliceReport:
    """One slice: how many test cases have a target in it, and every ranker's metrics on them."""

    kind: str
    value: str
    questions: int
    metrics: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class SplitReport:
    """One split. Moments are milliseconds since 1970.

    `moment` is when the model was trained. `repeated` is the share of targets that the user had
    chosen before, `missing` the share that was no candidate. Rankers are the recipe first, then the
    baselines. `shuffled_order` is the recipe again, with every history in random order.
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


@dataclass(frozen=True, slots=True)
class Skipped:
    """A split that the data do not allow, and why."""

    split: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A recipe's evaluation on everything known as of a moment.

    `findings` says in plain words what the numbers of each split mean.
    """

    recipe: str
    settings: Mapping[str, Any]
    seed: int
    as_of: int
    events: int
    users: int
    items: int
    splits: tuple[SplitReport, ...]
    skipped: tuple[Skipped, ...]
    findings: Mapping[str, tuple[str, ...]]


_FEW = 200
_MOST = 0.85


def findings(report: SplitReport) -> tuple[str, ...]:
    """One or two sentences on each thing that you should not miss in the table."""
    return (
        *_leads(report),
        *_repeats(report),
        *_order(report),
        *_missing(report),
        *_size(report),
    )


def ndcg_name(report: SplitReport) -> str:
    """The gate's NDCG@5 has the plain name; that of the user split, its own."""
    return "NDCG@5" if report.split == "time" else "user-split NDCG@5"


def _mean(ranker: RankerReport) -> float:
    return ranker.metrics[NDCG_AT_5].mean


def _named(report: SplitReport, name: str) -> RankerReport:
    return next(ranker for ranker in report.rankers if ranker.name == name)


def _leads(report: SplitReport) -> Iterator[str]:
    for name in (POPULARITY, OWN_HISTORY):
        lead = _named(report, name).lead[NDCG_AT_5]
        bounds = f"{lead.mean:+.3f} {ndcg_name(report)}, {lead.low:+.3f} to {lead.high:+.3f}"
        if lead.low > 0:
            verdict = "is better than"
        elif lead.high < 0:
            verdict = "is worse than"
        else:
            verdict = "cannot be told apart from"
        yield f"{report.rankers[0].name} {verdict} {name} ({bounds})."


def _repeats(report: SplitReport) -> Iterator[str]:
    recipe, repeat = report.rankers[0], _named(report, OWN_HISTORY)
    yield f"{report.repeated:.0%} of the targets repeat an item the same user had before."
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
            f"With every history in random order {ndcg_name(report)} is {after:.3f} instead of"
            f" {before:.3f}. The difference rests on the order of events: trust it only if they are"
            " in the order of the clicks, not merely in that of a file."
        )
    else:
        yield "With every history in random order the result is no lower: it rests on no order."


def _missing(report: SplitReport) -> Iterator[str]:
    if report.missing > 0:
        yield (
            f"{report.missing:.1%} of the targets were not in the catalogue when the model was"
            " trained; nobody can hit those."
        )


def _size(report: SplitReport) -> Iterator[str]:
    if report.questions < _FEW:
        yield (
            f"Only {report.questions} users were asked: another --seed draws others and moves"
            " every number within its interval."
        )
