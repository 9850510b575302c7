"""Counting of logs that do not fit in memory, in parts on disk."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from pawsonalize.app.ports import LOG_READING
from pawsonalize.core.plugin import Plugin

if TYPE_CHECKING:
    from pawsonalize.app.settings import Settings
    from pawsonalize.core.database.database import Database
    from pawsonalize.core.objects.store import ObjectStore
    from pawsonalize_out_of_core.reading import TableReading


class CountingSettings(msgspec.Struct, frozen=True):
    """Settings of counting logs."""

    training_engine: Literal["memory", "out-of-core"] = "memory"
    """Trainings and updates count the log in memory as a whole, or in parts on disk."""
    training_memory_megabytes: Annotated[int, Meta(ge=256)] = 4096
    """Memory that a part of `out-of-core` may take; the smaller, the more parts there are."""


def open_reading(
    settings: "Settings", database: "Database", objects: "ObjectStore"
) -> "TableReading | None":
    """Open what reads the training table; None where trainings read the log into memory."""
    own = settings.part(CountingSettings)
    if own.training_engine == "memory":
        return None
    from pawsonalize_out_of_core import reading

    return reading.open_reading(settings, own.training_memory_megabytes, database, objects)


PORTS = (LOG_READING.by(open_reading),)
PLUGIN = Plugin(
    "out_of_core",
    package=__name__,
    settings=":CountingSettings",
    upkeep="training_table:upkeep",
    purges="training_table:PURGES",
    archive_keys="files:ARCHIVE_KEYS",
    ports=":PORTS",
)
