"""`pawsonalize datasets`: the interactions, items and users of a dataset group."""

from pathlib import Path
from typing import Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.dataset_group import dataset_group_of
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json
from pawsonalize.cli.resource_commands import add_ls, add_show
from pawsonalize.cli.resource_table import print_fields
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.resources.datasets import Dataset
from pawsonalize.engine.resources.schemas import dataset_type_named
from pawsonalize.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Datasets: interactions, items and users.")
add_ls(app, Dataset, ("name", "dataset_group", "dataset_type", "schema", "status"), "datasets")
add_show(app, Dataset, "datasets", "shelter-b-items")


@app.command("create")
def create(
    dataset_type: Annotated[str, typer.Argument(help="Interactions, Items or Users.")],
    dataset_group: DatasetGroupName = None,
    schema: Annotated[
        str | None,
        typer.Option(
            help="A file of Avro JSON, or the name of a schema that is there.",
            show_default="the columns of the default dataset group",
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a dataset; its name is its dataset group's and its type.

    Example: pawsonalize datasets create Items --dataset-group shelter-b --schema items.avsc
    """
    settings = load_settings({"data_dir": data_dir})
    kind = dataset_type_named(dataset_type)
    with opened(settings) as adapters:
        group = dataset_group_of(adapters, settings, dataset_group)
        dataset = adapters.datasets.describe(group, kind, _schema(schema), clock.now())
        print_fields(dataset, json)


@app.command("delete")
def delete(
    name: Annotated[str, typer.Argument(help="The dataset.")], data_dir: DataDir = None
) -> None:
    """Delete a dataset with its data, unless something is imported into it.

    Example: pawsonalize datasets delete shelter-b-items
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.datasets.delete(name)


def _schema(given: str | None) -> str | None:
    """What the file holds, or the name as it is."""
    if given is None or not Path(given).is_file():
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{given} cannot be read: {error}", field="schema") from error
