"""A `pawsonalize serve` of its own for tests."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pawsonalize.testing.service import REGION, Service

_START_SECONDS = 120
_STOP_SECONDS = 30
_LOOK_SECONDS = 0.02
_IN_USE = "address already in use"
# The same answers every time, and nothing that happens by itself.
_SETTINGS = {"exploration_weight": "0", "retrain_here": "false", "log_level": "warning"}


@contextmanager
def running_service(folder: Path, **settings: str) -> Iterator[Service]:
    """A service on the folder; its settings are by their names in docs/reference/settings.md."""
    while (started := _start(folder, settings)) is None:
        pass  # somebody else took the port meanwhile
    process, port = started
    try:
        yield Service(f"http://127.0.0.1:{port}/aws", folder)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(
    folder: Path, settings: Mapping[str, str]
) -> "tuple[subprocess.Popen[bytes], int] | None":
    port = _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAWSONALIZE")}
    given = {"data_dir": str(folder / "data"), "s3_root": str(folder / "s3"), "aws_region": REGION}
    environment = {
        f"PAWSONALIZE_{name.upper()}": value
        for name, value in {**_SETTINGS, **given, **settings}.items()
    }
    output = folder / "service.log"
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "pawsonalize.cli.main", "serve", "--port", str(port)],
            cwd=folder,  # where no config/ of the program's is
            env=kept | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if process.poll() is not None:
            if _IN_USE in output.read_text():
                return None
            raise RuntimeError(f"pawsonalize serve did not start: {output.read_text()}")
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"pawsonalize serve did not answer in {_START_SECONDS} seconds")
        time.sleep(_LOOK_SECONDS)
    return process, port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
