"""Settings of ingest: sources of events beside HTTP, and raw events to keep."""

from typing import Annotated

import msgspec
from msgspec import Meta

Days = Annotated[int, Meta(ge=0, le=36_500)]


class IngestSettings(msgspec.Struct, frozen=True):
    """A part of the settings, see `settings.py`."""

    dead_letter_notice: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Notify when more than this share of what comes in cannot be taken; 1: never."""
    archive_raw: bool = True
    """Whether the archive keeps each event also as it came in, with fields we do not know."""
    archive_kms_key: str = ""
    """The KMS key that encrypts the archive's objects in S3; empty: as the bucket says."""
