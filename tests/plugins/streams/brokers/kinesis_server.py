"""kinesis-local, a server that answers as Amazon Kinesis, and a way to it that fails on demand."""

import atexit
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.free_ports import free_ports

VARIABLE = "PAWSONALIZE_TEST_KINESIS"
LOGIN = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_SETTINGS = {
    **dict.fromkeys(
        (
            *("CREATE_STREAM_DURATION", "DELETE_STREAM_DURATION", "SPLIT_SHARD_DURATION"),
            *("MERGE_SHARDS_DURATION", "UPDATE_SHARD_COUNT_DURATION"),
        ),
        "1ms",
    ),
    "SHOULD_PERSIST_DATA": "true",
    "PERSIST_INTERVAL": "1s",
    "SHARD_LIMIT": "5000",
    "ON_DEMAND_STREAM_COUNT_LIMIT": "1000",
    "LOG_LEVEL": "ERROR",
}


@cache
def _session() -> Any:
    """One for all: it is slow to make, as it reads what AWS is."""
    session = boto3.session.Session()
    session.get_credentials()
    return session


@contextmanager
def logged_in() -> Iterator[None]:
    """AWS clients that are made in the block have credentials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        for name, value in LOGIN.items():
            patch.setenv(name, value)
        session = _session()
        patch.setattr(boto3.session, "Session", lambda: session)
        yield


class KinesisServer:
    """A server of our own."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._folder = tempfile.TemporaryDirectory(prefix="kinesis-")
        self.port, tls_port = free_ports(2)
        ports = {"KINESIS_MOCK_PLAIN_PORT": str(self.port), "KINESIS_MOCK_TLS_PORT": str(tls_port)}
        self._environment = {**os.environ, **_SETTINGS, **ports, "PERSIST_PATH": self._folder.name}
        self._process = self._start()
        self.proxy = KinesisProxy(self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, region: str = "eu-west-1") -> Any:
        """For a test's own calls, past the proxy."""
        with logged_in():
            return boto3.session.Session().client(
                "kinesis", region_name=region, endpoint_url=self.url
            )

    def restart(self) -> None:
        """It writes what it has a few times a second; asked to end, it takes half a minute.

        Its file is written in place: killed meanwhile, it would find half of one.
        """
        file = Path(self._folder.name, "kinesis-data.json")
        for _ in range(2):
            before = file.stat().st_mtime_ns if file.exists() else 0
            while not file.exists() or file.stat().st_mtime_ns == before:
                time.sleep(0.02)
        while not self._stands_still_with_all_of(file):
            self._process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def _stands_still_with_all_of(self, file: Path) -> bool:
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            json.loads(file.read_bytes())
        except ValueError:
            return False
        return True

    def close(self) -> None:
        self.proxy.close()
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _start(self) -> "subprocess.Popen[bytes]":
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            [self._command],
            env=self._environment,
            cwd=Path(self._command).resolve().parent,  # its certificate lies there
            stdout=nothing,
            stderr=nothing,
        )
        while True:
            assert process.poll() is None, "kinesis-local does not start"
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.02)
            else:
                return process


@cache
def kinesis_server() -> KinesisServer:
    """The one of this process."""
    command = os.environ.get(VARIABLE)
    if not command:
        pytest.skip(f"no Kinesis here: set {VARIABLE} to npm's kinesis-local (.ci/run installs it)")
    server = KinesisServer(command)
    atexit.register(server.close)
    return server


@dataclass(frozen=True)
class Answer:
    """What the proxy says instead of Kinesis; without a status it breaks the connection."""

    status: int = 0
    body: Mapping[str, object] | None = None
    is_lost: bool = False
    """Whether Kinesis hears the call, and only its answer is lost."""

    @classmethod
    def error(cls, code: str, status: int = 400) -> "Answer":
        return cls(status, {"__type": code, "message": "said by the proxy"})


Fault = Callable[[str, dict[str, Any]], Answer | None]
"""Says what to answer to a call (its name, its body, which it may change); None: pass it on."""


class KinesisProxy:
    """A way to Kinesis that can be cut, and that answers as it is told."""

    def __init__(self, port: int) -> None:
        self.fault: Fault = lambda _call, _body: None
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._target = port
        self._open = threading.Event()
        self._open.set()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    def reset(self) -> None:
        """As new."""
        self.mend()
        self.fault = lambda _call, _body: None
        self.calls = []

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if not self._open.is_set():
            self._open.wait()
            handler.close_connection = True
            return
        call = handler.headers["X-Amz-Target"].rpartition(".")[2]
        words = json.loads(body)
        self.calls.append((call, words))
        answer = self.fault(call, words)
        if answer is not None and not answer.status:
            if answer.is_lost:
                self._pass_on(handler, body)
            handler.close_connection = True
            return
        try:
            status, sent = (
                self._pass_on(handler, json.dumps(words).encode())
                if answer is None
                else (answer.status, json.dumps(answer.body).encode())
            )
        except OSError:
            handler.close_connection = True
            return
        handler.send_response(status)
        handler.send_header("Content-Type", "application/x-amz-json-1.1")
        handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        handler.wfile.write(sent)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._target, timeout=60)
        names = ("X-Amz-Target", "Content-Type", "Authorization", "X-Amz-Date")
        headers = {name: handler.headers[name] for name in names}
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(*error.args) from error
        finally:
            connection.close()
