"""Visits: people book a time to meet an animal."""

import msgspec

from pawsonalize import Plugin


class VisitSettings(msgspec.Struct, frozen=True):
    """Settings of visits; they stand beside those of the service."""

    visit_days: int = 30
    """Days after a visit for which it is kept who came."""


PLUGIN = Plugin(
    "visits",
    package=__name__,
    settings=":VisitSettings",
    tables="book:TABLES",
    commands="commands:COMMANDS",
    operations="endpoints:OPERATIONS",
    console_pages="pages:CONSOLE_PAGES",
    started="book:started",
    tasks="tasks:tasks",
)
