"""Settings of counting out of core."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class CountingSettings(msgspec.Struct, frozen=True):
    """The engine that counts logs for trainings and updates."""

    training_engine: Literal["memory", "polars", "duckdb", "spark"] = "memory"
    """What counts the log for trainings and updates: their memory, or an engine out of core."""
    spark_url: str = ""
    """The Spark Connect server of the engine `spark`, such as `sc://spark:15002`."""
    training_memory_megabytes: Annotated[int, Meta(ge=256)] = 4096
    """How much memory `polars` or `duckdb` may take to count; what is more goes by the disk."""
