"""Resources on the command line: `ls` and `show`, which most kinds have, and how they print."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.terminal import print_listing
from pawsonalize.domain.times import iso
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.kinds.resource import Resource

_MOMENTS = frozenset({"at", "as_of", "since", "until"})

GroupOrAll = Annotated[
    str | None,
    typer.Option(
        "--dataset-group", help="Only those of this one, by its name or ARN.", show_default="all"
    ),
]


def add_ls(
    app: typer.Typer,
    kind: str,
    read: Callable[[], type["Resource"]],
    columns: Sequence[str],
    *,
    by_dataset_group: bool = True,
) -> None:
    """Add `ls`, which prints a table of these fields.

    `kind` is the kind in words, as its commands are named; `read` imports its class.
    """
    about = f"List the {kind}s, newest first.\n\nExample: pawsonalize {_command(kind)} ls"

    def listed(dataset_group: str | None, data_dir: Path | None, json: bool) -> None:
        settings = load_settings({"data_dir": data_dir})
        with opened(settings) as adapters:
            group = dataset_group and dataset_group_of(adapters, settings, dataset_group)
            resources = list(adapters.registry.all(read(), parent=group))
        if json:
            print(msgspec.json.encode(resources).decode())
            return
        print_rows(resources, columns)

    if by_dataset_group:

        @app.command("ls", help=about)
        def ls_of(
            dataset_group: GroupOrAll = None, data_dir: DataDir = None, json: Json = False
        ) -> None:
            listed(dataset_group, data_dir, json)

        return

    @app.command("ls", help=about)
    def ls(data_dir: DataDir = None, json: Json = False) -> None:
        listed(None, data_dir, json)


def add_show(
    app: typer.Typer, kind: str, read: Callable[[], type["Resource"]], example: str
) -> None:
    """Add `show` of one by its name."""

    @app.command(
        "show", help=f"Show a {kind}.\n\nExample: pawsonalize {_command(kind)} show {example}"
    )
    def show(
        name: Annotated[str, typer.Argument(help=f"The {kind}.")],
        data_dir: DataDir = None,
        json: Json = False,
    ) -> None:
        with opened(load_settings({"data_dir": data_dir})) as adapters:
            print_fields(adapters.registry.get(read(), name), json)


def print_rows(rows: Sequence[object], fields: Sequence[str]) -> None:
    """A line for each of some values, with these fields of theirs."""
    texts = (
        [_text(field, msgspec.to_builtins(getattr(row, field))) for field in fields] for row in rows
    )
    print_listing((field.replace("_", " ") for field in fields), texts, 200)


def print_fields(value: object, json: bool) -> None:
    """A line for each field that has something to say, or JSON."""
    if json:
        print(msgspec.json.encode(value).decode())
        return
    for field, part in msgspec.to_builtins(value).items():
        if text := _text(field, part, empty=""):
            print(f"{field.replace('_', ' '):<20} {text}")


def _command(kind: str) -> str:
    return f"{kind.replace(' ', '-')}s"


def _text(field: str, value: Any, empty: str = "-") -> str:
    """The value in words: lists with commas, what has fields as `name value`."""
    if value is None or (not value and not isinstance(value, bool | int | float)):
        return empty
    if isinstance(value, Mapping):
        parts = ((name, _text(name, one, empty="")) for name, one in value.items())
        return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in parts if text)
    if isinstance(value, list | tuple):
        join = "; " if isinstance(value[0], Mapping) else ", "
        return join.join(_text(field, one) for one in value)
    return _scalar(field, value)


def _scalar(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and (field.endswith("_at") or field in _MOMENTS):
        return iso(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
