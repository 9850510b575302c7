"""Settings of dead letters."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.engine.ingest.settings import Days


class DeadLetterSettings(msgspec.Struct, frozen=True):
    """Which refused events are kept, and for how long."""

    keep_refused_events: bool = True
    """Keep events that /v1/events refused as dead letters, to mend and replay them."""
    max_dead_letters: Annotated[int, Meta(ge=0)] = 100_000
    """With so many, or as many times 4 KiB, no more refused events are kept; of streams, always."""
    dead_letter_days: Days = 30
    """Dead letters are deleted after so many days; 0: never."""
