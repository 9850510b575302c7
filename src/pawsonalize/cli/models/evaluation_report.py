"""An evaluation as text for the terminal, and as a picture.

The picture shows NDCG@5 of every ranker with its interval, and the calibration.
"""

from dataclasses import dataclass

from rich.table import Table

from pawsonalize.cli.terminal import draw_picture, wide_console
from pawsonalize.domain.times import iso
from pawsonalize.engine.training.evaluating.report import (
    Evaluation,
    RankerReport,
    SplitReport,
    ndcg_name,
)
from pawsonalize.evaluation.bootstrap import Interval
from pawsonalize.evaluation.metrics import NDCG_AT_5

COLUMNS = {
    NDCG_AT_5: "NDCG@5",
    "normalized_discounted_cumulative_gain_at_10": "NDCG@10",
    "mean_reciprocal_rank_at_25": "MRR@25",
    "precision_at_5": "precision@5",
    "hit_rate_at_10": "hits@10",
}
"""Columns that fit into the table; evaluation.json has every metric."""
_FILE_WIDTH = 140
_LEFT, _WIDTH, _ROW = 250, 330, 26
_SQUARE = 180
_TITLES = {
    "personalize": "Held-out users: 1 in 10, the newest tenth of each one's events to be guessed",
    "time": "Held-out days, as in the gate: after one moment, one event of each user to be guessed",
}


def print_evaluation(evaluation: Evaluation) -> None:
    """Every split: rankers, slices, and what it means, on stdout."""
    console = wide_console(_FILE_WIDTH)
    console.print(
        f"{evaluation.recipe} on {evaluation.events:,} events of {evaluation.users:,} visitors and"
        f" {evaluation.items:,} items, seed {evaluation.seed}, as of {iso(evaluation.as_of)}",
    )
    for report in evaluation.splits:
        console.print()
        console.print(f"{_TITLES[report.split]} ({report.split})", style="bold")
        console.print(
            f"trained on {report.training_events:,} events; {report.questions:,} users asked,"
            f" {report.targets:,} targets among {report.candidates:,} candidates",
        )
        console.print(_rankers(report))
        if report.slices:
            console.print(_slices(report))
        error = report.calibration.expected_calibration_error
        console.print(
            f"Calibration: scores of the 25 best are {error:.4f} off, on average", highlight=False
        )
        for sentence in evaluation.findings[report.split]:
            console.print(f"• {sentence}")
    for skipped in evaluation.skipped:
        console.print(f"\nNot evaluated on {skipped.split}: {skipped.reason}")


def _rankers(report: SplitReport) -> Table:
    _, *others = COLUMNS.values()
    table = Table(
        "", ndcg_name(report), *others, "coverage", caption="mean over users (95% interval)"
    )
    for ranker in report.rankers:
        table.add_row(*_row(ranker), style="bold" if ranker is report.rankers[0] else None)
    table.add_section()
    table.add_row(*_row(report.shuffled_order))
    return table


def _row(ranker: RankerReport) -> list[str]:
    cells = [_cell(ranker.metrics[metric]) for metric in COLUMNS]
    return [ranker.name, *cells, f"{ranker.coverage:.2f}"]


def _cell(interval: Interval) -> str:
    return f"{interval.mean:.3f}\n({interval.low:.3f} to {interval.high:.3f})"


def _slices(report: SplitReport) -> Table:
    names = [ranker.name for ranker in report.rankers]
    table = Table("slice", "users", *names, caption=f"{ndcg_name(report)} on parts of the targets")
    for part in report.slices:
        cells = [_cell(part.metrics[name][NDCG_AT_5]) for name in names]
        table.add_row(f"{part.kind}: {part.value}", f"{part.questions:,}", *cells)
    return table


@dataclass(frozen=True, slots=True)
class Mark:
    """One ranker's row: pixels from the left edge."""

    name: str
    text: str
    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One split: its rankers on a common scale, and dots of the calibration in a unit square."""

    title: str
    top: float
    marks: list[Mark]
    ticks: list[tuple[float, str]]
    dots: list[tuple[float, float]]
    most: str


def plot(evaluation: Evaluation) -> str:
    """The picture as SVG text."""
    panels: list[Panel] = []
    top = 70.0
    for report in evaluation.splits:
        panels.append(_panel(report, top))
        top += max(_ROW * (len(report.rankers) + 1), _SQUARE) + 90
    return draw_picture(
        "evaluation.svg.jinja",
        evaluation=evaluation,
        panels=panels,
        height=top,
        left=_LEFT,
        width=_WIDTH,
        row=_ROW,
        square=_SQUARE,
    )


def _panel(report: SplitReport, top: float) -> Panel:
    rankers = (*report.rankers, report.shuffled_order)
    scale = _round_up(max(ranker.metrics[NDCG_AT_5].high for ranker in rankers))
    marks = []
    for ranker in rankers:
        value = ranker.metrics[NDCG_AT_5]
        low, mean, high = (_LEFT + _WIDTH * x / scale for x in (value.low, value.mean, value.high))
        marks.append(Mark(ranker.name, f"{value.mean:.3f}", low, mean, high))
    bins = report.calibration.bins
    most = _round_up(max([0.0, *(max(one.score, one.frequency) for one in bins)]))
    return Panel(
        title=f"{report.split}: {ndcg_name(report)} of {report.questions:,} users",
        top=top,
        marks=marks,
        ticks=[(_LEFT + _WIDTH * part / 5, f"{scale * part / 5:.2f}") for part in range(6)],
        dots=[(one.score / most, one.frequency / most) for one in bins],
        most=f"{most:.2f}",
    )


def _round_up(value: float) -> float:
    """The next twentieth, so that a scale ends on a round number."""
    return min(1.0, (int(value * 20 + 1e-9) + 1) / 20)
