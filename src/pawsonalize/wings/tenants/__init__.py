"""Use and size of every dataset group, for operators of many."""

from pawsonalize.wing import Wing

WING = Wing(
    "tenants",
    commands="commands:COMMANDS",
    operations="door:OPERATIONS",
    console_pages="door:PAGES",
    started="reports:started",
)
