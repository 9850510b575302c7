"""Waiting curves as a picture: the share still waiting by day, of all and of the hardest fifth."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pawsonalize.engine.reporting.report import Curve, OutcomesReport, Stays

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
LEFT, TOP, WIDTH, HEIGHT = 60, 80, 640, 320
HORIZON, LAST = 90, 180  # days: the mean is restricted to the one, the picture to the other


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve as the points of an SVG polyline, with its name."""

    name: str
    points: str
    colour: str


def plot(report: OutcomesReport) -> str:
    """The picture as SVG text."""
    curves = [
        _drawn(report.curve, "all arrivals", report.total.stays, "#556"),
        _drawn(report.hardest_curve, "the hardest fifth", report.total.hardest_fifth, "#b4531a"),
    ]
    return _TEMPLATES.get_template("outcomes.svg.jinja").render(
        report=report,
        curves=curves,
        left=LEFT,
        top=TOP,
        width=WIDTH,
        height=HEIGHT,
        horizon=_x(HORIZON),
        days=[(_x(day), day) for day in range(0, LAST + 1, 30)],
        shares=[(TOP + HEIGHT * (1 - part / 4), f"{part * 25}%") for part in range(5)],
    )


def _drawn(curve: Curve, name: str, stays: Stays | None, colour: str) -> Drawn:
    points, before = [], 1.0
    for day, share in zip(curve.days, curve.share, strict=True):
        points += [(_x(day), before), (_x(day), share)]
        before = share
    said = f"{name}, RMST90 {stays.rmst90.mean:.1f} days" if stays and stays.rmst90 else name
    text = " ".join(f"{x:.1f},{TOP + HEIGHT * (1 - share):.1f}" for x, share in points)
    return Drawn(said, text, colour)


def _x(day: float) -> float:
    return LEFT + WIDTH * min(day, LAST) / LAST
