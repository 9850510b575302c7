"""Trainings and retrainings that a command waits for, and runs as text."""

import time

from rich.console import Console

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.cli.opening import dataset_group_of
from pawsonalize.app.cli.terminal import print_listing, progress, wide_console
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, TrainingFailed
from pawsonalize.core.roles import WORK
from pawsonalize.core.times import SECOND, iso
from pawsonalize.recommend.campaigns import list_names
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.train.retraining.runs import (
    Half,
    RunOutcome,
    RunRecord,
    StepTiming,
    describe_finding,
    label,
)

_TRAINING_LOOK_SECONDS = 0.05
_RUN_LOOK_SECONDS = 0.2
BAD = {RunOutcome.FAILED, RunOutcome.CANCELLED, RunOutcome.TIMED_OUT}
"""Outcomes with which a command has the exit code 1."""
_FILE_WIDTH = 140
_WORKER_LOG = "retrain.log"  # workers may outlive this terminal


def solutions_to_train(settings: Settings) -> tuple[str, ...]:
    """Return the default solutions that the settings want a model of."""
    return (RECOMMENDER, RERANKER) if settings.reranking_enabled else (RECOMMENDER,)


def chosen_solutions(
    adapters: Adapters, dataset_group: str | None, solution: str | None, *, default: bool
) -> tuple[str, ...]:
    """Return the solutions to train; several only with their `default` recipe and settings."""
    if dataset_group is not None:
        group = dataset_group_of(adapters, dataset_group)
        names = tuple(sorted(one.name for one in adapters.registry.all(Solution, parent=group)))
        if solution is not None and solution not in names:
            raise InvalidInput(
                f"dataset group {group} has no solution {solution}; it has {list_names(names)}"
            )
        if not names:
            raise InvalidInput(f"dataset group {group} has no solution: create one first")
        names = names if solution is None else (solution,)
    elif solution is None and default:
        names = solutions_to_train(adapters.settings)
    else:
        names = (solution or RECOMMENDER,)
    if len(names) > 1 and not default:
        raise InvalidInput(
            f"--recipe and --set are for one alone: add --solution, of {list_names(names)}"
        )
    return names


def train_and_serve(adapters: Adapters, version: SolutionVersion) -> SolutionVersion:
    """Train a version and have its campaigns serve it; TrainingFailed with the reason."""
    name = version.name
    with progress(f"training {name}") as bar:
        try:
            version = adapters.trainings.start(name, clock.now())
            while not version.status.is_settled:
                if version.progress is not None:
                    bar(round(version.progress.share * 1000), 1000)
                time.sleep(_TRAINING_LOOK_SECONDS)
                version = adapters.trainings.look(name, clock.now())
        except KeyboardInterrupt:
            adapters.trainings.stop(name, clock.now())
            raise
    if version.status is not Status.ACTIVE:
        raise TrainingFailed(f"{name} is {version.status}: {version.failure_reason}")
    log = adapters.log.of(adapters.registry.get(Solution, version.solution).data_group)
    if not version.events and not log.is_empty():  # a clock that went back puts them all ahead
        raise TrainingFailed(
            f"{name} does not go live, as it learned from no event: none is of before"
            f" {iso(version.as_of)}, or none was selected. Look at this machine's clock"
        )
    for campaign in list(adapters.registry.all(Campaign, parent=version.solution)):
        adapters.campaigns.update(campaign.name, name, clock.now())
    return version


def start(adapters: Adapters) -> None:
    """Have the run worked on: by a server, or else by a process of its own."""
    with (adapters.settings.data_dir / _WORKER_LOG).open("ab") as output:
        adapters.worker_processes(output, outlive=True).look(clock.now())


def follow(adapters: Adapters, run_id: str) -> RunRecord:
    """Show a run's steps on stderr, and have it worked on; Ctrl-C ends the showing alone."""
    console, runs = Console(stderr=True, highlight=False), adapters.runs
    runs.get(run_id)  # NotFound before anything is printed
    console.print(f"{run_id} (Ctrl-C leaves it running)")
    if servers := [one.place for one in adapters.servers.table.all() if WORK in one.roles]:
        console.print(
            f"If the server at {servers[0]} does the run, the settings it was started with count,"
            " such as promotion_threshold, and not those of this command."
        )
    log = adapters.settings.data_dir / _WORKER_LOG
    with log.open("ab") as output, console.status("") as spinner:
        processes = adapters.worker_processes(output, outlive=True)
        shown = 0
        while True:
            processes.look(clock.now())
            record = runs.get(run_id)
            done = [timing for timing in record.steps if timing.ended_at is not None]
            for timing in done[shown:]:
                _print_step(console, timing)
            shown = len(done)
            spinner.update(_current_step(record))
            if record.ended_at is not None:
                return record
            time.sleep(_RUN_LOOK_SECONDS)


def print_runs(records: list[RunRecord]) -> None:
    """Print a line for each run."""
    rows = []
    for record in records:
        seconds = "" if record.ended_at is None else _seconds(record.started_at, record.ended_at)
        why = record.reason or _current_step(record)
        began = iso(record.started_at)[:19] + "Z"
        rows.append((record.run_id, began, record.trigger, record.status, seconds, why))
    print_listing(("run", "began", "by", "status", "seconds", "why"), rows, _FILE_WIDTH)


def print_run(record: RunRecord) -> None:
    """Print what a run found, what it decided for each campaign and why, and its steps."""
    console = wide_console(_FILE_WIDTH)
    ended = "" if record.ended_at is None else f", ended {iso(record.ended_at)}"
    console.print(f"{record.run_id} is {record.status}: {record.reason}")
    console.print(
        f"begun {iso(record.started_at)} by {record.trigger}, as of {iso(record.as_of)}{ended}"
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


def _print_half(console: Console, half: Half) -> None:
    than = f" (live: {half.live_version})" if half.live_version else ""
    parts = (label(half), half.solution_version + than, half.fate)
    console.print(": ".join(filter(None, parts)), style="bold")
    if half.reason:
        console.print(half.reason)
    for verdict in (half.decision or {}).get("verdicts", ()):
        console.print(f"  {verdict['outcome']:<21} {verdict['message']}")


def _print_step(console: Console, timing: StepTiming) -> None:
    took = "…" if timing.ended_at is None else f"{_seconds(timing.began_at, timing.ended_at)} s"
    console.print(f"  {timing.step:<17} {took:>9}")
    for error in timing.errors:
        console.print(f"    tried again after: {error}")


def _current_step(record: RunRecord) -> str:
    trainings = [
        f"{label(half)}: {half.training_progress}"
        for half in record.halves
        if half.training_progress and half.decision is None
    ]
    return f"{record.step} " + ", ".join(trainings)


def _seconds(began_at: int, ended_at: int) -> str:
    return f"{(ended_at - began_at) / SECOND:,.1f}"
