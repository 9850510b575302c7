"""A look at a site's page as a browser sees it: does the embed work there, and does it arrive?"""

from pawsonalize.core.plugin import Plugin

PLUGIN = Plugin(
    "integration",
    commands="commands:COMMANDS",
    console_pages="pages:PAGES",
    started="pages:started",
)
