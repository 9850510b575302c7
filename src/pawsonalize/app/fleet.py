"""One process among all servers of a service: it says that it lives, and sees who does."""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import structlog

from pawsonalize import __version__, clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Reporting, attempt
from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.domain.roles import WORK
from pawsonalize.kinds.problems import Problems
from pawsonalize.storage.beats import BEAT_SECONDS
from pawsonalize.storage.servers import (
    NOBODY_WORKS,
    Membership,
    ServerProcess,
    Servers,
    ServerTable,
)
from pawsonalize.storage.tables import REVISION

log = structlog.get_logger()


def servers_of(adapters: Adapters) -> Servers:
    """Everybody who uses the database."""
    return Servers(ServerTable(adapters.database))


def this_process(
    adapters: Adapters,
    roles: tuple[str, ...],
    serves: Callable[[], Mapping[str, str]] = dict,
    *,
    listens: bool = True,
) -> Membership:
    """Return this process with those roles; it is in the list from its first beat on."""
    host = socket.gethostname()
    me = ServerProcess(
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
    return Membership(ServerTable(adapters.database), me, serves)


@contextmanager
def taking_part(
    membership: Membership, problems: Problems, servers: Servers | None = None
) -> Iterator[None]:
    """Show that this process lives while the block runs; with `servers`, look who else does."""
    # StorageUnavailable at once if this program may not use the tables. On a disk that is full the
    # process is not in the list, and answers all the same.
    try:
        membership.beat()
    except StorageUnavailable as error:
        membership.table.all()
        log.warning("not in the list of servers", reason=error.message)
    stopping = threading.Event()
    # A thread of its own, so that a server whose event loop is busy does not look dead.
    beating = threading.Thread(
        target=_beat, args=(membership, problems, servers, stopping), name="beats", daemon=True
    )
    beating.start()
    try:
        yield
    finally:
        stopping.set()
        beating.join()
        attempt("leave the list of servers", membership.leave)


def take_part(adapters: Adapters, work: str) -> AbstractContextManager[None]:
    """Show that a process beside the servers lives: nobody may contract tables that it uses."""
    me = this_process(adapters, (work,), listens=False)
    return taking_part(me, adapters.problems)


def _beat(
    membership: Membership, problems: Problems, servers: Servers | None, stopping: threading.Event
) -> None:
    beats = Reporting(problems, "say that this server lives", BEAT_SECONDS)
    watching = Reporting(problems, "look which servers live", BEAT_SECONDS)
    works = Reporting(problems, "nobody works")
    while not stopping.wait(BEAT_SECONDS):
        attempt("say that this server lives", membership.beat, beats)
        if servers is None:
            continue
        attempt("look which servers live", servers.look, watching)
        if servers.nobody(WORK):
            works.failed(NOBODY_WORKS)
        else:
            works.succeeded()
