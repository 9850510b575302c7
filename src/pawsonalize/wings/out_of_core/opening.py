"""The reading of logs that memory does not hold, imported only where it is used."""

from typing import TYPE_CHECKING, Any

from pawsonalize.settings import Settings
from pawsonalize.wings.out_of_core.settings import CountingSettings

if TYPE_CHECKING:
    from pawsonalize.wings.out_of_core.reading import TableReading


def open_reading(settings: Settings, *stores: Any) -> "TableReading | None":
    """Open what reads the training table; None where trainings read the log into memory."""
    if settings.part(CountingSettings).training_engine == "memory":
        return None
    from pawsonalize.wings.out_of_core import counting  # noqa: PLC0415 - every command is here

    return counting.open_reading(settings, *stores)
