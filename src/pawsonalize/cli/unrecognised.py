"""The values of a feed that nobody knows the meaning of, and the file that says what they mean."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from pawsonalize.engine.ingest.feeds.mapping import Unrecognised, skeleton

_SHOWN = 20


def print_unrecognised(values: Unrecognised) -> None:
    """A table of the most frequent values, and what to do about them."""
    rows = [(field, value, n) for field, some in values.items() for value, n in some.items()]
    if not rows:
        return
    rows.sort(key=lambda row: (-row[2], row))
    table = Table("field", "value", "rows", title="Values that were not recognised")
    for field, value, n in rows[:_SHOWN]:
        table.add_row(field, value, f"{n:,}")
    console = Console()
    console.print(table, markup=False)
    more = f"{len(rows) - _SHOWN:,} more values. " if len(rows) > _SHOWN else ""
    console.print(
        f"{more}To say what they mean: --write-map FILE writes them down, --map FILE reads it.",
        markup=False,
        soft_wrap=True,
    )


def write_map(path: Path | None, values: Unrecognised) -> None:
    """Write the mapping file to be filled in, if it is wanted."""
    if path is not None:
        path.write_text(skeleton(values), encoding="utf-8")
