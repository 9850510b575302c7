"""How several machines share one service: settings."""

from typing import Annotated, Literal

from msgspec import Meta

from pawsonalize.http.limits import ConnectionLimits

_ROLE = "(serve|work|consume)"
Roles = Annotated[str, Meta(pattern=f"^ *{_ROLE}( *, *{_ROLE})* *$")]


class FleetSettings(ConnectionLimits, frozen=True):
    """Where the parts of a service are that several machines share, and what each machine does.

    A part of the settings, see `settings.py`.
    """

    artefact_url: str = ""
    """An object store URL for models, imports and exports that machines share; empty: a folder."""
    artefact_cache_megabytes: Annotated[int, Meta(ge=1)] = 20_000
    """How much of the models in the object store this machine keeps beside its data folder."""
    roles: Roles = "serve,work,consume"
    """What this server does: `serve` answers, `work` does background work, `consume` streams."""
    database_read_url: str = ""
    """A read replica of PostgreSQL, for readers that may be a moment behind; empty: none."""
    database_connections: Annotated[int, Meta(ge=4)] = 20
    """How many connections to PostgreSQL one process opens at most."""
    training_engine: Literal["memory", "polars", "duckdb", "spark"] = "memory"
    """What counts the log for trainings and updates: their memory, or an engine out of core."""
    spark_url: str = ""
    """The Spark Connect server of the engine `spark`, such as `sc://spark:15002`."""
    training_memory_megabytes: Annotated[int, Meta(ge=256)] = 4096
    """How much memory `polars` or `duckdb` may take to count; what is more goes by the disk."""
    max_dataset_groups: Annotated[int, Meta(ge=1)] = 5
    """How many dataset groups there may be."""
