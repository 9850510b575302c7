"""Opening what a command works on, and saying where that is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pawsonalize.cli.audit import record_command
from pawsonalize.cli.terminal import say
from pawsonalize.settings import Settings, read_settings
from pawsonalize.storage.data_folder import DATABASE_FILE

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters


@contextmanager
def opened(settings: Settings) -> Iterator["Adapters"]:
    """Open the data that exists while the block runs; NotFound, with the folder, if there is none.

    So a command that reads or changes what exists never makes an empty world to look into.
    """
    from pawsonalize.app import adapters as app

    with app.opened(settings, must_exist=True) as adapters:
        _say_where(settings)
        with record_command(adapters):
            yield adapters


@contextmanager
def opened_or_made(settings: Settings) -> Iterator["Adapters"]:
    """The same for commands that begin something: data folder and database are made if need be.

    A new one is announced on stderr: a wrong name would look like an empty, healthy service.
    """
    from pawsonalize.app import adapters as app

    folder = settings.data_dir.absolute()
    is_new = not settings.database_url and not (folder / DATABASE_FILE).exists()
    with app.opened(settings) as adapters:
        if is_new:
            say(f"made a new data folder: {folder}", "dim")
        else:
            _say_where(settings)
        with record_command(adapters):
            yield adapters


def dataset_group_of(adapters: "Adapters", settings: Settings, given: str | None) -> str:
    """Return the group of `--dataset-group`, else the default; NotFound lists those that exist."""
    from pawsonalize.engine.serving.directory import Address

    return adapters.directory(settings).dataset_group(Address(given))


def _say_where(settings: Settings) -> None:
    """Say on stderr where we look, unless the command line itself has just said it."""
    configured, written = read_settings()
    if settings.data_dir == configured.data_dir:
        where = f"data folder: {settings.data_dir.absolute()}"
        if written.file is not None:
            where += f" (settings: {written.file.absolute()})"
        say(where, "dim")
