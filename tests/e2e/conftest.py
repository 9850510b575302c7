"""Processes of `pawsonalize`, seen from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from pawsonalize.app.cli.main import app
from tests import forked
from tests.forked import COMMAND, Forked
from tests.free_ports import free_port

PATIENCE_SECONDS = 1200
"""For trainings: they give way to all other work, and so may take long beside other tests."""
_START_SECONDS = 120
_STOP_SECONDS = 60
_COMMAND_SECONDS = 300  # on a busy machine


@dataclass
class Server:
    """One `pawsonalize serve` with its workers, and where to reach it."""

    process: "subprocess.Popen[bytes]"
    port: int
    output: Path
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        # To load the authorities takes longer than a request.
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=False)

    def comes_up(self) -> bool:
        """Wait until it answers; False if somebody else took its port meanwhile."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                assert "address already in use" in self.output.read_text(), self.output.read_text()
                return False
            with self.client() as client, suppress(httpx.TransportError):
                if client.get("/healthz").status_code == 200:
                    return True
            time.sleep(0.02)
        pytest.fail(f"no answer in {_START_SECONDS} seconds: {self.output.read_text()}")

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.terminate()
        return self.process.wait(_STOP_SECONDS)

    def kill(self) -> None:
        """As a power cut would: no process of it gets to say another word."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


Start = Callable[..., Server]


def environment(**settings: str) -> dict[str, str]:
    """Ours, with these settings and none of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAWSONALIZE")}
    return kept | {
        # Archiving goes on all the time, so that a crash may meet it at any step.
        "PAWSONALIZE_ARCHIVE_SECONDS": "0.1",
        # Answers and places in them are compared.
        "PAWSONALIZE_EXPLORATION_WEIGHT": "0",
        # Retrainings and refreshes begin when a test says so.
        "PAWSONALIZE_RETRAIN_SCHEDULE": "",
        "PAWSONALIZE_REFRESH_SECONDS": "0",
        "PAWSONALIZE_RETRAIN_CHECK_SECONDS": "0.1",
        "PAWSONALIZE_CAMPAIGN_CHECK_SECONDS": "0.1",
        **{f"PAWSONALIZE_{name.upper()}": value for name, value in settings.items()},
    }


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """One command, to its end."""
    return forked.run(arguments, env=environment(**settings), timeout=_COMMAND_SECONDS)


def run_here(*arguments: str) -> Result:
    """One command in this process, for tests that look at what it leaves and not at the command."""
    return CliRunner().invoke(app, arguments)


def _words(program: str | None) -> tuple[str, ...]:
    """What runs our command line, or that of another copy of the package."""
    return (sys.executable, "-m", "pawsonalize.app.cli.main") if program else (COMMAND,)


@contextmanager
def starting(logs: Path) -> Iterator[Start]:
    """Starts servers on a data folder and waits until they answer; all end with the block.

    The setting `program` is the folder of another copy of the package, which runs instead.
    """
    servers: list[Server] = []

    def start(folder: Path, *arguments: str, command: str = "serve", **settings: str) -> Server:
        while not (server := launch(folder, command, *arguments, **settings)).comes_up():
            pass
        return server

    def launch(folder: Path, command: str, *arguments: str, **settings: str) -> Server:
        port = int(settings.pop("port", free_port()))
        program = settings.pop("program", None)
        words = (*_words(program), command)
        variables = environment(**settings) | ({"PYTHONPATH": program} if program else {})
        output = logs / f"server-{len(servers)}.log"
        with output.open("wb") as log:
            process = Forked(
                [*words, "--data-dir", str(folder), "--port", str(port), *arguments],
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that a kill reaches the workers too
            )
        scheme = "https" if "tls_certificate" in settings else "http"
        server = Server(process, port, output, scheme)
        servers.append(server)
        return server

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers that end with the test."""
    with starting(tmp_path) as start:
        yield start
