"""A workflow run as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pawsonalize.domain.times import SECOND, iso
from pawsonalize.engine.training.retraining.fates import described, label
from pawsonalize.engine.training.retraining.record import Half, Record, StepTiming

_FILE_WIDTH = 140


def print_runs(records: list[Record]) -> None:
    """One line a run."""
    table = Table("run", "began", "by", "status", "seconds", "why", box=None, pad_edge=False)
    for record in records:
        seconds = "" if record.ended_at is None else _seconds(record.started_at, record.ended_at)
        why = record.reason or whereabouts(record)
        began = iso(record.started_at)[:19] + "Z"
        table.add_row(record.run_id, began, record.trigger, record.status, seconds, why)
    _console().print(table, highlight=False)


def print_run(record: Record) -> None:
    """All that people want to know of a run."""
    console = _console()
    ended = "" if record.ended_at is None else f", ended {iso(record.ended_at)}"
    console.print(f"{record.run_id} is {record.status}: {record.reason}", highlight=False)
    console.print(
        f"begun {iso(record.started_at)} by {record.trigger}, as of {iso(record.as_of)}{ended}",
        highlight=False,
    )
    for finding in record.findings:
        console.print(f"{finding['severity']}: {described(finding)}", highlight=False)
    for campaign, reason in record.left_out.items():
        console.print(f"left out: {campaign}: {reason}", highlight=False)
    for half in record.halves:
        console.print()
        _print_half(console, half)
    console.print()
    for timing in record.steps:
        print_step(console, timing)


def print_step(console: Console, timing: StepTiming) -> None:
    """A step, how long it took, and what went wrong on the way."""
    took = "…" if timing.ended_at is None else f"{_seconds(timing.began_at, timing.ended_at)} s"
    console.print(f"  {timing.step:<17} {took:>9}", highlight=False)
    for error in timing.errors:
        console.print(f"    tried again after: {error}", highlight=False)


def whereabouts(record: Record) -> str:
    """What is being done, in a few words."""
    trainings = [
        f"{label(half)}: {half.training_progress}"
        for half in record.halves
        if half.training_progress and half.decision is None
    ]
    return f"{record.step} " + ", ".join(trainings)


def _print_half(console: Console, half: Half) -> None:
    than = f" (live: {half.live_version})" if half.live_version else ""
    console.print(
        ": ".join(filter(None, (label(half), half.solution_version + than, half.fate))),
        style="bold",
        highlight=False,
    )
    if half.reason:
        console.print(half.reason, highlight=False)
    for text in _verdicts(half.decision or {}):
        console.print(text, highlight=False)


def _verdicts(decision: Mapping[str, Any]) -> Iterator[str]:
    for verdict in decision.get("verdicts", ()):
        yield f"  {verdict['outcome']:<21} {verdict['message']}"


def _seconds(began_at: int, ended_at: int) -> str:
    return f"{(ended_at - began_at) / SECOND:,.1f}"


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console
