"""`pawsonalize filters`: which items an answer may hold, by name."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.dataset_group import dataset_group_of
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json
from pawsonalize.cli.resource_table import print_fields, print_table
from pawsonalize.engine.resources.datasets import Filter
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Filters: which items an answer may hold.")

Name = Annotated[str, typer.Argument(help="The filter.")]


@app.command("ls")
def ls(
    dataset_group: Annotated[
        str | None,
        typer.Option(help="Only those of this one, by its name or ARN.", show_default="all"),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the filters, newest first.

    Example: pawsonalize filters ls
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        group = dataset_group and dataset_group_of(adapters, settings, dataset_group)
        filters = list(adapters.registry.all(Filter, parent=group))
    if json:
        print(msgspec.json.encode(filters).decode())
        return
    print_table(filters, ("name", "dataset_group", "status", "expression"))


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
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a filter; running servers know it at once.

    Example: pawsonalize filters create dogs-only 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")'
    """
    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        group = dataset_group_of(adapters, settings, dataset_group)
        created = adapters.filters.create(name, expression, clock.now(), dataset_group=group)
        print_fields(created, json)


@app.command("delete")
def delete(name: Name, data_dir: DataDir = None) -> None:
    """Delete a filter; who names it from now on is told that there is none.

    Example: pawsonalize filters delete dogs-only
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.registry.delete(Filter, name)
