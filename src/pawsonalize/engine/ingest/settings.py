"""Where events come from beside HTTP, and what is kept of them as they came: settings."""

from typing import Annotated

import msgspec
from msgspec import Meta

Days = Annotated[int, Meta(ge=0, le=36_500)]


class IngestSettings(msgspec.Struct, frozen=True):
    """A part of the settings, see `settings.py`."""

    stream_url: str = ""
    """The stream that the server reads events from, such as `nats://host:4222/STREAM`; empty: none.
    """
    stream_tracking_id: str = ""
    """The tracking id of the event tracker it belongs to; empty: the default dataset group's."""
    keep_refused_events: bool = True
    """Keep events that /v1/events refused as dead letters, to mend and replay them."""
    max_dead_letters: Annotated[int, Meta(ge=0)] = 100_000
    """With so many, or as many times 4 KiB, no more refused events are kept; of streams, always."""
    dead_letter_days: Days = 30
    """Dead letters are deleted after so many days; 0: never."""
    dead_letter_notice: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Notify when more than this share of what comes in cannot be taken; 1: never."""
    archive_raw: bool = True
    """Whether the archive keeps each event also as it came in, with fields we do not know."""
    archive_kms_key: str = ""
    """The KMS key that encrypts the archive's objects in S3; empty: as the bucket says."""
