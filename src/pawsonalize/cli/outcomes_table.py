"""An outcomes report as tables and sentences for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from pawsonalize.engine.reporting.report import Estimate, Line, OutcomesReport, Stays

_FILE_WIDTH = 140  # a file has no width of its own, and the tables would be folded to 80
_UNKNOWN = "-"


def print_outcomes(report: OutcomesReport) -> None:
    """Totals, policies and versions, on stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(
        f"Outcomes from {report.since} to {report.until}; one that names no answer is put down"
        f" to the visitor's newest within {report.within_days} days that held the animal"
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


def _other(judged: Estimate) -> str:
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
