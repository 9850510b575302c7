"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from pawsonalize.domain.errors import InvalidInput

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where everything lives.", show_default="./pawsonalize-data"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
At = Annotated[
    str | None,
    typer.Option("--at", help="As of this moment: ISO 8601 or epoch.", show_default="now"),
]
Host = Annotated[
    str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")
]
Port = Annotated[
    int | None, typer.Option("--port", help="Port to listen on; 0: any.", show_default="8080")
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Server processes.", show_default="1")
]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="The recipe.", show_default="user-personalization")
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of the recipe, name=value; may be repeated."),
]
Seed = Annotated[int, typer.Option("--seed", help="Same data, same seed, same result.")]


def read_pairs(given: list[str] | None) -> dict[str, str]:
    """The values of `--set`, by name; InvalidInput for one that is not name=value."""
    pairs = [text.partition("=") for text in given or []]
    for name, equals, _value in pairs:
        if not name or not equals:
            raise InvalidInput(f"--set takes name=value, not {name}")
    return {name: value for name, _, value in pairs}
