"""`pawsonalize fold`: what the process of one fold runs; not for people."""

import typer

from pawsonalize import clock
from pawsonalize.app import opened
from pawsonalize.app.folding import FAILED, refresh_counts
from pawsonalize.engine.resources.processes import rest
from pawsonalize.logs import configure_logs
from pawsonalize.settings import load_settings


def fold() -> None:
    """Fold new events into the versions that campaigns serve, after all other work of the machine.

    Example: pawsonalize fold
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    began = clock.now()
    with opened(settings) as adapters:
        all_fresh = refresh_counts(adapters, adapters.problems(settings))
    rest(settings.fold_lock, began, clock.now())
    if not all_fresh:
        raise typer.Exit(FAILED)
