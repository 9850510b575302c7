"""Processes beside the server, and the locks that say whether one lives.

The kernel releases a lock when its holder dies, also after `kill -9` or a restart of the machine.
So no heartbeat can be missed, and no process id can be taken for a later one.
"""

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from pawsonalize.domain.times import SECOND

_LOOK_SECONDS = 0.005


@contextmanager
def held(path: Path, *, patience: float = 0.0) -> Iterator[int | None]:
    """The lock's empty file, locked while the block runs; None if another process holds it.

    A child that inherits the descriptor goes on holding the lock after the block. `patience`
    (seconds) outlasts processes that only look whether it is held.
    """
    descriptor = _take(path, patience)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock; if none does, its file is removed."""
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


def _take(path: Path, patience: float) -> int | None:
    deadline = time.monotonic() + patience
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOOK_SECONDS)
            continue
        # The last holder may have removed the file between the opening and the locking.
        if os.fstat(descriptor).st_nlink:
            os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)


_SHARE = 4  # one that took long is followed by a pause of so many times its length, less one

log = structlog.get_logger()


class SideProcess:
    """Starts `command` in `environment` at most every `pause` seconds on this machine.

    A living process holds the lock. The time of the lock's file is where the pause begins: at the
    start of the last process, or later if `rest` moved it.
    """

    def __init__(
        self,
        lock: Path,
        pause: float,
        command: Sequence[str],
        environment: Mapping[str, str],
        now: int,
    ) -> None:
        """Counts the first pause from `now`: a server that starts has other things to do first."""
        self._lock = lock
        self._pause = pause
        self._command = tuple(command)
        self._name = self._command[-1]
        self._environment = dict(environment)
        self._begun = now
        self._child: subprocess.Popen[bytes] | None = None
        self._ended: int | None = None

    def exit_code(self) -> int | None:
        """The exit code of the last process started here, once, after it has ended."""
        ended, self._ended = self._ended, None
        return ended

    def is_due(self, now: int) -> bool:
        """Whether the pause is over, and the last process that was started here has ended."""
        if self._child is not None:
            ended = self._child.poll()
            if ended is None:
                return False
            self._child, self._ended = None, ended
            if ended:
                log.error("failed: everything goes on as it is", work=self._name, exit_code=ended)
        since = self._begun
        with suppress(FileNotFoundError):
            since = max(since, round(self._lock.stat().st_mtime * SECOND))
        return now - since >= self._pause * SECOND

    def start(self) -> None:
        """Start a new process, unless one is running; returns at once."""
        with held(self._lock) as lock:
            if lock is None:
                return
            self._child = subprocess.Popen(  # noqa: S603 - the command is the service's own
                self._command, env=self._environment, stdin=subprocess.DEVNULL, pass_fds=(lock,)
            )
            os.write(lock, b"%d" % self._child.pid)

    def stop(self) -> None:
        """Stop the process that was started here, if it lives; the next one begins anew."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()


def rest(lock: Path, began: int, now: int) -> None:
    """Make the next pause so long that work of that length takes a quarter of the time."""
    until = (now + (_SHARE - 1) * (now - began)) / SECOND
    with suppress(FileNotFoundError):
        os.utime(lock, (until, until))
