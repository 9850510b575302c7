"""A `pawsonalize serve` of its own for a benchmark, and a light client that keeps it busy."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(data_dir: Path, *options: str, factory: str | None = None) -> Iterator[int]:
    """Run the service on a free port until the block ends; yields the port.

    `factory` names another ASGI app factory to serve in its place, to measure against.
    """
    port = free_port()
    command = [sys.executable, "-m", "pawsonalize.app.cli.main", "serve"]
    command += ["--data-dir", str(data_dir), "--port", str(port), *options]
    if factory is not None:
        command = [sys.executable, "-m", "uvicorn", factory, "--factory", "--port", str(port)]
        command += ["--no-access-log", "--log-level", "warning"]
    # Linear algebra as in `serve`, and no first training beside what is measured.
    quiet = {"OPENBLAS_NUM_THREADS": "1", "PAWSONALIZE_RETRAIN_SCHEDULE": ""}
    environment = {**os.environ, **quiet}
    process = subprocess.Popen(command, env=environment)
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(300)  # of many new events the archive is written first


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"the server stopped with exit code {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start within 30 seconds")


def post(path: str, body: bytes) -> bytes:
    """A POST as bytes on the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answers(port: int, requests: Sequence[bytes]) -> list[bytes]:
    """The body of each answer, one request after the other."""
    return asyncio.run(_answers(port, requests))


async def _answers(port: int, requests: Sequence[bytes]) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    bodies = []
    for request in requests:
        writer.write(request)
        bodies.append(await _read_answer(reader))
    writer.close()
    return bodies


def drive(port: int, requests: Sequence[bytes], connections: int) -> tuple[float, list[float]]:
    """Send the requests over so many connections, each its next as soon as it is answered.

    Returns the seconds it took and each request's latency in seconds.
    """
    return asyncio.run(_drive(port, requests, connections))


async def _drive(
    port: int, requests: Sequence[bytes], connections: int
) -> tuple[float, list[float]]:
    waiting = iter(requests)
    latencies: list[float] = []

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            started = time.perf_counter()
            writer.write(request)
            await _read_answer(reader)
            latencies.append(time.perf_counter() - started)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    return time.perf_counter() - started, latencies


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 20"):
        raise SystemExit(f"the server answered {head[:200]!r}")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
