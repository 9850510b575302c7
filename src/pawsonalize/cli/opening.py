"""Opening what a command works on, and saying where that is."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from pawsonalize import app
from pawsonalize.app import Adapters
from pawsonalize.settings import Settings, load_settings


@contextmanager
def opened(settings: Settings) -> Iterator[Adapters]:
    """What is there already, open while the block runs; NotFound, with the folder, if nothing is.

    So a command that reads or changes what exists never makes an empty world to look into.
    """
    with app.opened(settings, must_exist=True) as adapters:
        _say_where(settings)
        yield adapters


@contextmanager
def opened_or_made(settings: Settings) -> Iterator[Adapters]:
    """The same for commands that begin something: data folder and database are made if need be."""
    with app.opened(settings) as adapters:
        _say_where(settings)
        yield adapters


def _say_where(settings: Settings) -> None:
    """Say on stderr where we look, unless the command line itself has just said it."""
    if settings.data_dir == load_settings().data_dir:
        stderr = Console(stderr=True, soft_wrap=True, highlight=False)
        stderr.print(f"data folder: {settings.data_dir.absolute()}", style="dim", markup=False)
