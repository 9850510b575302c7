"""Locks and leases: of all processes on all machines, one holds a name, or a piece of work."""

import fcntl
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import msgspec

from pawsonalize.core.database.database import fence_writes
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.objects.store import whole_file
from pawsonalize.core.work.heartbeats import GONE_SECONDS, Heartbeats
from pawsonalize.core.work.tables import Work, WorkTable

# Length of a lease over a database that one machine alone reaches: its disk rests longer.
LOCAL_LEASE_SECONDS = 150.0
MOST_GENERATIONS = 3
"""Work whose holders died so often has failed: it may be what kills them."""
_HEARTBEATS = 5  # for each length of a lease
_PATIENCE_SECONDS = 0.2  # outlasts a process that only looks whether the lock is held
_LOOK_SECONDS = 1.0  # between two tries to lead what another process leads
_LOCK_SECONDS = 0.005
_KILL_SECONDS = 10.0
_KILLED_SECONDS = 0.02
_MACHINE = "machine"
_LONGEST_NAME = 200

log = get_logger()


# The kernel releases a lock when its holder dies, also after `kill -9` or a restart of the machine.
# So no heartbeat can be missed, and no process id can be taken for a later one.
@contextmanager
def held(path: Path, *, patience: float = 0.0) -> Iterator[int | None]:
    """Lock a file, which is emptied, or a folder; yields its descriptor, or None if it is taken."""
    # A child that inherits the descriptor goes on holding the lock after the block. `patience`
    # (seconds) outlasts processes that only look whether it is held.
    descriptor = _lock(path, patience)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_held(path: Path) -> bool:
    """True if a living process holds the lock; if none does, its file is removed."""
    if not path.exists():
        return False
    with held(path) as descriptor:
        if descriptor is not None:
            path.unlink()
        return descriptor is None


def holder(path: Path) -> int | None:
    """The process whose id is written in the lock's file, or None."""
    try:
        return int(path.read_bytes() or 0) or None
    except FileNotFoundError:
        return None


def _lock(path: Path, patience: float) -> int | None:
    deadline = time.monotonic() + patience
    is_folder = path.is_dir()
    while True:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOCK_SECONDS)
            continue
        # The last holder may have removed the file between the opening and the locking.
        if os.fstat(descriptor).st_nlink:
            if not is_folder:
                os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)


# Inside one machine the kernel says which holder lives: it keeps a lock, which is free when it
# dies, also after `kill -9`. Between machines, a holder counts heartbeats up in the work table. A
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
        self._others = Heartbeats[str](seconds, steady)
        self._pause = seconds / _HEARTBEATS
        self._on_lost = on_lost
        self._tokens: dict[str, int] = {}  # of all leases that heartbeats are counted for here
        self._ours: set[str] = set()  # those whose work is done in this process, not a child
        self._look_again_at: dict[str, float] = {}
        self._led: dict[str, tuple[Lease, ExitStack]] = {}
        self._changing = threading.Lock()
        self._leading = threading.Lock()  # work of several threads goes on under one lease
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def held(self, name: str, *, patience: float = _PATIENCE_SECONDS) -> Iterator[Lease | None]:
        """Hold a lease during the block, whose writes it fences; None if another process has it."""
        with self.for_child(name, patience=patience) as lease:
            if lease is None:
                yield None
                return
            with self._working(name, lease.token), fence_writes(name, lease.token):
                yield lease

    @contextmanager
    def for_child(
        self, name: str, *, patience: float = _PATIENCE_SECONDS
    ) -> Iterator[Lease | None]:
        """Take a lease for a child process, which inherits the lock; None if another has it."""
        # Set `is_handed_over` once the child runs: it goes on by `adopted`, or lets go of it there.
        # This process counts heartbeats for it, too, while it lives: a child that gives way to all
        # other work may take longer to come up than a lease lasts.
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self.lock(name)
        with held(path, patience=patience) as descriptor:
            lease = None if descriptor is None else self._take(name, descriptor)
            try:
                yield lease
            finally:
                if descriptor is not None and (lease is None or not lease.is_handed_over):
                    if lease is not None:
                        self._forget(name, lease.token)
                        self._release(name, lease.token)
                    # The file goes with the lock, so that the folder does not fill up.
                    path.unlink(missing_ok=True)

    @contextmanager
    def adopted(self, name: str, token: int) -> Iterator[None]:
        """Hold the lease that this process's parent took for it, and release it at the end."""
        with self._working(name, token):
            try:
                with fence_writes(name, token):
                    yield
            finally:
                self._release(name, token)

    def lead(self, name: str) -> Lease | None:
        """Keep a lease until `let_go`; None if another has it. Fence writes under it."""
        with self._leading, ExitStack() as stack:
            if (kept := self._led.get(name)) is not None and name in self._ours:
                return kept[0]
            self.let_go(name)
            # A try reads the table, so after one that failed there is a pause.
            if self._steady() < self._look_again_at.get(name, 0.0):
                return None
            lease = stack.enter_context(self.for_child(name, patience=0.0))
            if lease is not None:
                stack.enter_context(self._working(name, lease.token))
                self._led[name] = lease, stack.pop_all()
            else:
                self._look_again_at[name] = self._steady() + _LOOK_SECONDS
        return lease

    def leading(self, name: str, work: Callable[[], object]) -> Callable[[], object]:
        """Return the work as a function that does it, fenced, only while we hold that lease."""

        def work_if_leading() -> object:
            lease = self.lead(name)
            if lease is None:
                return None
            with fence_writes(name, lease.token):
                return work()

        return work_if_leading

    def let_go(self, name: str) -> None:
        """Release a lease that `lead` keeps, if there is one."""
        if (kept := self._led.pop(name, None)) is not None:
            kept[1].close()

    def is_gone(self, name: str) -> bool:
        """True if no living process has the lease."""
        # Of a holder on another machine, only calls over the length of a lease show that.
        row = self._find_elsewhere(name)
        return not self.is_here(name) if row is None else self._is_silent(row)

    def is_elsewhere(self, name: str, below: int) -> bool:
        """True if another machine has the lease, in a generation below that."""
        row = self._find_elsewhere(name)
        return row is not None and row.generation < below

    def revoke(self, name: str) -> None:
        """Take the lease from its holder on any machine; its next heartbeat shows it."""
        self._table.revoke(name)

    def lock(self, name: str) -> Path:
        """The file that the lease's holder on this machine keeps locked."""
        if len(name) > _LONGEST_NAME:  # a file system takes no longer one
            name = sha256(name.encode()).hexdigest()
        return self._folder / f"{name}.lock"

    def is_here(self, name: str) -> bool:
        """True if a living process of this machine has the lease."""
        return is_held(self.lock(name))

    def kill(self, name: str) -> None:
        """End the holder, a group of processes: here at once, elsewhere with its next heartbeat."""
        self.revoke(name)
        deadline = time.monotonic() + _KILL_SECONDS
        while self.is_here(name):
            pid = holder(self.lock(name))
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise StorageUnavailable(f"what holds {name} does not end: process {pid}")
            time.sleep(_KILLED_SECONDS)

    def tidy(self) -> None:
        """Remove the locks of processes that have ended."""
        for lock in self._folder.glob("*.lock"):
            is_held(lock)  # removes it, unless its process lives

    def close(self) -> None:
        """Release the leases that `lead` keeps, and end the heartbeats."""
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
        # The heartbeats of another holder begin anew.
        self._others.forget(name)
        self._remember(name, row.token)
        return Lease(name, row.token, row.generation, lock)

    def _find_elsewhere(self, name: str) -> Work | None:
        """The row, if its holder is on another machine."""
        row = self._table.find(name)
        return None if row is None or row.holder is None or self._is_ours(row) else row

    def _is_ours(self, row: Work) -> bool:
        return row.holder is not None and row.holder.startswith(f"{self.machine}/")

    def _is_silent(self, row: Work) -> bool:
        """True if the holder's count of heartbeats stood still for the length of a lease."""
        self._others.look_at(row.name, (row.holder, row.token, row.heartbeats))
        return self._others.is_gone(row.name)

    def _release(self, name: str, token: int) -> None:
        with suppress(StorageUnavailable):  # then others wait until it ends by itself
            self._table.release(name, token)

    @cached_property
    def machine(self) -> str:
        """Name of this machine, or rather of this folder of locks."""
        return f"{self._host}-{_identity(self._folder)}"

    @contextmanager
    def _working(self, name: str, token: int) -> Iterator[None]:
        self._remember(name, token, is_ours=True)
        try:
            yield
        finally:
            self._forget(name, token)

    def _remember(self, name: str, token: int, *, is_ours: bool = False) -> None:
        """Send heartbeats for the lease; `is_ours` if its work is done in this process."""
        with self._changing:
            self._tokens[name] = token
            if is_ours:
                self._ours.add(name)
            if self._thread is None:
                self._thread = threading.Thread(target=self._heartbeat, name="leases", daemon=True)
                self._thread.start()

    def _forget(self, name: str, token: int) -> bool:
        """End its heartbeats; True if its work was being done in this process, not in a child."""
        with self._changing:
            if self._tokens.get(name) != token:
                return False
            del self._tokens[name]
            was_ours = name in self._ours
            self._ours.discard(name)
            return was_ours

    def _heartbeat(self) -> None:
        while not self._closing.wait(self._pause):
            with self._changing:
                tokens, children = dict(self._tokens), self._tokens.keys() - self._ours
            try:
                # A child that died must not live on by our heartbeats.
                dead = {name for name in children if not self.is_here(name)}
                ours = {name: tokens[name] for name in tokens.keys() - dead}
                kept = self._table.heartbeat(ours) if ours else frozenset()
            except (StorageUnavailable, OSError):  # the next heartbeat tries again
                continue
            for name in tokens.keys() - kept:
                if self._forget(name, tokens[name]):
                    log.warning("another process goes on", lease=name)
                    self._on_lost(name)


def _identity(folder: Path) -> str:
    """Return the random name of the folder, which is drawn at the first call and kept in it."""
    path = folder / _MACHINE
    with suppress(FileNotFoundError):
        return path.read_text()
    folder.mkdir(parents=True, exist_ok=True)
    # If two processes make it at once, both take the first one's.
    with suppress(FileExistsError), whole_file(path) as file:
        file.write(secrets.token_hex(8).encode())
    return path.read_text()
