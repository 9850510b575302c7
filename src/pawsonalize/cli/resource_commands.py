"""`ls` and `show`, which the commands of most kinds of resources have."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pawsonalize.cli.dataset_group import dataset_group_of
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.resource_table import print_fields, print_table
from pawsonalize.engine.resources.resource import Resource
from pawsonalize.settings import load_settings

GroupOrAll = Annotated[
    str | None,
    typer.Option(
        "--dataset-group", help="Only those of this one, by its name or ARN.", show_default="all"
    ),
]


def add_ls(app: typer.Typer, kind: type[Resource], columns: Sequence[str], command: str) -> None:
    """Add `ls`, with a table of these fields; `command` is what the commands stand below."""

    def listed(dataset_group: str | None, data_dir: Path | None, json: bool) -> None:
        settings = load_settings({"data_dir": data_dir})
        with opened(settings) as adapters:
            group = dataset_group and dataset_group_of(adapters, settings, dataset_group)
            resources = list(adapters.registry.all(kind, parent=group))
        if json:
            print(msgspec.json.encode(resources).decode())
            return
        print_table(resources, columns)

    about = f"List the {kind.kind}s, newest first.\n\nExample: pawsonalize {command} ls"
    if kind.owner == "dataset_group":

        @app.command("ls", help=about)
        def ls_of(
            dataset_group: GroupOrAll = None, data_dir: DataDir = None, json: Json = False
        ) -> None:
            listed(dataset_group, data_dir, json)

        return

    @app.command("ls", help=about)
    def ls(data_dir: DataDir = None, json: Json = False) -> None:
        listed(None, data_dir, json)


def add_show(app: typer.Typer, kind: type[Resource], command: str, example: str) -> None:
    """Add `show` of one by its name."""

    @app.command(
        "show", help=f"Show a {kind.kind}.\n\nExample: pawsonalize {command} show {example}"
    )
    def show(
        name: Annotated[str, typer.Argument(help=f"The {kind.kind}.")],
        data_dir: DataDir = None,
        json: Json = False,
    ) -> None:
        with opened(load_settings({"data_dir": data_dir})) as adapters:
            print_fields(adapters.registry.get(kind, name), json)
