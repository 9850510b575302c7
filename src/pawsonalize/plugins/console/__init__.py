"""The operator's pages: what the service knows, does and recommends."""

from pawsonalize.core.plugin import Plugin

PLUGIN = Plugin(
    "console",
    operations="routes:OPERATIONS",
    pages="routes:routes",
    console_pages="views:PAGES",
    started="console:Console",
    tasks="console:tasks",
    upkeep="photos:upkeep",
    archive_keys="photos:ARCHIVE_KEYS",
)
