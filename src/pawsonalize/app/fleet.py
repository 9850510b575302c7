"""One process among all servers of a service: it says that it lives, and sees who does."""

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
    """Everybody who uses the database."""
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

    def beat() -> None:
        table.heartbeat(replace(me, serves=serves()))

    # StorageUnavailable at once if this program may not use the tables. On a disk that is full the
    # process is not in the list, and answers all the same.
    try:
        beat()
    except StorageUnavailable as error:
        table.all()
        log.warning("not in the list of servers", reason=error.message)
    stopping = threading.Event()
    # A thread of its own, so that a server whose event loop is busy does not look dead.
    parts = (beat, adapters.problems, servers, stopping)
    beating = threading.Thread(target=_keep_beating, args=parts, name="beats", daemon=True)
    beating.start()
    try:
        yield
    finally:
        stopping.set()
        beating.join()
        attempt("leave the list of servers", partial(table.remove, me.name))


def take_part(adapters: Adapters, work: str) -> AbstractContextManager[None]:
    """Show that a process beside the servers lives: nobody may contract tables that it uses."""
    return taking_part(adapters, (work,), listens=False)


def _keep_beating(
    beat: Callable[[], None],
    problems: Problems,
    servers: Servers | None,
    stopping: threading.Event,
) -> None:
    beats = Reporting(problems, "say that this server lives", HEARTBEAT_SECONDS)
    watching = Reporting(problems, "look which servers live", HEARTBEAT_SECONDS)
    works = Reporting(problems, "nobody works")
    while not stopping.wait(HEARTBEAT_SECONDS):
        attempt("say that this server lives", beat, beats)
        if servers is None:
            continue
        attempt("look which servers live", servers.look, watching)
        if servers.nobody(WORK):
            works.failed(NOBODY_WORKS)
        else:
            works.succeeded()
