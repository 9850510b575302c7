"""`pawsonalize solution-versions`: the models that were trained, and those in training."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.resource_table import print_fields, print_table
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Solution versions: trained models.")

Name = Annotated[str, typer.Argument(help="The solution version.")]


@app.command("ls")
def ls(
    solution: Annotated[
        str | None, typer.Option(help="Only versions of this solution.", show_default="all")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the solution versions, newest first.

    Example: pawsonalize solution-versions ls --solution recommender
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        versions = list(adapters.registry.all(SolutionVersion, parent=solution))
    if json:
        print(msgspec.json.encode(versions).decode())
        return
    print_table(versions, ("name", "status", "recipe", "mode", "events", "created_at"))


@app.command("show")
def show(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Show a solution version; of one in training, how far it is.

    Example: pawsonalize solution-versions show recommender-20260517T093000000Z-1f2e3d
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.trainings.look(name, clock.now()), json)


@app.command("stop")
def stop(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Stop a training on this machine; nothing of it is kept.

    Example: pawsonalize solution-versions stop recommender-20260517T093000000Z-1f2e3d
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.trainings.stop(name, clock.now()), json)
