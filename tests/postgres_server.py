"""A PostgreSQL server of a test's own, which may be frozen."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.free_ports import free_port


class PostgresServer:
    """A server of its own, with a hand on all its processes."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self.url = _url(port)

    def _signal(self, sign: signal.Signals) -> None:
        children = subprocess.run(
            ("ps", "-o", "pid=", "--ppid", str(self._pid)), capture_output=True, check=False
        )
        os.kill(self._pid, sign)
        for pid in map(int, children.stdout.split()):
            with suppress(ProcessLookupError):  # a server that runs ends some of them by itself
                os.kill(pid, sign)

    def kill(self) -> None:
        """All its processes at once, without another word."""
        self._signal(signal.SIGSTOP)
        self._signal(signal.SIGKILL)

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
    with _folder() as folder, _made(folder, "data") as (pid, port):
        yield PostgresServer(pid, port)


class PostgresPair:
    """A primary and its synchronous standby: what is committed is on the disks of both."""

    def __init__(self, folder: str, primary: tuple[int, int], standby: tuple[int, int]) -> None:
        self._folder = folder
        self._pid, self.primary_port = primary
        self.standby_pid, self.standby_port = standby
        self.standby_log = Path(folder, "standby.log")
        self.primary_url = _url(self.primary_port)
        self.standby_url = _url(self.standby_port)
        hosts = f"127.0.0.1:{self.primary_port},127.0.0.1:{self.standby_port}"
        self.url = f"postgresql://pawsonalize@{hosts}/postgres"

    def kill_primary(self) -> None:
        """As a power cut would."""
        PostgresServer(self._pid, self.primary_port).kill()

    def freeze_primary(self) -> None:
        """As a machine does that nobody hears any more, and that refuses nothing."""
        PostgresServer(self._pid, self.primary_port).freeze()

    def promote(self) -> None:
        """Make the standby the primary."""
        _run("pg_ctl", "-D", f"{self._folder}/standby", "-w", "promote")

    def restart_primary(self) -> None:
        """As an operator does who changed a setting."""
        _run("pg_ctl", "-D", f"{self._folder}/primary", "-w", "-m", "fast", "restart")

    def on_primary(self, command: str) -> None:
        with psycopg.connect(self.primary_url, autocommit=True) as connection:
            connection.execute(command)


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """A new primary with its standby; both end with the block."""
    with _folder() as folder, _made(folder, "primary") as primary:
        port, copy = primary[1], f"{folder}/standby"
        login = ("-h", "127.0.0.1", "-p", str(port), "-U", "pawsonalize")
        _run("pg_basebackup", *login, "-D", copy, "-R", "-X", "stream", "-c", "fast")
        with _started(folder, "standby") as standby:
            pair = PostgresPair(folder, primary, standby)
            pair.on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'")
            pair.on_primary("SELECT pg_reload_conf()")
            yield pair


def _url(port: int) -> str:
    return f"postgresql://pawsonalize@127.0.0.1:{port}/postgres"


def _run(*command: str) -> None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL to start here")
    as_other = ("runuser", "-u", "postgres", "--") if os.getuid() == 0 else ()
    words = (*as_other, f"{found[-1]}/{command[0]}", *command[1:])
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def _folder() -> Iterator[str]:
    # Not in pytest's folder, which the server's user cannot enter.
    with tempfile.TemporaryDirectory() as name:
        if os.getuid() == 0:
            shutil.chown(name, "postgres")
        yield name


@contextmanager
def _made(folder: str, name: str) -> Iterator[tuple[int, int]]:
    _run("initdb", "-D", f"{folder}/{name}", "-U", "pawsonalize", "-A", "trust", "-E", "UTF8")
    with _started(folder, name) as started:
        yield started


@contextmanager
def _started(folder: str, name: str) -> Iterator[tuple[int, int]]:
    """The process and the port of a server that ends with the block."""
    port = free_port()
    data = f"{folder}/{name}"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    _run("pg_ctl", "-D", data, "-w", "-l", f"{folder}/{name}.log", "-o", options, "start")
    try:
        yield int(Path(data, "postmaster.pid").read_text().split()[0]), port
    finally:
        if Path(data, "postmaster.pid").exists():
            with suppress(subprocess.CalledProcessError):  # it was killed
                _run("pg_ctl", "-D", data, "-m", "immediate", "stop")
