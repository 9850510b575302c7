"""`pawsonalize dataset-groups`: what belongs together."""

from typing import Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened, opened_or_made
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.resource_commands import add_ls, add_show
from pawsonalize.cli.resource_table import print_fields
from pawsonalize.engine.resources.datasets import DatasetGroup
from pawsonalize.settings import load_settings

app = typer.Typer(
    no_args_is_help=True, help="Dataset groups: datasets and solutions that belong together."
)
add_ls(app, DatasetGroup, ("name", "status", "created_at"), "dataset-groups")
add_show(app, DatasetGroup, "dataset-groups", "shelter-b")

Name = Annotated[str, typer.Argument(help="The dataset group.")]


@app.command("create")
def create(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Create a dataset group; running servers know it at once.

    Example: pawsonalize dataset-groups create shelter-b
    """
    with opened_or_made(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.registry.create(DatasetGroup(name=name), clock.now()), json)


@app.command("delete")
def delete(name: Name, data_dir: DataDir = None) -> None:
    """Delete a dataset group with what is left of its data; what is in it goes first.

    Example: pawsonalize dataset-groups delete shelter-b
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.datasets.delete_group(name)
