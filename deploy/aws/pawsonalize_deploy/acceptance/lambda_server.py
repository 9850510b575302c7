"""AWS Lambda's Invoke call, answered by handlers here; all other calls go on to moto."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Handlers = Mapping[str, Callable[[Any, object], Any]]


@dataclass
class LambdaServer:
    """Runs one handler at a time, as one environment of Lambda does."""

    port: int
    target: str
    handlers: Handlers
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """The function's name and the event of each invocation."""

    def __post_init__(self) -> None:
        self._one_at_a_time = threading.Lock()

    def invoke(self, name: str, event: Any) -> tuple[bool, bytes]:
        """Whether the function failed, and what it answers."""
        with self._one_at_a_time:
            self.calls.append((name, event))
            try:
                return False, json.dumps(self.handlers[name](event, None)).encode()
            except Exception as error:  # noqa: BLE001 - as Lambda does
                kind = getattr(error, "kind", type(error).__name__)
                said = {"errorType": kind, "errorMessage": str(error)}
                return True, json.dumps(said).encode()

    def forward(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any, bytes]:
        """The answer of the server behind this one."""
        connection = HTTPConnection(urlsplit(self.target).netloc)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() != "host"}
            connection.request(method, path, body, kept)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@contextmanager
def lambda_server(target: str, handlers: Handlers) -> Iterator[LambdaServer]:
    """A server that hands each invocation to the handler of the function's name."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = unquote(self.path).split("/")
            if parts[1:3] == ["2015-03-31", "functions"] and parts[-1] == "invocations":
                name = parts[3].rpartition(":")[2]
                failed, answer = server.invoke(name, json.loads(body or "null"))
                headers = {"X-Amz-Function-Error": "Unhandled"} if failed else {}
                self.answer(200, headers, answer)
            else:
                self.answer(*server.forward(self.command, self.path, self.headers, body))

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - as the server's class names them

        def answer(self, status: int, headers: Any, body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = LambdaServer(http.server_port, target, handlers)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
