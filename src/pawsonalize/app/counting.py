"""Which engine counts the log for a training."""

from pathlib import Path

from pawsonalize.counting.base import CountingEngine


def engine_named(name: str, scratch: Path, megabytes: int, spark_url: str) -> CountingEngine:
    """The engine of that name; `megabytes` is what it may take of this machine's memory."""
    from pawsonalize.counting.embedded import DuckDbEngine, PolarsEngine  # noqa: PLC0415 - an extra
    from pawsonalize.counting.spark import SparkEngine  # noqa: PLC0415

    if name == "spark":
        return SparkEngine(spark_url, str(scratch))
    if name == "polars":
        return PolarsEngine(scratch, megabytes)
    return DuckDbEngine(scratch, megabytes)
