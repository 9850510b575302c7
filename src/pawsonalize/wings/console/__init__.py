"""The operator's pages: what the service knows, does and recommends."""

from pawsonalize.wing import Wing

WING = Wing(
    "console",
    operations="pages.door:OPERATIONS",
    pages="pages.door:routes",
    console_pages="console_pages:PAGES",
    started="console:started",
    tasks="console:tasks",
)
