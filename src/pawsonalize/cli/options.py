"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
