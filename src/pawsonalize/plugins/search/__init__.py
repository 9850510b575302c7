"""Search in words: read as rules, found by words and by meaning, in each visitor's own order."""

import msgspec

from pawsonalize.core.plugin import Plugin


class SearchSettings(msgspec.Struct, frozen=True):
    """Settings of searches."""

    search_log: bool = True
    """Keep the words of searches with their answers: for the console, and the visitor's pages."""


PLUGIN = Plugin(
    "search",
    settings=":SearchSettings",
    operations="endpoints:OPERATIONS",
    tasks="finding:tasks",
    commands="commands:COMMANDS",
    console_pages="pages:PAGES",
    ports="ports:PORTS",
)
