"""`pawsonalize health`: what restarts or routes to a server asks by it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app
from pawsonalize.core.errors import InvalidInput

NOT_READY = b'{"error": {"code": "not_ready", "message": "nothing can answer yet: import animals"}}'


class Answering(BaseHTTPRequestHandler):
    """Lives, and is not ready."""

    def do_GET(self) -> None:
        lives = self.path == "/healthz"
        self.send_response(200 if lives else 503)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}' if lives else NOT_READY)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@contextmanager
def answering() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_that_listens_everywhere_is_asked_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAWSONALIZE_HOST", "0.0.0.0")
    with answering() as port:
        monkeypatch.setenv("PAWSONALIZE_PORT", str(port))
        done = CliRunner().invoke(app, ["health"])
    assert done.exit_code == 0
    assert done.stdout == '{"status": "ok"}\n'


def test_a_server_that_is_not_ready_says_why() -> None:
    with answering() as port:
        done = CliRunner().invoke(app, ["health", "--ready", "--port", str(port)])
    assert str(done.exception) == "/readyz answers 503: nothing can answer yet: import animals"


def test_where_nobody_answers_the_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        port = taken.getsockname()[1]
        done = CliRunner().invoke(app, ["health", "--port", str(port)])
    assert str(done.exception).startswith(f"nobody answers at port {port}: ")


def test_a_free_port_cannot_be_asked() -> None:
    done = CliRunner().invoke(app, ["health", "--port", "0"])
    assert "say which one with --port" in str(done.exception)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["personalisation", "--ready"], "asks no server"),
        (["personalisation", "--port", "8080"], "asks no server"),
        (["--data-dir", "elsewhere"], "leave --data-dir out"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["health", *options])
    assert isinstance(done.exception, InvalidInput)
    assert said in str(done.exception)
