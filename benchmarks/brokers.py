"""Brokers of our own for a benchmark: each runs until its block ends, and gives a stream's URL."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.child import Missing, required
from benchmarks.server import free_port

_SHARDS = 4


@contextmanager
def nats() -> Iterator[str]:
    """One NATS server with JetStream, on a disk."""
    command = shutil.which("nats-server")
    if command is None:
        raise Missing("nats-server is not installed: apt-get install nats-server")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        started = [command, "-js", "-sd", folder, "-a", "127.0.0.1", "-p", str(port)]
        with _running(started, port):
            yield f"nats://127.0.0.1:{port}/EVENTS?partitions={_SHARDS}"


@contextmanager
def kinesis() -> Iterator[str]:
    """kinesis-local, which keeps its streams in memory."""
    command = os.environ.get("PAWSONALIZE_TEST_KINESIS", "")
    if not command:
        raise Missing("PAWSONALIZE_TEST_KINESIS does not name the command of kinesis-local")
    port = free_port()
    os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")
    ports = {
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": str(free_port()),
        "LOG_LEVEL": "ERROR",
    }
    with _running([command], port, sign=signal.SIGKILL, **ports):
        yield f"kinesis://events?region=eu-west-1&endpoint=http://127.0.0.1:{port}"


@contextmanager
def kafka() -> Iterator[str]:
    """The mock cluster of librdkafka, which lives in this process."""
    mock = required("confluent_kafka").Producer({"test.mock.num.brokers": 1})
    broker = next(iter(mock.list_topics(timeout=10).brokers.values()))
    yield f"kafka://{broker.host}:{broker.port}/events"


BROKERS = {"nats": nats, "kinesis": kinesis, "kafka": kafka}


@contextmanager
def _running(
    command: list[str], port: int, sign: signal.Signals = signal.SIGTERM, **settings: str
) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **settings},
        cwd=Path(command[0]).resolve().parent,  # where kinesis-local has its certificate
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise SystemExit(f"{command[0]} did not start within 20 seconds")
        yield
    finally:
        process.send_signal(sign)
        process.wait(30)
