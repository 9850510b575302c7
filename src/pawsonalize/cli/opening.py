"""Opening what a command works on, and saying where that is."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from pawsonalize import app
from pawsonalize.app import Adapters
from pawsonalize.settings import DATABASE_FILE, Settings, read_settings


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
    """The same for commands that begin something: data folder and database are made if need be.

    One that is made is said on stderr: a wrong name would look like an empty, healthy service.
    """
    folder = settings.data_dir.absolute()
    is_new = not settings.database_url and not (folder / DATABASE_FILE).exists()
    with app.opened(settings) as adapters:
        if is_new:
            _say(f"made a new data folder: {folder}")
        else:
            _say_where(settings)
        yield adapters


def _say_where(settings: Settings) -> None:
    """Say on stderr where we look, unless the command line itself has just said it."""
    configured, written = read_settings()
    if settings.data_dir == configured.data_dir:
        where = f"data folder: {settings.data_dir.absolute()}"
        if written.file is not None:
            where += f" (settings: {written.file.absolute()})"
        _say(where)


def _say(words: str) -> None:
    stderr = Console(stderr=True, soft_wrap=True, highlight=False)
    stderr.print(words, style="dim", markup=False)
