"""Opening the data that a command works on, and noting the command in the audit log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pawsonalize.app.cli.options import DataDir, Json, running_command
from pawsonalize.app.cli.terminal import print_result, say
from pawsonalize.app.settings import Settings, load_settings, read_settings
from pawsonalize.core import clock
from pawsonalize.core.database.data_folder import DATABASE_FILE, check_database_is_there
from pawsonalize.core.errors import PawsonalizeError

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters

# Commands that only look, and those that the service itself runs.
_READ_ONLY = frozenset(
    {"ls", "show", "usage", "feeds", "exposure", "verify", "doctor", "evaluate", "outcomes"}
    | {"recommend", "rerank", "history", "tail", "status", "servers", "destinations"}
)
_OWN = frozenset({"train-version", "refresh", "follow-latest", "work", "runs watch"})
_OF_FILES = frozenset({"animals import", "animals watch"})  # a path may name a person


@contextmanager
def opened(
    place: Settings | Path | None, *, makes: bool = False, rebuilds: bool = False
) -> Iterator["Adapters"]:
    """Open a data folder, or that of settings, and note the command in its audit log.

    NotFound, with the folder, where there is no data, unless the command `makes` it. A database
    that is gone from a folder in use is made anew by a command that `rebuilds` it alone.
    """
    # A command that reads or changes what exists never makes an empty world to look into.
    from pawsonalize.app import adapters as app

    settings = place if isinstance(place, Settings) else load_settings({"data_dir": place})
    folder = settings.data_dir.absolute()
    is_new = makes and not settings.database_url and not (folder / DATABASE_FILE).exists()
    if is_new and not rebuilds:
        check_database_is_there(folder)
    with app.opened(settings, must_exist=not makes) as adapters:
        if is_new:  # announced, as a wrong name would look like an empty, healthy service
            say(f"made a new data folder: {folder}", "dim")
        else:
            _say_where(settings)
        with _recorded(adapters):
            yield adapters


opened_or_made = partial(opened, makes=True)


def parameter(name: str, annotation: object, default: object = Parameter.empty) -> Parameter:
    """Return a parameter of a command, as Typer reads it."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


DATA_DIR = parameter("data_dir", DataDir, None)
JSON = parameter("json", Json, default=False)


def on_data(
    show: Callable[[Any], object] = lambda _: None,
    *,
    failed: Callable[[Any], object] = lambda _: False,
    makes: bool = False,
) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """Make a command of a function of `Adapters`: with `--data-dir`, and the function's options.

    `--json` prints what the function returns; for people `show` prints it, or returns the text.
    `failed` says of that if the exit code is to be 1.
    """

    def made(run: Callable[..., object]) -> Callable[..., None]:
        def command(data_dir: Path | None, *, json: bool = False, **given: object) -> None:
            with opened(data_dir, makes=makes) as adapters:
                found = run(adapters, **given)
            # Now that the data are closed: what was done is recorded as done, whoever reads it.
            print_result(found, json, show)
            if failed(found):
                raise typer.Exit(1)

        # Typer reads options from a signature; it need not be that of a function as written.
        _, *own = signature(run).parameters.values()
        own = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own]
        typed: Any = command
        typed.__signature__ = Signature([*own, DATA_DIR, JSON])
        command.__name__, command.__doc__ = run.__name__, run.__doc__
        return command

    return made


def add_command(
    group: typer.Typer, name: str, *show: Callable[[Any], object], **more: Any
) -> Callable[[Callable[..., object]], Callable[..., None]]:
    """Add to a group the command of that name, made of a function of opened data by `on_data`."""
    return lambda run: group.command(name)(on_data(*show, **more)(run))


def dataset_group_of(adapters: "Adapters", given: str | None) -> str:
    """Return the group of `--dataset-group`, else the default; NotFound lists those that exist."""
    from pawsonalize.recommend.campaigns import Address

    return adapters.directory.dataset_group(Address(given))


def _say_where(settings: Settings) -> None:
    """Name the data folder on stderr, unless the command line itself has just done so."""
    configured, written = read_settings()
    if settings.data_dir == configured.data_dir:
        where = f"data folder: {settings.data_dir.absolute()}"
        if written.file is not None:
            aside = f"; {len(written.notes)} of its keys are for AWS alone" if written.notes else ""
            where += f" (settings: {written.file.absolute()}{aside})"
        say(where, "dim")


@contextmanager
def _recorded(adapters: "Adapters") -> Iterator[None]:
    words, given = running_command.get() or ("", ())
    changes_nothing = words.rpartition(" ")[2] in _READ_ONLY or "--dry-run" in given
    if not words or words in _OWN or changes_nothing:
        yield
        return
    is_named = given and not given[0].startswith("-") and words not in _OF_FILES
    target, outcome = given[0] if is_named else None, "failed"
    try:
        yield
        outcome = "done"
    finally:
        from pawsonalize.core.database.journal import AuditEntry

        try:
            adapters.audit.add(AuditEntry(clock.now(), "command line", words, target, outcome))
        except PawsonalizeError as error:  # what was done stays done
            say(f"not in the audit log: {error.message}", "yellow")
