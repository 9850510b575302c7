"""Animals imported from the feeds of shelter software."""

from pawsonalize.wing import Wing

WING = Wing(
    "feeds",
    settings="settings:FeedSettings",
    commands="commands:COMMANDS",
    checks="checks:CHECKS",
    usable="scheduled:USABLE",
    started="scheduled:started",
    tasks="scheduled:tasks",
)
