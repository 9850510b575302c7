"""Animals imported from the feeds of shelter software."""

from pawsonalize.wing import Wing

WING = Wing(
    "feeds",
    settings="settings:FeedSettings",
    console_pages="pages:PAGES",
    operations="pages:OPERATIONS",
    commands="commands:COMMANDS",
    checks="checks:CHECKS",
    usable="scheduled:USABLE",
    started="scheduled:started",
    tasks="scheduled:tasks",
)
