"""Who folds new events into what is served, and when."""

import os
from collections.abc import Iterable

from pawsonalize import clock
from pawsonalize.app.adapters import COMMAND
from pawsonalize.engine.campaigns.live_model import LiveModel
from pawsonalize.engine.side_process import SideProcess
from pawsonalize.recipes.contract import RecountingModel
from pawsonalize.settings import Settings, as_environment
from pawsonalize.storage.base import EventLog


def fold_process(settings: Settings) -> SideProcess | None:
    """What starts the process that folds; None where the settings want none."""
    if not settings.fold_seconds:
        return None
    return SideProcess(
        settings.fold_lock,
        settings.fold_seconds,
        (*COMMAND, "fold"),
        {**os.environ, **as_environment(settings)},
        clock.now(),
    )


def are_behind(live: Iterable[LiveModel], log: EventLog) -> bool:
    """Whether the log holds more than a model knows that could take it in."""
    served = [one.current for one in live if one.is_ready]
    known = [one.cut.log_offset for one in served if isinstance(one.model, RecountingModel)]
    return bool(known) and min(known) < log.head()
