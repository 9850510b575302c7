"""Refused events, kept so that they can be mended and sent again."""

from pawsonalize.wing import Wing

WING = Wing(
    "dead_letters",
    settings="settings:DeadLetterSettings",
    commands="commands:COMMANDS",
    tables="tables:TABLES",
    checks="checks:CHECKS",
    operations="endpoints:OPERATIONS",
    console_pages="pages:PAGES",
    started="composition:started",
    upkeep="composition:upkeep",
    gauges="metrics:gauges",
    growth="composition:GROWTH",
    visitor_rows="letters_about:VISITOR_ROWS",
    visitor_objects="composition:VISITOR_OBJECTS",
    archive_keys="archived_letters:ARCHIVE_KEYS",
    ports={
        "refusals": "composition:refusals",
        "stream_refusals": "composition:stream_refusals",
        "refused_tail": "tail:RefusedTail",
        "refused_events": "pages:refused_events",
        "archive_run": "composition:archive_run",
    },
)
