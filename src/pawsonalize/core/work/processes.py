"""Child processes: started, watched and ended; some run once at a time on all machines."""

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING

from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import SECOND

if TYPE_CHECKING:  # which takes long to import
    from pawsonalize.core.work.leases import Lease, Leases

_SHARE = 4  # a process that took long is followed by a pause of so many times its length, less one
_GRACE_SECONDS = 0.7

_SIGNS = (signal.SIGTERM, signal.SIGINT)

log = get_logger()


def end_after(wait: Callable[[], object]) -> None:
    """End this process by SIGTERM, after 0.7 s for certain, once `wait` returns in a thread."""
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

    def start(self, name: str, *arguments: str, lease: "Lease | None" = None) -> None:
        """Start the command; the token of its lease is the last argument. May be an OSError."""
        # The child holds the lease's lock, in which its id stands.
        token = () if lease is None else (str(lease.token),)
        child = subprocess.Popen(  # noqa: S603 - the service's own command
            [*self._command, *arguments, *token],
            env=self._environment,
            stdin=subprocess.DEVNULL if self._outlive else subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            pass_fds=() if lease is None else (lease.lock,),
            start_new_session=self._outlive,
        )
        self._running[name] = child
        if lease is not None:
            # Whoever is to end the child, from any process, finds its id here.
            os.ftruncate(lease.lock, 0)
            os.pwrite(lease.lock, b"%d" % child.pid, 0)

    def is_running(self, name: str) -> bool:
        """True if the child lives that was started here under that name."""
        child = self._running.get(name)
        return child is not None and child.poll() is None

    def exit_code(self, name: str) -> int | None:
        """The exit code of a child that has ended, once; None before, and from then on."""
        child = self._running.get(name)
        if child is None or child.poll() is None:
            return None
        if self._running.pop(name, None) is None:  # another thread saw the end first
            return None
        _close_input(child)
        return child.returncode

    def reap(self) -> None:
        """Forget children that ended."""
        # So the system may forget them as well.
        for name in list(self._running):
            self.exit_code(name)

    def let_go(self) -> None:
        """Leave children that still run to themselves: this process waits for them no more."""
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
        """Wait up to `seconds` for the child to end, if there is one; then forget it."""
        if (child := self._running.pop(name, None)) is not None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
            _close_input(child)


def _close_input(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()


# The server that begins keeps the lease of the command's last word, and hands its token to the
# process as an argument. The time of the lease's lock is where the pause begins: at the start of
# the last process, or later if `lengthen_pause` moved it.
class SideProcess:
    """Starts `command` in `environment` at most every `pause` seconds, on one machine of all."""

    def __init__(
        self,
        leases: "Leases",
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

    def look(
        self, now: int, is_wanted: Callable[[], bool], on_end: Callable[[int], object]
    ) -> None:
        """Start the next one if it is due and wanted; `on_end` gets the last one's exit code."""
        if (code := self._children.exit_code(self._name)) is not None:
            if code:
                log.error("failed: everything goes on as it is", work=self._name, exit_code=code)
            on_end(code)
        if not self.is_due(now):
            return
        if is_wanted():
            self.start()
        else:  # any server may begin the next
            self._leases.let_go(self._name)

    def is_due(self, now: int) -> bool:
        """True if the pause is over, and the last process that was started here has ended."""
        if self._children.is_running(self._name):
            return False
        since = self._begun
        with suppress(FileNotFoundError):
            since = max(since, round(self._leases.lock(self._name).stat().st_mtime * SECOND))
        return now - since >= self._pause * SECOND

    def start(self) -> None:
        """Start a new process, unless another server begins them; returns at once."""
        lease = self._leases.lead(self._name)
        if lease is not None:
            self._children.start(self._name, lease=lease)

    def stop(self) -> None:
        """End the process that was started here, if it is running; the next one begins anew."""
        self._children.end(self._name, signal.SIGKILL)
        self._leases.let_go(self._name)


def lengthen_pause(lock: Path, began: int, now: int) -> None:
    """Delay the next process, so that such work takes a quarter of the time (`now` in ms)."""
    until = (now + (_SHARE - 1) * (now - began)) / SECOND
    with suppress(FileNotFoundError):
        os.utime(lock, (until, until))


@contextmanager
def at_the_end_signal(work: Callable[[], object]) -> Iterator[None]:
    """Do the work on the event loop at SIGTERM or SIGINT, before uvicorn handles the signal."""
    # uvicorn tells nobody when it begins to wait for requests. Only the main thread gets signals:
    # elsewhere, as in tests, nothing is done.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    found = {sign: signal.getsignal(sign) for sign in _SIGNS}
    # The default of a signal is no function that could be called.
    before = {sign: handler for sign, handler in found.items() if callable(handler)}

    def hand_on(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(work)  # not here: what was interrupted may hold a lock
        before[signal.Signals(number)](number, frame)

    for sign in before:
        signal.signal(sign, hand_on)
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
