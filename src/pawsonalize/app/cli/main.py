"""`pawsonalize`: every command, and what an error looks like."""

import gc
import os
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

from pawsonalize import __version__
from pawsonalize.animals import commands as animals
from pawsonalize.app.cli import serve
from pawsonalize.app.cli.options import command_group
from pawsonalize.app.cli.terminal import say
from pawsonalize.app.settings import Settings, read_settings
from pawsonalize.core.config import read_secrets
from pawsonalize.core.database.data_folder import make_files_private
from pawsonalize.core.errors import InvalidInput, NotFound, PawsonalizeError
from pawsonalize.core.plugin import added, broken_plugins
from pawsonalize.events.commands import archive, erasures, events, importing
from pawsonalize.operations.commands import access, service
from pawsonalize.recommend import commands as questions
from pawsonalize.reports.commands import reports
from pawsonalize.resources.commands import groups_below
from pawsonalize.train.commands import models, processes, solutions


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"pawsonalize {__version__}")
        raise typer.Exit


app = command_group(
    "A self-hosted, real-time recommender for adoptable pets.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich takes longer to import than all else that help needs
    epilog="Exit codes: 0 done, 1 failed, 2 wrong input (the message names the next move).",
)


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """A self-hosted, real-time recommender for adoptable pets."""


# What stands in the help under which headline.
_COMMANDS: dict[str, dict[str, Any]] = {
    "Start here": {
        "init": service.init,
        "serve": serve.serve,
        "status": service.status,
        "doctor": service.doctor,
        "health": service.health,
        "config": service.config_app,
    },
    "Ask, and see what came of it": {
        "recommend": questions.recommend,
        "rerank": questions.rerank,
        "history": events.history,
        "evaluate": reports.evaluate,
        "outcomes": reports.outcomes,
        "ope": reports.ope,
    },
    "Animals and events": {
        "import": importing.import_,
        "animals": animals.app,
        "events": events.app,
        "erasures": erasures.app,
        "archive": archive.app,
    },
    "Models": {
        "train": models.train,
        "retrain": models.retrain,
        "runs": models.app,
        **groups_below("Models"),
        "batch-jobs": solutions.batch_jobs,
    },
    "Look after the service": {
        "vacuum": service.vacuum,
        "keys": access.app,
        "audit": access.audit_app,
    },
    "Several shelters, datasets and filters": groups_below(
        "Several shelters, datasets and filters"
    ),
}
for command in added("commands"):
    *groups, name = command.name.split()
    if groups:
        main_group = next(rows[groups[0]] for rows in _COMMANDS.values() if groups[0] in rows)
        main_group.command(name)(command.run)
    else:
        rows = list(_COMMANDS[command.panel].items())
        place = next((i for i, (one, _) in enumerate(rows, 1) if one == command.after), len(rows))
        rows.insert(place, (name, command.run))
        _COMMANDS[command.panel] = dict(rows)
for panel, commands in _COMMANDS.items():
    for name, run in commands.items():
        if isinstance(run, typer.Typer):
            app.add_typer(run, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(run)
for own in (processes.train_version, processes.refresh, processes.follow_latest, processes.work):
    app.command(hidden=True)(own)


_COLLECT_AFTER = 500_000  # new objects; a start makes 200,000


def main(*, warn: bool = True) -> None:
    """Run the command line; `warn` of settings that have no effect."""
    # Modules, classes and tables stay: to look for garbage among them takes a tenth of a start.
    gc.set_threshold(_COLLECT_AFTER)
    try:
        # Threads that wait for their share of one small product cost more than they bring.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        read_secrets(os.environ)
        _prepare(warn=warn)
        app()
    except PawsonalizeError as error:
        say(f"error: {error}", "red")
        sys.exit(2 if isinstance(error, InvalidInput | NotFound) else 1)


def _prepare(*, warn: bool) -> None:
    settings = Settings()
    with suppress(PawsonalizeError):  # the command itself says what is wrong with them
        settings, written = read_settings()
        for warning in written.warnings if warn else ():
            say(f"warning: {warning}", "yellow")
        for broken in broken_plugins() if warn else ():
            say(f"warning: the plugin {broken}", "yellow")
    make_files_private(settings.data_access)  # before the command makes any


if __name__ == "__main__":
    main()
