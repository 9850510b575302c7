"""`pawsonalize runs`: retrainings, those that go on and those that ended."""

from typing import Annotated

import msgspec
import typer

from pawsonalize.cli.following import finish, follow
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.run_report import print_run, print_runs
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Workflow runs: retrainings.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run, as `runs ls` names it.")]


@app.command("ls")
def ls(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the newest runs and how they ended.

    Example: pawsonalize runs ls
    """
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
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        record = follow(settings, adapters, run)
    finish(record, json)


@app.command("cancel")
def cancel(run: RunId, data_dir: DataDir = None, json: Json = False) -> None:
    """Stop a run and its training, and wait until it has stopped; what is served stays.

    Example: pawsonalize runs cancel retrain-20260518T030000000Z
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        adapters.runs(settings).cancel(run)
        record = follow(settings, adapters, run)
    if json:
        print(msgspec.json.encode(record).decode())
        return
    print(f"{record.run_id} is {record.status}: {record.reason}")
