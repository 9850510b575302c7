"""The operator's pages: what the service knows, does and recommends."""

from pawsonalize.plugin import Plugin

PLUGIN = Plugin(
    "console",
    operations="door:OPERATIONS",
    pages="door:routes",
    console_pages="views:PAGES",
    started="console:Console",
    tasks="console:tasks",
)
