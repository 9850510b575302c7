"""A process of its own for the run that nobody works on."""

import os
import secrets
import socket
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from pawsonalize.engine.training.retraining.lease import LEASE_MS
from pawsonalize.storage.workflow_runs import WorkflowRuns


class WorkerProcesses:
    """Starts a worker whenever the running run has none: new, or its worker died.

    The lease is claimed first, in the name of the worker to be, so that of all processes and
    machines that look one starts a worker. `command` gets its name as the last argument.
    """

    def __init__(
        self,
        runs: WorkflowRuns,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
        *,
        outlive: bool = False,
    ) -> None:
        """With `outlive`, workers go on when this process's group is stopped."""
        self._runs = runs
        self._command = tuple(command)
        self._environment = dict(environment)
        self._output = output
        self._outlive = outlive
        self._process: subprocess.Popen[bytes] | None = None

    def look(self, now: int) -> None:
        """Start a worker if a run needs one; returns at once."""
        if self._process is not None and self._process.poll() is None:
            return
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        if self._runs.claim(name, now, LEASE_MS) is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*self._command, name],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                start_new_session=self._outlive,
            )

    def stop(self) -> None:
        """Stop the worker, if one runs: it lets go of the run, and another one may go on."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
