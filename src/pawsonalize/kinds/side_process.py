"""A process beside the server that one server of all begins again and again, with pauses."""

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from pawsonalize.domain.times import SECOND
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.processes import ChildProcesses

_SHARE = 4  # one that took long is followed by a pause of so many times its length, less one

log = structlog.get_logger()


class SideProcess:
    """Starts `command` in `environment` at most every `pause` seconds, on one machine of all.

    The server that begins keeps the lease of the command's last word, and hands its token to the
    process as an argument. The time of the lease's lock is where the pause begins: at the start of
    the last process, or later if `rest` moved it.
    """

    def __init__(
        self,
        leases: Leases,
        pause: float,
        command: Sequence[str],
        environment: Mapping[str, str],
        now: int,
    ) -> None:
        """Counts the first pause from `now`: a server that starts has other things to do first."""
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
        """Whether the pause is over, and the last process that was started here has ended."""
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
        """Leave it to any server to begin the next, as there is nothing to do now."""
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
