"""A retraining run on the terminal: watched to its end, and as text."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
import typer
from rich.console import Console
from rich.status import Status

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.training import worker_processes
from pawsonalize.cli.terminal import print_listing, wide_console
from pawsonalize.domain.times import SECOND, iso
from pawsonalize.engine.training.retraining.fates import describe_finding, label
from pawsonalize.engine.training.retraining.record import Half, RunOutcome, RunRecord, StepTiming
from pawsonalize.settings import Settings

_LOOK_SECONDS = 0.2
_BAD = {RunOutcome.FAILED, RunOutcome.CANCELLED, RunOutcome.TIMED_OUT}
_FILE_WIDTH = 140


def started(settings: Settings, adapters: Adapters) -> None:
    """See that somebody works on the run: a server, or else a process of its own."""
    with _log_file(settings) as output:
        worker_processes(settings, adapters, output, outlive=True).look(clock.now())


def follow(settings: Settings, adapters: Adapters, run_id: str) -> RunRecord:
    """Show the run's steps on stderr as they are done; see that somebody works on it.

    Ctrl-C ends the showing alone: the run goes on.
    """
    console = Console(stderr=True, highlight=False)
    runs = adapters.runs(settings)
    record = runs.get(run_id)
    console.print(f"{run_id} (Ctrl-C leaves it running)")
    with _log_file(settings) as output, console.status("") as status:
        processes = worker_processes(settings, adapters, output, outlive=True)
        shown = 0
        while True:
            processes.look(clock.now())
            record = runs.get(run_id)
            shown = _show(record, shown, console, status)
            if record.ended_at is not None:
                return record
            time.sleep(_LOOK_SECONDS)


def finish(record: RunRecord, json: bool) -> None:
    """Print the run, and leave with the exit code of its outcome."""
    if json:
        print(msgspec.json.encode(record).decode())
    else:
        print_run(record)
    if record.outcome in _BAD:
        raise typer.Exit(1)


def print_runs(records: list[RunRecord]) -> None:
    """One line a run."""
    rows = []
    for record in records:
        seconds = "" if record.ended_at is None else _seconds(record.started_at, record.ended_at)
        why = record.reason or _whereabouts(record)
        began = iso(record.started_at)[:19] + "Z"
        rows.append((record.run_id, began, record.trigger, record.status, seconds, why))
    print_listing(("run", "began", "by", "status", "seconds", "why"), rows, _FILE_WIDTH)


def print_run(record: RunRecord) -> None:
    """All that people want to know of a run."""
    console = wide_console(_FILE_WIDTH)
    ended = "" if record.ended_at is None else f", ended {iso(record.ended_at)}"
    console.print(f"{record.run_id} is {record.status}: {record.reason}")
    console.print(
        f"begun {iso(record.started_at)} by {record.trigger}, as of {iso(record.as_of)}{ended}",
    )
    for finding in record.findings:
        console.print(f"{finding['severity']}: {describe_finding(finding)}")
    for campaign, reason in record.left_out.items():
        console.print(f"left out: {campaign}: {reason}")
    for half in record.halves:
        console.print()
        _print_half(console, half)
    console.print()
    for timing in record.steps:
        _print_step(console, timing)


def _print_step(console: Console, timing: StepTiming) -> None:
    """A step, how long it took, and what went wrong on the way."""
    took = "…" if timing.ended_at is None else f"{_seconds(timing.began_at, timing.ended_at)} s"
    console.print(f"  {timing.step:<17} {took:>9}")
    for error in timing.errors:
        console.print(f"    tried again after: {error}")


def _whereabouts(record: RunRecord) -> str:
    """Return the current step of a run in a few words."""
    trainings = [
        f"{label(half)}: {half.training_progress}"
        for half in record.halves
        if half.training_progress and half.decision is None
    ]
    return f"{record.step} " + ", ".join(trainings)


def _show(record: RunRecord, shown: int, console: Console, status: Status) -> int:
    """Print the steps done since; how many are shown now."""
    done = [timing for timing in record.steps if timing.ended_at is not None]
    for timing in done[shown:]:
        _print_step(console, timing)
    status.update(_whereabouts(record))
    return len(done)


@contextmanager
def _log_file(settings: Settings) -> Iterator[IO[bytes]]:
    """Path of the workers' log file; workers may outlive this terminal."""
    with Path(settings.data_dir / "retrain.log").open("ab") as file:
        yield file


def _print_half(console: Console, half: Half) -> None:
    than = f" (live: {half.live_version})" if half.live_version else ""
    console.print(
        ": ".join(filter(None, (label(half), half.solution_version + than, half.fate))),
        style="bold",
    )
    if half.reason:
        console.print(half.reason)
    for text in _verdicts(half.decision or {}):
        console.print(text)


def _verdicts(decision: Mapping[str, Any]) -> Iterator[str]:
    for verdict in decision.get("verdicts", ()):
        yield f"  {verdict['outcome']:<21} {verdict['message']}"


def _seconds(began_at: int, ended_at: int) -> str:
    return f"{(ended_at - began_at) / SECOND:,.1f}"
