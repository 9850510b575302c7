"""How several machines share one service: settings."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from msgspec import Meta

from pawsonalize.http.limits import ConnectionLimits

_ROLE = "(serve|work|consume)"
Roles = Annotated[str, Meta(pattern=f"^ *{_ROLE}( *, *{_ROLE})* *$")]


class FleetSettings(ConnectionLimits, frozen=True):
    """Where the parts of a service are that several machines share, and what each machine does.

    A part of the settings, see `settings.py`.
    """

    artefact_url: str = ""
    """A bucket or folder for models, archive and files of jobs; empty: in the data folder."""
    artefact_cache_megabytes: Annotated[int, Meta(ge=1)] = 20_000
    """How much of the models at `artefact_url` this machine keeps in its data folder."""
    roles: Roles = "serve,work,consume"
    """What this server does: `serve` answers, `work` does background work, `consume` streams."""
    database_read_url: str = ""
    """A read replica of PostgreSQL, for readers that may be a moment behind; empty: none."""
    database_connections: Annotated[int, Meta(ge=4)] = 20
    """How many connections to PostgreSQL one process opens at most."""
    training_engine: Literal["memory", "polars", "duckdb", "spark"] = "memory"
    """What counts the log for a training: this process's memory, or an engine out of core."""
    spark_url: str = ""
    """The Spark Connect server of the engine `spark`, such as `sc://spark:15002`."""
    training_memory_megabytes: Annotated[int, Meta(ge=256)] = 4096
    """How much memory the engine `duckdb` may use before it goes on on disk."""
    max_dataset_groups: Annotated[int, Meta(ge=1)] = 5
    """How many dataset groups there may be."""

    def shared_url(self, name: str) -> str:
        """Where that lies at `artefact_url`; empty without one."""
        return f"{self.artefact_url.rstrip('/')}/{name}" if self.artefact_url else ""

    def bucket_url(self, name: str) -> str:
        """The same, if it is in a bucket; else empty."""
        return self.shared_url(name) if _is_bucket(self.artefact_url) else ""

    def job_folders(self, kind: str, data_dir: Path, roots: str = "") -> tuple[Path, ...]:
        """The folder of `imports` or `exports` unless that is in a bucket, and the listed roots."""
        listed = [Path(name.strip()) for name in roots.split(",") if name.strip()]
        url = self.shared_url(kind)
        if not url:
            listed.insert(0, data_dir / kind)
        elif not _is_bucket(url):
            listed.insert(0, Path(unquote(urlsplit(url).path) if "://" in url else url))
        return tuple(folder.absolute() for folder in listed)


def _is_bucket(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme != "file"
