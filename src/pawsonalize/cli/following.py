"""Seeing a workflow run through to its end, from the command line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import typer
from rich.console import Console
from rich.status import Status

from pawsonalize import clock
from pawsonalize.app import Adapters, worker_processes
from pawsonalize.cli.run_report import print_run, print_step, whereabouts
from pawsonalize.engine.training.retraining.record import Outcome, Record
from pawsonalize.settings import Settings

_LOOK_SECONDS = 0.2
_BAD = {Outcome.FAILED, Outcome.CANCELLED, Outcome.TIMED_OUT}


def started(settings: Settings, adapters: Adapters) -> None:
    """See that somebody works on the run: a server, or else a process of its own."""
    with _log_file(settings) as output:
        worker_processes(settings, adapters, output, outlive=True).look(clock.now())


def follow(settings: Settings, adapters: Adapters, run_id: str) -> Record:
    """Show the run's steps on stderr as they are done; see that somebody works on it.

    Ctrl-C ends the showing alone: the run goes on.
    """
    console = Console(stderr=True)
    runs = adapters.runs(settings)
    record = runs.get(run_id)
    console.print(f"{run_id} (Ctrl-C leaves it running)", highlight=False)
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


def finish(record: Record, json: bool) -> None:
    """Print the run, and leave with the exit code of its outcome."""
    if json:
        print(msgspec.json.encode(record).decode())
    else:
        print_run(record)
    if record.outcome in _BAD:
        raise typer.Exit(1)


def _show(record: Record, shown: int, console: Console, status: Status) -> int:
    """Print the steps done since; how many are shown now."""
    done = [timing for timing in record.steps if timing.ended_at is not None]
    for timing in done[shown:]:
        print_step(console, timing)
    status.update(whereabouts(record))
    return len(done)


@contextmanager
def _log_file(settings: Settings) -> Iterator[IO[bytes]]:
    """Where workers that are started from here log, since they may outlive the terminal."""
    with Path(settings.data_dir / "retrain.log").open("ab") as file:
        yield file
