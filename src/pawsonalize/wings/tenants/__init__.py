"""Use and size of every dataset group, for operators of many."""

from pawsonalize.plugin import Plugin

PLUGIN = Plugin(
    "tenants",
    commands="commands:COMMANDS",
    operations="door:OPERATIONS",
    console_pages="door:PAGES",
    started="reports:started",
)
