"""An evaluation as tables and sentences for the terminal."""

from rich.console import Console
from rich.table import Table

from pawsonalize.domain.times import iso
from pawsonalize.engine.training.evaluating.report import Evaluation, RankerReport, SplitReport
from pawsonalize.evaluation.bootstrap import Interval
from pawsonalize.evaluation.metrics.catalogue import NDCG_AT_5

COLUMNS = {
    NDCG_AT_5: "NDCG@5",
    "normalized_discounted_cumulative_gain_at_10": "NDCG@10",
    "mean_reciprocal_rank_at_25": "MRR@25",
    "precision_at_5": "precision@5",
    "hit_rate_at_10": "hits@10",
}
"""What the table has room for; evaluation.json has everything."""
_FILE_WIDTH = 140  # a file has no width of its own, and the tables would be folded to 80
_TITLES = {
    "personalize": "Held-out users: 1 in 10, the newest tenth of each one's events to be guessed",
    "time": "Held-out days: everything since one moment to be guessed, one event per user",
}


def print_evaluation(evaluation: Evaluation) -> None:
    """Every split: rankers, slices, and what it means, on stdout."""
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(
        f"{evaluation.recipe} on {evaluation.events:,} events of {evaluation.users:,} visitors and"
        f" {evaluation.items:,} items, seed {evaluation.seed}, as of {iso(evaluation.as_of)}",
        highlight=False,
    )
    for report in evaluation.splits:
        console.print()
        console.print(f"{_TITLES[report.split]} ({report.split})", style="bold", highlight=False)
        console.print(
            f"trained on {report.training_events:,} events; {report.questions:,} users asked,"
            f" {report.targets:,} targets among {report.candidates:,} candidates",
            highlight=False,
        )
        console.print(_rankers(report))
        if report.slices:
            console.print(_slices(report))
        error = report.calibration.expected_calibration_error
        console.print(
            f"Calibration: scores of the 25 best are {error:.4f} off, on average", highlight=False
        )
        for sentence in evaluation.findings[report.split]:
            console.print(f"• {sentence}", highlight=False)
    for skipped in evaluation.skipped:
        console.print(f"\nNot evaluated on {skipped.split}: {skipped.reason}", highlight=False)


def _rankers(report: SplitReport) -> Table:
    table = Table("", *COLUMNS.values(), "coverage", caption="mean over users (95% interval)")
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
    table = Table("slice", "users", *names, caption="NDCG@5 on parts of the targets")
    for part in report.slices:
        cells = [_cell(part.metrics[name][NDCG_AT_5]) for name in names]
        table.add_row(f"{part.kind}: {part.value}", f"{part.questions:,}", *cells)
    return table
