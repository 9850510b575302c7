"""Counting of logs that do not fit in memory, by query engines."""

from pawsonalize.wing import Wing

WING = Wing("out_of_core", settings="settings:CountingSettings")
