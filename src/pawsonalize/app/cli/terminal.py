"""The terminal, and files that people name to be written: new ones, in a folder that exists."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pawsonalize.core.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from pawsonalize.resources.job_table import Progress

T = TypeVar("T")


def print_result(value: T, json: bool, show: Callable[[T], object]) -> None:
    """Print a value as JSON for machines, or for people the text of `show`, or what it prints."""
    if json:
        print(msgspec.json.encode(value).decode())
    elif text := show(value):
        print(text)


def wide_console(file_width: int) -> "Console":
    """Stdout as wide as the terminal; a file has no width of its own, and gets this one."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = file_width
    return console


def print_listing(
    columns: Iterable[str], rows: Iterable[Iterable["str | Text"]], file_width: int = 160
) -> None:
    """Print a table: what is too long for a line goes on in the next. Names may be empty."""
    from rich.table import Column, Table
    from rich.text import Text

    headers = [Column(name, overflow="fold") for name in columns]
    shows_names = any(column.header for column in headers)
    table = Table(*headers, box=None, pad_edge=False, show_header=shows_names)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    wide_console(file_width).print(table)


def printable(text: str, but: str = "") -> str:
    """Escape control characters, except those in `but`, in text that others wrote."""
    return "".join(
        sign if sign.isprintable() or sign in but else sign.encode("unicode_escape").decode()
        for sign in text
    )


def say(words: str, style: str | None = None) -> None:
    """Print to stderr for people: on one line, since a path in two parts cannot be copied."""
    if not sys.stderr.isatty():  # where there are no colours, servers start without Rich
        print(words, file=sys.stderr)
        return
    from rich.console import Console

    stderr = Console(stderr=True, soft_wrap=True, highlight=False)
    stderr.print(words, style=style, markup=False)


@contextmanager
def progress(label: str) -> Iterator["Progress"]:
    """A bar on stderr while the block runs; where stderr is no terminal, nothing is drawn."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(label, total=None)

        def show(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total or None)

        yield show


# What is there already may be work of hours, and a folder that is not there a mistyped path.
def check_new(path: Path | None) -> None:
    """Conflict if the path is taken, InvalidInput if its folder is missing; before any work."""
    if path is None:
        return
    if path.exists() or path.is_symlink():
        raise Conflict(f"{path} is there already, and stays as it is: choose another name")
    check_folder_of(path)


def check_folder_of(path: Path) -> None:
    """InvalidInput if the folder is missing in which the path lies."""
    if not path.absolute().parent.is_dir():
        raise InvalidInput(
            f"there is no folder {path.absolute().parent} for {path.name}: make it, or choose"
            " another place"
        )


def write_new(path: Path, content: bytes) -> None:
    """Write a new file; InvalidInput if it cannot be, or the path is taken by now."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise InvalidInput(
            f"cannot write {path} ({error.strerror}): choose another place"
        ) from error
