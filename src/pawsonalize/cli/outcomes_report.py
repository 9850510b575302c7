"""An outcomes report as text for the terminal, and as a picture.

The picture has the waiting curves: the share still waiting by day, of all and of the hardest fifth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from pawsonalize.cli.terminal import draw_picture, wide_console
from pawsonalize.engine.reporting.report import Curve, Line, OutcomesReport, PolicyEstimate, Stays

_FILE_WIDTH = 140
_UNKNOWN = "-"
_LEFT, _TOP, _WIDTH, _HEIGHT = 60, 80, 640, 320
_HORIZON, _LAST = 90, 180  # days: the mean is restricted to the one, the picture to the other


def print_outcomes(report: OutcomesReport) -> None:
    """Totals, policies and versions, on stdout."""
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
    stays = [
        ("all arrivals", report.total.stays),
        ("the hardest fifth", report.total.hardest_fifth),
    ]
    for line in report.versions:
        stays += [(line.name, line.stays), (f"{line.name}, the hardest fifth", line.hardest_fifth)]
    console.print(_stays([(name, each) for name, each in stays if each is not None]))
    console.print(_other(report.other_policy))


def _lines(title: str, lines: Sequence[Line]) -> Table:
    columns = ("inquiries", "applications", "adoptions", "returns", "value")
    table = Table(
        title, "answers", "sessions", *columns, "adoptions per 1,000 sessions", "never shown"
    )
    for line in lines:
        counts = (line.answers, line.sessions, line.inquiries, line.applications, line.adoptions)
        table.add_row(
            line.name,
            *(f"{count:,}" for count in (*counts, line.returns)),
            f"{line.value:.1f}",
            _number(line.adoptions_per1000_sessions),
            _share(line.never_shown_share),
        )
    return table


def _stays(rows: Sequence[tuple[str, Stays]]) -> Table:
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


def _other(judged: PolicyEstimate) -> str:
    if judged.estimate is None or judged.served is None:
        return f"{judged.policy}: nobody can say; {judged.refusal}"
    value = judged.estimate
    return (
        f"{judged.policy}: {1_000 * value.mean:.2f} of value per 1,000 places"
        f" ({1_000 * value.low:.2f} to {1_000 * value.high:.2f});"
        f" as served, {1_000 * judged.served:.2f}"
    )


def _number(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.1%}"


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
    return draw_picture(
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


def _drawn(curve: Curve, name: str, stays: Stays | None, colour: str) -> Drawn:
    points, before = [], 1.0
    for day, share in zip(curve.days, curve.share, strict=True):
        points += [(_x(day), before), (_x(day), share)]
        before = share
    label = f"{name}, RMST90 {stays.rmst90.mean:.1f} days" if stays and stays.rmst90 else name
    text = " ".join(f"{x:.1f},{_TOP + _HEIGHT * (1 - share):.1f}" for x, share in points)
    return Drawn(label, text, colour)


def _x(day: float) -> float:
    return _LEFT + _WIDTH * min(day, _LAST) / _LAST
