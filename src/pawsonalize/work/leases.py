"""Leases: one process of all machines holds a piece of work, or a name, at a time."""

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog

from pawsonalize.archive.base import whole_file
from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.domain.times import SECOND
from pawsonalize.storage.contexts import fence_writes
from pawsonalize.storage.heartbeats import GONE_SECONDS, Heartbeats
from pawsonalize.work.processes import ChildProcesses, held, is_held
from pawsonalize.work.tables import Work, WorkTable

# Length of a lease over a database that one machine alone reaches: its disk rests longer.
LOCAL_LEASE_SECONDS = 150.0
_BEATS = 5  # for each length of a lease
_PATIENCE_SECONDS = 0.2  # outlasts a process that only looks whether the lock is held
_LOOK_SECONDS = 1.0  # between two tries to lead what another process leads
_MACHINE = "machine"
_LONGEST_NAME = 200
_SHARE = 4  # a process that took long is followed by a pause of so many times its length, less one

log = structlog.get_logger()


# Inside one machine the kernel says which holder lives: it keeps a lock, which is free when it
# dies, also after `kill -9`. Between machines, a holder counts beats up in the work table. A
# process that sees the count stand still for the length of a lease, by its own steady clock, may
# take the lease. A holder that was only slow has lost it then: the tables refuse its next write, as
# the token is another one.
class Lease(msgspec.Struct):
    """A lease that this process holds."""

    name: str  # the name of the work, or of what is leased
    token: int  # the proof for the tables that it is ours
    generation: int  # 1 for the first holder, one more for each that followed a lost one
    lock: int  # the descriptor of its lock on this machine
    is_handed_over: bool = False  # true if a child process goes on with it


class Leases:
    """The leases of one process, in the tables and, for its machine, in a folder of locks."""

    def __init__(
        self,
        table: WorkTable,
        folder: Path,
        seconds: float = GONE_SECONDS,
        steady: Callable[[], float] = time.monotonic,
        on_lost: Callable[[str], object] = lambda _name: None,
        host: str | None = None,
    ) -> None:
        """`on_lost` gets, in another thread, the name of a lease that another process has now."""
        # `host` names the machine. Where one machine alone reaches the tables, "" is best: a
        # container that is made anew has another name, and its locks are ours all the same.
        self._host = socket.gethostname() if host is None else host
        self._table = table
        self._folder = folder
        self._steady = steady
        self._beats = Heartbeats[str](seconds, steady)
        self._beat_seconds = seconds / _BEATS
        self._on_lost = on_lost
        self._tokens: dict[str, int] = {}
        self._for_children: dict[str, int] = {}
        self._look_again_at: dict[str, float] = {}
        self._led: dict[str, tuple[Lease, ExitStack]] = {}
        self._changing = threading.Lock()
        self._leading = threading.Lock()  # work of several threads goes on under one lease
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def held(self, name: str, *, patience: float = _PATIENCE_SECONDS) -> Iterator[Lease | None]:
        """Hold a lease during the block, whose writes it fences; None if another one has it."""
        with self.for_child(name, patience=patience) as lease:
            if lease is None:
                yield None
                return
            with self._beating(name, lease.token), fence_writes(name, lease.token):
                yield lease

    @contextmanager
    def for_child(
        self, name: str, *, patience: float = _PATIENCE_SECONDS
    ) -> Iterator[Lease | None]:
        """Take a lease for a child process, which inherits the lock; None if another one has it."""
        # Set `is_handed_over` once the child runs: it goes on by `adopted`, or lets go of it there.
        # This process beats for it, too, while it lives: a child that gives way to all other work
        # may take longer to come up than a lease lasts.
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.lock(name)
        with held(path, patience=patience) as descriptor:
            lease = None if descriptor is None else self._take(name, descriptor)
            try:
                yield lease
            finally:
                if descriptor is not None and (lease is None or not lease.is_handed_over):
                    if lease is not None:
                        self._forget(self._for_children, name, lease.token)
                        self._release(name, lease.token)
                    # The file goes with the lock, so that the folder does not fill up.
                    path.unlink(missing_ok=True)

    @contextmanager
    def adopted(self, name: str, token: int) -> Iterator[None]:
        """Go on with a lease that the process which started this one has taken, to its end."""
        with self._beating(name, token):
            try:
                with fence_writes(name, token):
                    yield
            finally:
                self._release(name, token)

    def lead(self, name: str) -> Lease | None:
        """Keep a lease until `let_go`; None if another has it. Fence writes under it."""
        with self._leading, ExitStack() as stack:
            if (kept := self._led.get(name)) is not None and name in self._tokens:
                return kept[0]
            self.let_go(name)
            # A try reads the table, so after one that failed there is a pause.
            if self._steady() < self._look_again_at.get(name, 0.0):
                return None
            lease = stack.enter_context(self.for_child(name, patience=0.0))
            if lease is not None:
                stack.enter_context(self._beating(name, lease.token))
                self._led[name] = lease, stack.pop_all()
            else:
                self._look_again_at[name] = self._steady() + _LOOK_SECONDS
        return lease

    def leading(self, name: str, work: Callable[[], object]) -> Callable[[], object]:
        """Return the work as a function that does it, fenced, only while we keep that lease."""

        def work_if_leading() -> object:
            lease = self.lead(name)
            if lease is None:
                return None
            with fence_writes(name, lease.token):
                return work()

        return work_if_leading

    def let_go(self, name: str) -> None:
        """Let a lease that we keep go, if there is one."""
        if (kept := self._led.pop(name, None)) is not None:
            kept[1].close()

    def is_gone(self, name: str) -> bool:
        """True if no living process has the lease."""
        # Of a holder on another machine, only calls over the length of a lease show that.
        row = self._table.find(name)
        if row is None or row.holder is None or self._is_ours(row):
            return not self.is_here(name)
        return self._is_silent(row)

    def is_elsewhere(self, name: str, below: int) -> bool:
        """True if another machine has the lease, in a generation below that."""
        row = self._table.find(name)
        if row is None or row.holder is None or self._is_ours(row):
            return False
        return row.generation < below

    def revoke(self, name: str) -> None:
        """Take the lease from its holder on any machine; its next beat shows it."""
        self._table.revoke(name)

    def lock(self, name: str) -> Path:
        """The file that the lease's holder on this machine keeps locked."""
        if len(name) > _LONGEST_NAME:  # a file system takes no longer one
            name = sha256(name.encode()).hexdigest()
        return self._folder / f"{name}.lock"

    def is_here(self, name: str) -> bool:
        """True if a living process of this machine has the lease."""
        return is_held(self.lock(name))

    def tidy(self) -> None:
        """Remove the locks of processes that have ended."""
        for lock in self._folder.glob("*.lock"):
            is_held(lock)  # removes it, unless its process lives

    def close(self) -> None:
        """Let go of what is kept, and end the beats."""
        for name in list(self._led):
            self.let_go(name)
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _take(self, name: str, lock: int) -> Lease | None:
        """Return the lease if it is free; the caller holds the lock of this machine."""
        seen = self._table.find(name)
        if seen and seen.holder and not (self._is_ours(seen) or self._is_silent(seen)):
            return None
        holder = f"{self.machine}/{os.getpid()}-{secrets.token_hex(3)}"
        row = self._table.claim(name, seen, holder)
        if row is None or row.token is None:
            return None
        # The beats of another holder begin anew.
        self._beats.forget(name)
        self._remember(self._for_children, name, row.token)
        return Lease(name, row.token, row.generation, lock)

    def _is_ours(self, row: Work) -> bool:
        return row.holder is not None and row.holder.startswith(f"{self.machine}/")

    def _is_silent(self, row: Work) -> bool:
        self._beats.look_at(row.name, (row.holder, row.token, row.heartbeats))
        return self._beats.is_gone(row.name)

    def _release(self, name: str, token: int) -> None:
        with suppress(StorageUnavailable):  # then others wait until it ends by itself
            self._table.release(name, token)

    @cached_property
    def machine(self) -> str:
        """Name of this machine, or rather of this folder of locks."""
        return f"{self._host}-{_identity(self._folder)}"

    @contextmanager
    def _beating(self, name: str, token: int) -> Iterator[None]:
        self._remember(self._tokens, name, token)
        try:
            yield
        finally:
            self._forget(self._tokens, name, token)

    def _remember(self, tokens: dict[str, int], name: str, token: int) -> None:
        with self._changing:
            tokens[name] = token
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
                self._thread.start()

    def _forget(self, tokens: dict[str, int], name: str, token: int) -> bool:
        """True if it was remembered, and not released since."""
        with self._changing:
            if tokens.get(name) != token:
                return False
            del tokens[name]
            return True

    def _beat(self) -> None:
        while not self._closing.wait(self._beat_seconds):
            with self._changing:
                ours, handed = dict(self._tokens), dict(self._for_children)
            if not (ours or handed):
                continue
            try:
                # A child that died must not live on by our beats.
                dead = {name for name in handed if not self.is_here(name)}
                tokens = {name: handed[name] for name in handed.keys() - dead} | ours
                kept = self._table.heartbeat(tokens) if tokens else frozenset()
            except (StorageUnavailable, OSError):  # the next beat tries again
                continue
            for name in dead:
                self._forget(self._for_children, name, handed[name])
            for name in tokens.keys() - kept:
                self._forget(self._for_children, name, tokens[name])
                if self._forget(self._tokens, name, tokens[name]):
                    log.warning("another process goes on", lease=name)
                    self._on_lost(name)


def _identity(folder: Path) -> str:
    """Return the name of the folder; made at the first call."""
    path = folder / _MACHINE
    with suppress(FileNotFoundError):
        return path.read_text()
    folder.mkdir(parents=True, exist_ok=True)
    # If two processes make it at once, both take the first one's.
    with suppress(FileExistsError), whole_file(path) as file:
        file.write(secrets.token_hex(8).encode())
    return path.read_text()


# The server that begins keeps the lease of the command's last word, and hands its token to the
# process as an argument. The time of the lease's lock is where the pause begins: at the start of
# the last process, or later if `rest` moved it.
class SideProcess:
    """Starts `command` in `environment` at most every `pause` seconds, on one machine of all."""

    def __init__(
        self,
        leases: Leases,
        pause: float,
        command: Sequence[str],
        environment: Mapping[str, str],
        now: int,
    ) -> None:
        """Counts the first pause from `now`."""
        # A server that starts has other things to do first.
        self._leases = leases
        self._pause = pause
        self._name = command[-1]
        self._children = ChildProcesses(command, environment)
        self._begun = now
        self._ended: int | None = None

    def exit_code(self) -> int | None:
        """The exit code of the last process started here, once, after it has ended."""
        ended, self._ended = self._ended, None
        return ended

    def is_due(self, now: int) -> bool:
        """True if the pause is over, and the last process that was started here has ended."""
        if self._children.is_running(self._name):
            return False
        if (ended := self._children.exit_code(self._name)) is not None:
            self._ended = ended
            if ended:
                log.error("failed: everything goes on as it is", work=self._name, exit_code=ended)
        since = self._begun
        with suppress(FileNotFoundError):
            since = max(since, round(self._leases.lock(self._name).stat().st_mtime * SECOND))
        return now - since >= self._pause * SECOND

    def start(self) -> None:
        """Start a new process, unless another server begins them; returns at once."""
        lease = self._leases.lead(self._name)
        if lease is not None:
            self._children.start(self._name, [str(lease.token)], lock=lease.lock)

    def let_go(self) -> None:
        """Leave it to any server to begin the next."""
        # There is nothing to do now.
        self._leases.let_go(self._name)

    def stop(self) -> None:
        """End the process that was started here, if it is running; the next one begins anew."""
        self._children.end(self._name, signal.SIGKILL)
        self.let_go()


def rest(lock: Path, began: int, now: int) -> None:
    """Make the next pause so long that work of that length takes a quarter of the time."""
    until = (now + (_SHARE - 1) * (now - began)) / SECOND
    with suppress(FileNotFoundError):
        os.utime(lock, (until, until))
