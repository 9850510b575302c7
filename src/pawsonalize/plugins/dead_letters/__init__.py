"""Refused events, kept so that they can be mended and sent again."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.core.plugin import Plugin
from pawsonalize.operations.settings import Days


class DeadLetterSettings(msgspec.Struct, frozen=True):
    """Limits for refused events that are kept."""

    keep_refused_events: bool = True
    """Keep events that /v1/events refused as dead letters, to mend and replay them."""
    max_dead_letters: Annotated[int, Meta(ge=0)] = 100_000
    """With so many, or as many times 4 KiB, no more refused events are kept; of streams, always."""
    dead_letter_days: Days = 30
    """Dead letters are deleted after so many days; 0: never."""


PLUGIN = Plugin(
    "dead_letters",
    settings=":DeadLetterSettings",
    commands="commands:COMMANDS",
    tables="tables:TABLES",
    checks="letters:CHECKS",
    operations="pages:OPERATIONS",
    console_pages="pages:PAGES",
    started="keeping:started",
    upkeep="archive:upkeep",
    gauges="keeping:gauges",
    growth="keeping:GROWTH",
    visitor_rows="letters:VISITOR_ROWS",
    visitor_objects="archive:VISITOR_OBJECTS",
    archive_keys="archive:ARCHIVE_KEYS",
    ports="ports:PORTS",
)
