"""Use and size of every dataset group, for operators of many."""

from pawsonalize.wing import Wing

WING = Wing(
    "tenants",
    commands="commands:COMMANDS",
    operations="operations:OPERATIONS",
    console_pages="pages:PAGES",
    started="reports:started",
)
