"""Resources as text for people."""

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from pawsonalize.domain.times import iso
from pawsonalize.engine.resources.resource import Resource

_FILE_WIDTH = 200  # a file has no width of its own


def print_table(resources: Sequence[Resource], fields: Sequence[str]) -> None:
    """A line for each resource."""
    table = Table(box=None, pad_edge=False)
    for field in fields:
        table.add_column(field.replace("_", " "), no_wrap=field == "name")
    for resource in resources:
        table.add_row(*(_text(field, getattr(resource, field)) for field in fields))
    console = Console()
    Console(width=None if console.is_terminal else _FILE_WIDTH).print(table, markup=False)


def print_fields(resource: Resource, json: bool) -> None:
    """A line for each field that has something to say, or JSON."""
    if json:
        print(msgspec.json.encode(resource).decode())
        return
    for field, value in msgspec.structs.asdict(resource).items():
        if value not in (None, "", (), {}):
            print(f"{field.replace('_', ' '):<20} {_text(field, value)}")


def _text(field: str, value: Any) -> str:
    if value is None:
        return "-"
    if field.endswith("_at"):
        return iso(value)
    if isinstance(value, int | float | str):
        return str(value)
    return msgspec.json.encode(value).decode()
