"""One process among all servers of a service: its heartbeats, and its watch of the others."""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from msgspec.structs import replace

from pawsonalize import __version__
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Reporting, attempt
from pawsonalize.core import clock
from pawsonalize.core.database.tables import REVISION
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.roles import WORK
from pawsonalize.core.work.heartbeats import HEARTBEAT_SECONDS
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.servers import NOBODY_WORKS, ServerProcess, Servers, ServerTable

log = get_logger()


def servers_of(adapters: Adapters) -> Servers:
    """Return a watch of all processes that use the database."""
    return Servers(ServerTable(adapters.database))


def _this_process(adapters: Adapters, roles: tuple[str, ...], listens: bool) -> ServerProcess:
    host = socket.gethostname()
    return ServerProcess(
        # Process ids come back, in containers with every start.
        name=f"{host}-{os.getpid()}-{secrets.token_hex(3)}",
        host=host,
        port=adapters.settings.port if listens else None,
        roles=roles,
        version=__version__,
        revision=REVISION,
        connections=adapters.settings.database_connections,
        started_at=clock.now(),
    )


@contextmanager
def taking_part(
    adapters: Adapters,
    roles: tuple[str, ...],
    servers: Servers | None = None,
    serves: Callable[[], Mapping[str, str]] = dict,
    *,
    listens: bool = True,
) -> Iterator[None]:
    """Show that this process lives while the block runs; with `servers`, look who else does."""
    table, me = ServerTable(adapters.database), _this_process(adapters, roles, listens)

    def heartbeat() -> None:
        table.heartbeat(replace(me, serves=serves()))

    # StorageUnavailable at once if this program may not use the tables. On a disk that is full the
    # process is not in the list, and answers all the same.
    try:
        heartbeat()
    except StorageUnavailable as error:
        table.all()
        log.warning("not in the list of servers", reason=error.message)
    stopping = threading.Event()
    # A thread of its own, so that a server whose event loop is busy does not look dead.
    parts = (heartbeat, adapters.problems, servers, stopping)
    sending = threading.Thread(target=_send_heartbeats, args=parts, name="heartbeats", daemon=True)
    sending.start()
    try:
        yield
    finally:
        stopping.set()
        sending.join()
        attempt("leave the list of servers", partial(table.remove, me.name))


def take_part(adapters: Adapters, work: str) -> AbstractContextManager[None]:
    """Show that a process beside the servers lives, so that no migration contracts its tables."""
    return taking_part(adapters, (work,), listens=False)


def _send_heartbeats(
    heartbeat: Callable[[], None],
    problems: Problems,
    servers: Servers | None,
    stopping: threading.Event,
) -> None:
    sending = Reporting(problems, "say that this server lives", HEARTBEAT_SECONDS)
    watching = Reporting(problems, "look which servers live", HEARTBEAT_SECONDS)
    working = Reporting(problems, "nobody works")
    while not stopping.wait(HEARTBEAT_SECONDS):
        attempt("say that this server lives", heartbeat, sending)
        if servers is None:
            continue
        attempt("look which servers live", servers.look, watching)
        if servers.nobody(WORK):
            working.failed(NOBODY_WORKS)
        else:
            working.succeeded()
