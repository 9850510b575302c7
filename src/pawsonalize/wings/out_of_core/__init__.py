"""Counting of logs that do not fit in memory, in parts on disk."""

from pawsonalize.wing import Wing

WING = Wing(
    "out_of_core",
    settings="settings:CountingSettings",
    upkeep="counting:upkeep",
    purges="counting:PURGES",
    archive_keys="files:ARCHIVE_KEYS",
    ports={"log_reading": "opening:open_reading"},
)
