"""`pawsonalize solutions`: what is trained, from which recipe and settings."""

from typing import Annotated

import msgspec
import typer

from pawsonalize.app import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.resource_table import print_fields, print_table
from pawsonalize.engine.resources.solutions import Solution
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Solutions: a recipe with its settings.")


@app.command("ls")
def ls(data_dir: DataDir = None, json: Json = False) -> None:
    """List the solutions, newest first.

    Example: pawsonalize solutions ls
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        solutions = list(adapters.registry.all(Solution))
    if json:
        print(msgspec.json.encode(solutions).decode())
        return
    print_table(solutions, ("name", "status", "recipe", "dataset_group"))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The solution.")],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show a solution with its settings.

    Example: pawsonalize solutions show recommender
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.registry.get(Solution, name), json)
