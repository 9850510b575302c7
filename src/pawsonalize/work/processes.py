"""Processes beside the server, and the locks that say whether one lives."""

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_LOOK_SECONDS = 0.005


# The kernel releases a lock when its holder dies, also after `kill -9` or a restart of the machine.
# So no heartbeat can be missed, and no process id can be taken for a later one.
@contextmanager
def held(path: Path, *, patience: float = 0.0) -> Iterator[int | None]:
    """The lock's emptied file, or a folder, locked while the block runs; None if it is taken."""
    # A child that inherits the descriptor goes on holding the lock after the block. `patience`
    # (seconds) outlasts processes that only look whether it is held.
    descriptor = _take(path, patience)
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


def _take(path: Path, patience: float) -> int | None:
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
            time.sleep(_LOOK_SECONDS)
            continue
        # The last holder may have removed the file between the opening and the locking.
        if os.fstat(descriptor).st_nlink:
            if not is_folder:
                os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)


_GRACE_SECONDS = 0.7


def end_after(wait: Callable[[], object]) -> None:
    """End this process, by SIGTERM or within a second anyhow, when `wait` returns in a thread."""
    # `wait` waits for the process that this one belongs to. If that was killed, it told nobody.

    def watch() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="end after", daemon=True).start()


class ChildProcesses:
    """Processes of one command, each known by a name: started, watched and ended here."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
        *,
        outlive: bool = False,
    ) -> None:
        """With `outlive`, they go on when this process or its group ends; else they notice it."""
        # Their standard input is a pipe then, which ends with this process, however it ends.
        self._command = tuple(command)
        self._environment = dict(environment)
        self._output = output
        self._outlive = outlive
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, arguments: Sequence[str] = (), *, lock: int | None = None) -> None:
        """Start the command; the child holds `lock`, in which its id stands. May be an OSError."""
        child = subprocess.Popen(  # noqa: S603 - the service's own command
            [*self._command, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL if self._outlive else subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            pass_fds=() if lock is None else (lock,),
            start_new_session=self._outlive,
        )
        self._running[name] = child
        if lock is not None:
            # Whoever is to end the child, from any process, finds its id here.
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d" % child.pid, 0)

    def is_running(self, name: str) -> bool:
        """True if the child lives that was started here under that name."""
        child = self._running.get(name)
        return child is not None and child.poll() is None

    def exit_code(self, name: str) -> int | None:
        """The exit code of the child, once, after it has ended."""
        child = self._running.get(name)
        if child is None or child.poll() is None:
            return None
        if self._running.pop(name, None) is None:  # another thread saw the end first
            return None
        _close_input(child)
        return child.returncode

    def reap(self) -> None:
        """Let go of children that ended."""
        # So the system may let go of them as well.
        for name in list(self._running):
            self.exit_code(name)

    def let_go(self) -> None:
        """Let children that still run go on alone: this process waits for them no more."""
        self.reap()
        for child in list(self._running.values()):
            child.returncode = 0  # nobody knows yet; None would be warned of as forgotten
        self._running.clear()

    def end(self, name: str, sign: signal.Signals) -> None:
        """Send the child the signal and wait until it has ended, if it lives."""
        child = self._running.get(name)
        if child is None:
            return
        if child.poll() is None:
            child.send_signal(sign)
            child.wait()
        _close_input(child)

    def wait(self, name: str, seconds: float) -> None:
        """Wait so long for the child to end, if there is one; then forget it."""
        if (child := self._running.pop(name, None)) is not None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
            _close_input(child)


def _close_input(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()
