"""Settings of a fleet: several machines that share one service."""

from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from msgspec import Meta

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.roles import ROLES
from pawsonalize.operations.settings import RetentionSettings

BACKGROUND_CONNECTIONS = 8
"""To PostgreSQL: what a process beside a server opens at most, such as a training."""


class FleetSettings(RetentionSettings, frozen=True):
    """Settings of a fleet: the places that machines share, and the roles of each."""

    artefact_url: str = ""
    """A bucket or folder for models, archive and files of jobs; empty: in the data folder."""
    artefact_cache_megabytes: Annotated[int, Meta(ge=1)] = 20_000
    """Megabytes of the models at `artefact_url` that this machine keeps in its data folder."""
    roles: str = "serve,work,consume"
    """Roles of this server: `serve` answers, `work` does background work, `consume` streams."""
    database_connections: Annotated[int, Meta(ge=4)] = 20
    """Number of connections to PostgreSQL that one process opens at most."""
    max_dataset_groups: Annotated[int, Meta(ge=1)] = 5
    """Number of dataset groups that there may be."""

    def __post_init__(self) -> None:
        """Refuse roles that do not exist."""
        RetentionSettings.__post_init__(self)
        for name in self.roles.split(","):
            if name.strip() not in ROLES:
                raise InvalidInput(
                    f"the setting roles is {self.roles!r}, and {name.strip()!r} is no role: write"
                    f" one or more of {', '.join(ROLES)}, commas between",
                    field="roles",
                )

    def has_role(self, role: str) -> bool:
        """True if this server has the role."""
        return role in self.own_roles

    @property
    def own_roles(self) -> tuple[str, ...]:
        """Roles of this server, in the order of `ROLES`."""
        given = {name.strip() for name in self.roles.split(",")}
        return tuple(role for role in ROLES if role in given)

    def shared_url(self, name: str) -> str:
        """Address of shared files at `artefact_url`; empty without one."""
        return f"{self.artefact_url.rstrip('/')}/{name}" if self.artefact_url else ""

    def bucket_url(self, name: str) -> str:
        """Address of shared files if they are in a bucket; else empty."""
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
