"""The processes that serve, work or consume: their table, heartbeats, and which of them live."""

import math
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import delete, select, update

from pawsonalize import __version__
from pawsonalize.core import clock
from pawsonalize.core.database.revisions import why_refused
from pawsonalize.core.database.statements import insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import REVISION, servers
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.roles import ROLES, WORK
from pawsonalize.core.work.heartbeats import GONE_SECONDS, HEARTBEAT_SECONDS, Heartbeats
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.tasks import Reporting, attempt

log = get_logger()

_SERVES = msgspec.json.Decoder(dict[str, str])


class ServerProcess(msgspec.Struct, frozen=True):
    """One process of a server, a consumer, or a process beside them."""

    name: str  # unique among all of all machines
    host: str  # the machine's name
    port: int | None  # port that it listens on; None: no port
    # Its roles; of a process beside the servers, its one work: `train`, `refresh`…
    roles: tuple[str, ...]
    version: str  # of the program
    revision: str  # of the tables that the program knows
    connections: int  # connections to PostgreSQL that it opens at most
    started_at: int
    serves: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The solution version of each campaign that it has loaded."""
    beats: int = 0  # heartbeats, counted up while it lives

    @property
    def is_background(self) -> bool:
        """True if it is a training or another process beside the servers."""
        return not set(self.roles) & set(ROLES)

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


class ServerTable(TableAccess):
    """The processes of all machines that use one database."""

    def heartbeat(self, server: ServerProcess) -> None:
        """Count up, and note what it serves; StorageUnavailable if its program is outdated."""
        serves = msgspec.json.encode(server.serves, order="sorted").decode()
        counted = {"beats": servers.c.beats + 1, "serves": serves}
        with self._database.writing() as connection:
            reason = why_refused(connection, self._database.shown_url)
            if reason is not None:  # from now on all calls of this database fail
                self._database.refuse(reason)
                raise StorageUnavailable(reason)
            mine = update(servers).where(servers.c.name == server.name).values(counted)
            # A server that was taken out although it lives comes back.
            if not connection.execute(mine).rowcount:
                row = {**asdict(server), "roles": ",".join(server.roles), "serves": serves}
                insert_new(connection, servers, [row])

    def remove(self, name: str) -> None:
        """Remove a process that has stopped."""
        self._execute(delete(servers).where(servers.c.name == name))

    def all(self) -> list[ServerProcess]:
        """Every process that has not been taken out, dead or alive, by name."""
        found = []
        for row in self._mappings(select(servers).order_by(servers.c.name)):
            roles, serves = tuple(row["roles"].split(",")), _SERVES.decode(row["serves"])
            found.append(ServerProcess(**{**row, "roles": roles, "serves": serves}))
        return found


NOBODY_WORKS = (
    "no living server has the role work, so nothing is trained, retrained, imported, erased,"
    " archived or notified: start one whose setting roles has `work`"
)
_FORGET_SECONDS = 3600.0  # so long people see who was killed
_LOOK_SECONDS = 0.5


class ServerState(msgspec.Struct, frozen=True):
    """A server's process, and whether it lives."""

    server: ServerProcess
    lives: bool | None  # None: it was not watched for long enough to tell


@dataclass(slots=True)
class Servers:
    """Watches all processes by their counts of heartbeats and this process's steady clock."""

    table: ServerTable
    steady: Callable[[], float] = time.monotonic
    _heartbeats: Heartbeats[str] = field(init=False)
    _seen: tuple[ServerProcess, ...] = ()
    _since: float | None = None

    def __post_init__(self) -> None:
        self._heartbeats = Heartbeats(steady=self.steady)

    def look(self) -> None:
        """Read the processes, and remove those that have been gone for an hour."""
        now = self.steady()
        self._since = now if self._since is None else self._since
        processes = self.table.all()
        self._heartbeats.look({process.name: process.beats for process in processes})
        for process in processes:
            if self._heartbeats.stands_since(process.name) >= _FORGET_SECONDS:
                self.table.remove(process.name)
        self._seen = tuple(processes)

    def watch(
        self, sleep: Callable[[float], object] = time.sleep, longest: float = math.inf
    ) -> list[ServerState]:
        """Look until it is clear who lives, in 15 seconds, or for `longest` seconds."""
        self.look()
        ends = self.steady() + longest
        while any(one.lives is None for one in self.states()) and self.steady() < ends:
            sleep(_LOOK_SECONDS)
            self.look()
        return self.states()

    def states(self) -> list[ServerState]:
        """The state of each process, as of the last look."""
        return [ServerState(one, self._lives(one.name)) for one in self._seen]

    def nobody(self, role: str) -> bool:
        """True if it is clear that no process with the role lives."""
        if self._since is None or self.steady() - self._since < GONE_SECONDS:
            return False  # those that are just beginning have time to say so
        return all(one.lives is False for one in self.states() if role in one.server.roles)

    def _lives(self, name: str) -> bool | None:
        if self._heartbeats.is_gone(name):
            return False
        return True if self._heartbeats.has_moved(name) else None


def this_process(
    roles: tuple[str, ...], connections: int, port: int | None = None
) -> ServerProcess:
    """Return this process for the list of servers. `port` is None if it listens on none."""
    host = socket.gethostname()
    return ServerProcess(
        # Process ids come back, in containers with every start.
        name=f"{host}-{os.getpid()}-{secrets.token_hex(3)}",
        host=host,
        port=port,
        roles=roles,
        version=__version__,
        revision=REVISION,
        connections=connections,
        started_at=clock.now(),
    )


@contextmanager
def take_part(
    me: ServerProcess,
    table: ServerTable,
    problems: Problems,
    servers: Servers | None = None,
    serves: Callable[[], Mapping[str, str]] = dict,
) -> Iterator[None]:
    """Show that this process lives while the block runs; with `servers`, look who else does."""

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
    parts = (heartbeat, problems, servers, stopping)
    sending = threading.Thread(target=_send_heartbeats, args=parts, name="heartbeats", daemon=True)
    sending.start()
    try:
        yield
    finally:
        stopping.set()
        sending.join()
        attempt("leave the list of servers", partial(table.remove, me.name))


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


def when_nobody_works(
    servers: Servers, work: Callable[[], object], *, works: bool
) -> Callable[[], object]:
    """Return the work; unless this server `works`, it is done only while no other one does."""

    def if_nobody_works() -> None:
        if servers.nobody(WORK):
            work()

    return work if works else if_nobody_works
