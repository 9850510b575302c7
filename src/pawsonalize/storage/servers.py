"""The processes that serve, work or consume."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import delete, select, update

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.domain.roles import ROLES
from pawsonalize.storage.database import Database
from pawsonalize.storage.revisions import why_refused
from pawsonalize.storage.shared_tables import servers
from pawsonalize.storage.statements import insert_new

_SERVES = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """One process of a server, a consumer, or a process beside them."""

    name: str
    """Unique among all of all machines."""
    host: str
    """The machine's name."""
    port: int | None
    """Port that it listens on; None: no port."""
    roles: tuple[str, ...]
    """Its roles; of a process beside the servers, its one work: `train`, `refresh`…"""
    version: str
    """Of the program."""
    revision: str
    """Of the tables that the program knows."""
    connections: int
    """Connections to PostgreSQL that it opens at most."""
    started_at: int
    serves: Mapping[str, str] = field(default_factory=dict)
    """The solution version of each campaign that it has loaded."""
    beats: int = 0
    """Counted up while it lives."""

    @property
    def is_background(self) -> bool:
        """Whether it is a training or another process beside the servers."""
        return not set(self.roles) & set(ROLES)

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


class ServerTable:
    """The processes of all machines that use one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, server: ServerProcess) -> None:
        """Show that it lives, and what it serves.

        StorageUnavailable if the tables have changed so that its program may not use them any
        more. From then on all its calls of this database fail.
        """
        counted = {"beats": servers.c.beats + 1, "serves": _text(server.serves)}
        with self._database.writing() as connection:
            reason = why_refused(connection, self._database.shown_url)
            if reason is not None:
                self._database.refuse(reason)
                raise StorageUnavailable(reason)
            mine = update(servers).where(servers.c.name == server.name).values(counted)
            if not connection.execute(mine).rowcount:
                insert_new(connection, servers, [_row(server)])

    def remove(self, name: str) -> None:
        """Take out who has stopped."""
        with self._database.writing() as connection:
            connection.execute(delete(servers).where(servers.c.name == name))

    def all(self) -> list[ServerProcess]:
        """Every process that has not been taken out, dead or alive, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(servers).order_by(servers.c.name)).mappings().all()
        return [
            ServerProcess(
                **{
                    **row,
                    "roles": tuple(row["roles"].split(",")),
                    "serves": _SERVES.decode(row["serves"]),
                }
            )
            for row in rows
        ]


def _row(server: ServerProcess) -> dict[str, object]:
    return {
        "name": server.name,
        "host": server.host,
        "port": server.port,
        "roles": ",".join(server.roles),
        "version": server.version,
        "revision": server.revision,
        "connections": server.connections,
        "serves": _text(server.serves),
        "started_at": server.started_at,
        "beats": server.beats,
    }


def _text(serves: Mapping[str, str]) -> str:
    return msgspec.json.encode(serves, order="sorted").decode()
