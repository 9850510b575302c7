"""Refused events, kept so that they can be mended and sent again."""

from pawsonalize.wing import Wing

WING = Wing(
    "dead_letters",
    settings="settings:DeadLetterSettings",
    commands="commands:COMMANDS",
    tables="tables:TABLES",
    checks="checks:CHECKS",
    operations="operations:DEAD_LETTER_OPERATIONS",
)
