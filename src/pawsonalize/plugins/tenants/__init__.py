"""Use and size of every dataset group, for operators of many."""

from pawsonalize.core.plugin import Plugin

PLUGIN = Plugin(
    "tenants",
    commands="commands:COMMANDS",
    operations="endpoints:OPERATIONS",
    console_pages="endpoints:PAGES",
    started="reports:started",
)
