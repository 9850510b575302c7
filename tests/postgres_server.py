"""A PostgreSQL server of a test's own, which may be frozen."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class PostgresServer:
    """A server of its own, with a hand on all its processes."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self.url = f"postgresql://pawsonalize@127.0.0.1:{port}/postgres"

    def _signal(self, sign: signal.Signals) -> None:
        children = subprocess.run(
            ("ps", "-o", "pid=", "--ppid", str(self._pid)), capture_output=True, check=False
        )
        for pid in (self._pid, *map(int, children.stdout.split())):
            os.kill(pid, sign)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    @contextmanager
    def taking_no_connections(self) -> Iterator[None]:
        """Only the process that takes new connections is frozen."""
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        with self.thawing():
            yield

    @contextmanager
    def thawing(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A new server without a table; it ends with the block."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL to start here")
    as_other = ("runuser", "-u", "postgres", "--") if os.getuid() == 0 else ()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: str) -> None:
        done = subprocess.DEVNULL
        words = (*as_other, f"{found[-1]}/{command[0]}", *command[1:])
        subprocess.run(words, check=True, stdout=done, cwd="/")

    # Not in pytest's folder, which the server's user cannot enter.
    with tempfile.TemporaryDirectory() as name:
        if as_other:
            shutil.chown(name, "postgres")
        data = f"{name}/data"
        run("initdb", "-D", data, "-U", "pawsonalize", "-A", "trust", "-E", "UTF8")
        options = f"-p {port} -k {name} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", f"{name}/log", "-o", options, "start")
        try:
            pid = int(Path(data, "postmaster.pid").read_text().split()[0])
            yield PostgresServer(pid, port)
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
