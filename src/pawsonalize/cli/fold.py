"""`pawsonalize fold`: what the process of one fold runs; not for people."""

import structlog
import typer

from pawsonalize import clock
from pawsonalize.app import opened
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.engine.side_process import rest
from pawsonalize.logs import configure_logs
from pawsonalize.settings import load_settings

log = structlog.get_logger()


def fold() -> None:
    """Fold new events into the versions that campaigns serve, after all other work of the machine.

    Example: pawsonalize fold
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    began, failed = clock.now(), False
    with opened(settings) as adapters:
        for version in sorted(adapters.folder.served()):
            try:
                adapters.folder.fold(version, clock.now())
            except PawsonalizeError as error:
                failed = True
                log.error("not folded", solution_version=version, reason=error.message)
    rest(settings.fold_lock, began, clock.now())
    if failed:
        raise typer.Exit(1)
