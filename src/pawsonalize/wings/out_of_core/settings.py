"""Settings of counting out of core."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class CountingSettings(msgspec.Struct, frozen=True):
    """How trainings and updates count logs."""

    training_engine: Literal["memory", "out-of-core"] = "memory"
    """How trainings and updates count the log: in memory as a whole, or in parts on disk."""
    training_memory_megabytes: Annotated[int, Meta(ge=256)] = 4096
    """How much memory a part of `out-of-core` may take; the smaller, the more parts there are."""
