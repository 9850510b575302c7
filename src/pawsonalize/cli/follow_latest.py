"""`pawsonalize follow-latest`: what the process that asks the gate runs; not for people."""

from pawsonalize import clock
from pawsonalize.app import following, opened
from pawsonalize.engine.resources.processes import rest
from pawsonalize.logs import configure_logs
from pawsonalize.settings import load_settings


def follow_latest() -> None:
    """Send campaigns that follow their solution to its newest version, if the gate promotes it.

    Example: pawsonalize follow-latest
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    began = clock.now()
    try:
        with opened(settings) as adapters:
            following(settings, adapters).look_after(began)
    finally:
        rest(settings.judging_lock, began, clock.now())
