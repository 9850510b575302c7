"""An evaluation as a picture: NDCG@5 of every ranker with its interval, and the calibration."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pawsonalize.engine.training.evaluating.report import Evaluation, SplitReport
from pawsonalize.evaluation.metrics.catalogue import NDCG_AT_5

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
LEFT, WIDTH, ROW = 250, 330, 26
SQUARE = 180


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
        top += max(ROW * (len(report.rankers) + 1), SQUARE) + 90
    template = _TEMPLATES.get_template("evaluation.svg.jinja")
    return template.render(
        evaluation=evaluation,
        panels=panels,
        height=top,
        left=LEFT,
        width=WIDTH,
        row=ROW,
        square=SQUARE,
    )


def _panel(report: SplitReport, top: float) -> Panel:
    rankers = (*report.rankers, report.shuffled_order)
    scale = _round_up(max(ranker.metrics[NDCG_AT_5].high for ranker in rankers))
    marks = []
    for ranker in rankers:
        value = ranker.metrics[NDCG_AT_5]
        low, mean, high = (LEFT + WIDTH * x / scale for x in (value.low, value.mean, value.high))
        marks.append(Mark(ranker.name, f"{value.mean:.3f}", low, mean, high))
    bins = report.calibration.bins
    most = _round_up(max([0.0, *(max(one.score, one.frequency) for one in bins)]))
    return Panel(
        title=f"{report.split}: {report.questions:,} users asked",
        top=top,
        marks=marks,
        ticks=[(LEFT + WIDTH * part / 5, f"{scale * part / 5:.2f}") for part in range(6)],
        dots=[(one.score / most, one.frequency / most) for one in bins],
        most=f"{most:.2f}",
    )


def _round_up(value: float) -> float:
    """The next twentieth, so that a scale ends on a round number."""
    return min(1.0, (int(value * 20 + 1e-9) + 1) / 20)
