"""`pawsonalize filters`: which items an answer may hold, by name."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.resource_table import print_fields, print_table
from pawsonalize.engine.resources.datasets import Filter
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Filters: which items an answer may hold.")

Name = Annotated[str, typer.Argument(help="The filter.")]


@app.command("ls")
def ls(data_dir: DataDir = None, json: Json = False) -> None:
    """List the filters, newest first.

    Example: pawsonalize filters ls
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        filters = list(adapters.registry.all(Filter))
    if json:
        print(msgspec.json.encode(filters).decode())
        return
    print_table(filters, ("name", "status", "expression"))


@app.command("show")
def show(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Show a filter.

    Example: pawsonalize filters show dogs-only
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.registry.get(Filter, name), json)


@app.command("create")
def create(
    name: Name,
    expression: Annotated[str, typer.Argument(help="What passes: see docs/reference/filters.md.")],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a filter; running servers know it at once.

    Example: pawsonalize filters create dogs-only 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")'
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.filters.create(name, expression, clock.now()), json)


@app.command("delete")
def delete(name: Name, data_dir: DataDir = None) -> None:
    """Delete a filter; who names it from now on is told that there is none.

    Example: pawsonalize filters delete dogs-only
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.registry.delete(Filter, name)
