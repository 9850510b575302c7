"""Evaluations and outcomes as text for the terminal, and as pictures of metrics and waits."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from pawsonalize.app.cli.terminal import wide_console
from pawsonalize.core.times import iso
from pawsonalize.models.evaluation.intervals import Interval
from pawsonalize.models.evaluation.metrics import NDCG_AT_5

if TYPE_CHECKING:
    from pawsonalize.reports.report import Curve, Line, OutcomesReport, PolicyEstimate, Stays
    from pawsonalize.train.evaluator import Evaluation, RankerReport, SplitReport

_FILE_WIDTH = 140
_UNKNOWN = "-"
_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 80, 640, 320
_HORIZON, _LAST = 90, 180  # days: the mean is restricted to the one, the picture to the other
# Columns that fit into the table; evaluation.json has every metric.
_COLUMNS = {
    NDCG_AT_5: "NDCG@5",
    "normalized_discounted_cumulative_gain_at_10": "NDCG@10",
    "mean_reciprocal_rank_at_25": "MRR@25",
    "precision_at_5": "precision@5",
    "hit_rate_at_10": "hits@10",
}
_SCALE_LEFT, _SCALE_WIDTH, _ROW = 250, 330, 26
_SQUARE = 180
_TITLES = {
    "personalize": "Held-out users: 1 in 10, the newest tenth of each one's events to be guessed",
    "time": "Held-out days, as in the gate: after one moment, one event of each user to be guessed",
}


def print_outcomes(report: "OutcomesReport") -> None:
    """Print totals, policies and versions."""
    console = wide_console(_FILE_WIDTH)
    console.print(
        f"Outcomes from {report.since} to {report.until}; one that names no answer is put down"
        f" to the visitor's newest within {report.within_days} days that held the animal"
    )
    if report.first_answer is not None and report.first_answer > report.since:
        console.print(
            f"The oldest answer that is kept is of {report.first_answer}: no outcome is put down to"
            " an older one (setting impression_days)"
        )
    console.print(_lines("answers", [report.total, *report.policies]))
    if report.versions:
        console.print(_lines("solution version", report.versions))
    total = report.total
    stays = [("all arrivals", total.stays), ("the hardest fifth", total.hardest_fifth)]
    for line in report.versions:
        stays += [(line.name, line.stays), (f"{line.name}, the hardest fifth", line.hardest_fifth)]
    console.print(_stays([(name, each) for name, each in stays if each is not None]))
    console.print(_other(report.other_policy))


def _lines(title: str, lines: Sequence["Line"]) -> Table:
    columns = ("inquiries", "applications", "adoptions", "returns", "value")
    table = Table(
        title, "answers", "sessions", *columns, "adoptions per 1,000 sessions", "never shown"
    )
    for line in lines:
        counts = (line.answers, line.sessions, line.inquiries, line.applications, line.adoptions)
        rate = line.adoptions_per1000_sessions
        table.add_row(
            line.name,
            *(f"{count:,}" for count in (*counts, line.returns)),
            f"{line.value:.1f}",
            _UNKNOWN if rate is None else f"{rate:.2f}",
            _share(line.never_shown_share),
        )
    return table


def _stays(rows: Sequence[tuple[str, "Stays"]]) -> Table:
    table = Table(
        "stays of", "arrivals", "adopted", "left", "waiting", "RMST90, days", "adopted in 90 days"
    )
    table.caption = "RMST90: mean of min(stay, 90 days) over all arrivals (95% interval)"
    for name, stays in rows:
        counts = (stays.arrivals, stays.adopted, stays.left, stays.waiting)
        mean = stays.rmst90
        table.add_row(
            name,
            *(f"{count:,}" for count in counts),
            f"{mean.mean:.1f} ({mean.low:.1f} to {mean.high:.1f})" if mean else _UNKNOWN,
            _share(stays.adopted_within90),
        )
    return table


def _other(judged: "PolicyEstimate") -> str:
    if judged.estimate is None or judged.served is None:
        return f"{judged.policy}: nobody can say; {judged.refusal}"
    value = _per1000(judged.estimate)
    return f"{judged.policy}: {value}; as served, {1_000 * judged.served:.2f}"


def _per1000(value: Interval) -> str:
    bounds = f"{1_000 * value.low:.2f} to {1_000 * value.high:.2f}"
    return f"{1_000 * value.mean:.2f} of value per 1,000 places ({bounds})"


def print_estimate(judged: "PolicyEstimate") -> None:
    """Print what a policy would have earned, by each estimator, or that nobody can tell."""
    print(f"{judged.rows:,} places, worth {judged.sample:,.0f} of its own (effective sample)")
    if judged.estimate is None or judged.served is None:
        print(f"Not enough to tell what {judged.policy} would have earned: {judged.refusal}")
        return
    print(f"As served: {1_000 * judged.served:.2f} of value per 1,000 places. {judged.policy}:")
    for name, value in (("SNIPS", judged.estimate), ("IPS", judged.ips), ("DR", judged.dr)):
        if value is not None:
            print(f"  {name:<6} {_per1000(value)}")
    served, (low, high) = judged.served, (judged.estimate.low, judged.estimate.high)
    verdict = "more than" if low > served else "less than" if high < served else "about as much as"
    print(f"It would have earned {verdict} what served, by SNIPS and its 95% interval.")


def _share(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1%}"


def plot_outcomes(report: "OutcomesReport") -> str:
    """Draw the waiting curves, as SVG text."""
    curves = [
        _drawn(report.curve, "all arrivals", report.total.stays, "#556"),
        _drawn(report.hardest_curve, "the hardest fifth", report.total.hardest_fifth, "#b4531a"),
    ]
    return _draw(
        "outcomes.svg.jinja",
        report=report,
        curves=curves,
        left=_LEFT,
        top=_TOP,
        width=_WIDTH,
        height=_HEIGHT,
        horizon=_x(_HORIZON),
        days=[(_x(day), day) for day in range(0, _LAST + 1, 30)],
        shares=[(_TOP + _HEIGHT * (1 - part / 4), f"{part * 25}%") for part in range(5)],
    )


def _drawn(curve: "Curve", name: str, stays: "Stays | None", colour: str) -> dict[str, str]:
    points, before = [], 1.0
    for day, share in zip(curve.days, curve.share, strict=True):
        points += [(_x(day), before), (_x(day), share)]
        before = share
    label = f"{name}, RMST90 {stays.rmst90.mean:.1f} days" if stays and stays.rmst90 else name
    text = " ".join(f"{x:.1f},{_TOP + _HEIGHT * (1 - share):.1f}" for x, share in points)
    return {"name": label, "points": text, "colour": colour}


def _x(day: float) -> float:
    return _LEFT + _WIDTH * min(day, _LAST) / _LAST


def print_evaluation(evaluation: "Evaluation") -> None:
    """Print every split: rankers, slices and findings."""
    console = wide_console(_FILE_WIDTH)
    console.print(
        f"{evaluation.splits[0].rankers[0].name} on {evaluation.events:,} events of"
        f" {evaluation.users:,} visitors and {evaluation.items:,} items, seed {evaluation.seed},"
        f" as of {iso(evaluation.as_of)}"
    )
    for report in evaluation.splits:
        console.print()
        console.print(f"{_TITLES[report.split]} ({report.split})", style="bold")
        console.print(
            f"trained on {report.training_events:,} events; {report.questions:,} users asked,"
            f" {report.targets:,} targets among {report.candidates:,} candidates"
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


def _rankers(report: "SplitReport") -> Table:
    _, *others = _COLUMNS.values()
    table = Table(
        "", report.ndcg_name, *others, "coverage", caption="mean over users (95% interval)"
    )
    for ranker in report.rankers:
        table.add_row(*_ranker_row(ranker), style="bold" if ranker is report.rankers[0] else None)
    table.add_section()
    table.add_row(*_ranker_row(report.shuffled_order))
    return table


def _ranker_row(ranker: "RankerReport") -> list[str]:
    cells = [_cell(ranker.metrics[metric]) for metric in _COLUMNS]
    return [ranker.name, *cells, f"{ranker.coverage:.2f}"]


def _cell(interval: Interval) -> str:
    return f"{interval.mean:.3f}\n({interval.low:.3f} to {interval.high:.3f})"


def _slices(report: "SplitReport") -> Table:
    from pawsonalize.train.evaluator import main_rankers  # a start of the command can spare it

    names = main_rankers(report)  # more do not fit into a line; evaluation.json has them
    table = Table("slice", "users", *names, caption=f"{report.ndcg_name} on parts of the targets")
    for part in report.slices:
        cells = [_cell(part.metrics[name][NDCG_AT_5]) for name in names]
        table.add_row(f"{part.kind}: {part.value}", f"{part.questions:,}", *cells)
    return table


def plot_evaluation(evaluation: "Evaluation") -> str:
    """Draw the metrics and the calibration of each split, as SVG text."""
    panels, top = [], 70.0
    for report in evaluation.splits:
        panels.append(_panel(report, top))
        top += max(_ROW * (len(report.rankers) + 1), _SQUARE) + 90
    return _draw(
        "evaluation.svg.jinja",
        evaluation=evaluation,
        panels=panels,
        height=top,
        left=_SCALE_LEFT,
        width=_SCALE_WIDTH,
        row=_ROW,
        square=_SQUARE,
    )


def _panel(report: "SplitReport", top: float) -> dict[str, object]:
    rankers = (*report.rankers, report.shuffled_order)
    scale = _round_up(max(ranker.metrics[NDCG_AT_5].high for ranker in rankers))
    marks = []
    for ranker in rankers:
        value = ranker.metrics[NDCG_AT_5]
        places = {"low": value.low, "mean": value.mean, "high": value.high}
        pixels = {name: _pixels(one / scale) for name, one in places.items()}
        marks.append({"name": ranker.name, "text": f"{value.mean:.3f}"} | pixels)
    bins = report.calibration.bins
    most = _round_up(max([0.0, *(max(one.score, one.frequency) for one in bins)]))
    return {
        "title": f"{report.split}: {report.ndcg_name} of {report.questions:,} users",
        "top": top,
        "marks": marks,
        "ticks": [(_pixels(part / 5), f"{scale * part / 5:.2f}") for part in range(6)],
        "dots": [(one.score / most, one.frequency / most) for one in bins],
        "most": f"{most:.2f}",
    }


def _pixels(share: float) -> float:
    return _SCALE_LEFT + _SCALE_WIDTH * share


def _round_up(value: float) -> float:
    # To the next twentieth, so that a scale ends on a round number.
    return min(1.0, (int(value * 20 + 1e-9) + 1) / 20)


def _draw(template: str, **values: object) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(template).render(**values)
