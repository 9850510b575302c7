"""`pawsonalize retrain` and `runs`: retrainings now, those that go on and those that ended."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import At, DataDir, Json, command_group
from pawsonalize.domain.times import parse_moment
from pawsonalize.settings import load_settings

app = command_group("Workflow runs: retrainings.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run, as `runs ls` names it.")]


def retrain(
    at: At = None,
    wait: Annotated[
        bool, typer.Option(help="Show how it goes, to its end; else return at once.")
    ] = True,
    dataset_group: Annotated[
        str | None,
        typer.Option(
            help="Only what asks for it in this dataset group, by its name or ARN.",
            show_default="all",
        ),
    ] = None,
    solution: Annotated[
        str | None,
        typer.Option(help="Only this solution, whether it asks or not.", show_default="all"),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train new solution versions now, and serve those that prove themselves.

    Every solution that a campaign serves gets one, in every dataset group, unless it has
    `retrain: false`. One that fails does not stop another.

    Needs no running server; running ones follow. Ctrl-C ends the watching, not the run. Exit
    code 0 whatever the gate decides or if there is nothing to do; 1 if the run failed, was
    cancelled or timed out, or if another one runs.

    Example: pawsonalize retrain --solution recommender
    """
    from pawsonalize.cli.models.run_report import finish, follow, started
    from pawsonalize.engine.training.retrained import Part
    from pawsonalize.engine.training.retraining.record import Trigger

    settings = load_settings({"data_dir": data_dir})
    now = clock.now()
    as_of = None if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        group = dataset_group and dataset_group_of(adapters, settings, dataset_group)
        part = Part(group, solution)
        record = adapters.runs(settings).begin(Trigger.COMMAND, now, as_of, part)
        if wait:
            record = follow(settings, adapters, record.run_id)
        else:
            started(settings, adapters)
    finish(record, json)


@app.command("ls")
def ls(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the newest runs and how they ended.

    Example: pawsonalize runs ls
    """
    from pawsonalize.cli.models.run_report import print_runs

    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        records = adapters.runs(settings).newest(limit)
    if json:
        print(msgspec.json.encode(records).decode())
        return
    print_runs(records)


@app.command("show")
def show(run: RunId, data_dir: DataDir = None, json: Json = False) -> None:
    """Show what a run found, how it decided and why, and how long each step took.

    Example: pawsonalize runs show retrain-20260518T030000000Z
    """
    from pawsonalize.cli.models.run_report import print_run

    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        record = adapters.runs(settings).get(run)
    if json:
        print(msgspec.json.encode(record).decode())
        return
    print_run(record)


@app.command("watch")
def watch(run: RunId, data_dir: DataDir = None, json: Json = False) -> None:
    """Follow a run to its end; one that nobody works on any more is taken up where it stopped.

    Exit codes as of `retrain`.

    Example: pawsonalize runs watch retrain-20260518T030000000Z
    """
    from pawsonalize.cli.models.run_report import finish, follow

    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        record = follow(settings, adapters, run)
    finish(record, json)


@app.command("cancel")
def cancel(run: RunId, data_dir: DataDir = None, json: Json = False) -> None:
    """Stop a run and its training, and wait until it has stopped; what is served stays.

    Example: pawsonalize runs cancel retrain-20260518T030000000Z
    """
    from pawsonalize.cli.models.run_report import follow

    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        adapters.runs(settings).cancel(run)
        record = follow(settings, adapters, run)
    if json:
        print(msgspec.json.encode(record).decode())
        return
    print(f"{record.run_id} is {record.status}: {record.reason}")
