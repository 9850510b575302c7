"""The lease of a run, and the process that is started for a run without a worker."""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.resources.processes import ChildProcesses, held, is_held
from pawsonalize.storage.retraining_runs import RetrainingRun, RetrainingRuns

LEASE_MS = 10 * SECOND
"""After so long without a renewal, a worker counts as dead and another takes its run over."""
BEAT_SECONDS = 2.0
# Two renewals count as at most this far apart, however far the clock jumps between them.
_LONGEST_BEAT_MS = 3 * BEAT_SECONDS * SECOND


class LeaseLost(Exception):
    """Another worker has taken the run over: this one must stop working on it."""


class Lease:
    """A claimed run, held until it is released or lost."""

    def __init__(self, runs: RetrainingRuns, held: RetrainingRun, now: Callable[[], int]) -> None:
        self._runs = runs
        self._held = held
        self._now = now
        self._beaten_at = now()
        self._lock = threading.Lock()

    @property
    def run(self) -> RetrainingRun:
        """The run as it was when last renewed or saved."""
        return self._held

    def renew(self) -> None:
        """Renew the lease, count the time worked, and read whether the run is to be cancelled."""
        with self._lock:
            now = self._now()
            passed = min(max(now - self._beaten_at, 0), int(_LONGEST_BEAT_MS))
            self._beaten_at = now
            worked = replace(self._held, worked_ms=self._held.worked_ms + passed)
            renewed = self._runs.renew(worked, now, LEASE_MS)
            if renewed is None:
                raise LeaseLost
            self._held = renewed

    def save(self, record: str, status: str, ended_at: int | None) -> None:
        """Store the run's record; LeaseLost, and nothing is stored, if another has the run."""
        with self._lock:
            saved = replace(self._held, record=record, status=status, ended_at=ended_at)
            if not self._runs.save(saved):
                raise LeaseLost
            self._held = saved

    def release(self) -> None:
        """Give the lease back, so that another worker may go on at once."""
        self._runs.release(self._held)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renew in the background while the block, which may take hours, runs.

        If a renewal fails, the next one tries again. If the lease was lost, saving the block's
        result shows it.
        """
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_SECONDS):
                try:
                    self.renew()
                except StorageUnavailable:
                    continue
                except LeaseLost:
                    return

        thread = threading.Thread(target=beat, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


_WORKER = "worker"
_PATIENCE_SECONDS = 0.2


class WorkerProcesses:
    """Starts a worker if the running run has none: the run is new, or its worker died.

    The server claims the lease first, in the name of the new worker. So of all processes and
    machines that look, only one starts a worker. `command` gets its name as the last argument.

    A living worker holds the lock of its name in `folder`. So one that died on this machine is
    replaced at once; of one on another machine, the lease must end first.
    """

    def __init__(
        self,
        runs: RetrainingRuns,
        folder: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
        *,
        outlive: bool = False,
    ) -> None:
        """With `outlive`, a worker goes on when this process or its group ends."""
        self._runs = runs
        self._folder = folder
        self._children = ChildProcesses(command, environment, output, outlive=outlive)

    def look(self, now: int) -> None:
        """Start a worker if a run needs one; returns at once."""
        self._children.reap()
        if self._children.is_running(_WORKER):
            return
        self._release_dead()
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        if self._runs.claim(name, now, LEASE_MS) is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with held(self._lock(name), patience=_PATIENCE_SECONDS) as lock:
            self._children.start(_WORKER, [name], lock=lock)

    def stop(self) -> None:
        """Stop the worker, if one runs: it lets go of the run, and another one may go on."""
        self._children.end(_WORKER, signal.SIGTERM)

    def _release_dead(self) -> None:
        """Take the lease from a worker that died on this machine."""
        run = self._runs.running()
        if run is not None and run.worker is not None and self._lock(run.worker).exists():
            if is_held(self._lock(run.worker)):
                return
            self._runs.release(run)
        for ended in self._folder.glob("*.lock"):
            is_held(ended)  # removes it, unless its worker lives

    def _lock(self, name: str) -> Path:
        return self._folder / f"{name}.lock"
