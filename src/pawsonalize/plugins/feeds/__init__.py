"""Animals imported from the feeds of shelter software."""

import msgspec

from pawsonalize.core.plugin import Plugin


class FeedSettings(msgspec.Struct, frozen=True):
    """The feeds that the service fetches."""

    feeds_file: str = ""
    """A YAML file of feeds that are fetched from their addresses on a schedule; empty: none."""


PLUGIN = Plugin(
    "feeds",
    settings=":FeedSettings",
    console_pages="upload_pages:CONSOLE_PAGES",
    operations="upload_pages:OPERATIONS",
    commands="commands:COMMANDS",
    checks="polling:CHECKS",
    usable="polling:USABLE",
    started="polling:started",
    tasks="polling:tasks",
    upkeep="uploads:upkeep",
)
