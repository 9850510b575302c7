"""AWS Lambda's Invoke call, answered by the real handlers; all other calls go on to moto."""

import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from pawsonalize_functions import put_events, recommend, rerank, steps

FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:{}"
HANDLERS = {
    "recommend": recommend.handler,
    "rerank": rerank.handler,
    "put-events": put_events.handler,
    "steps": steps.handler,
}


@dataclass
class LambdaServer:
    """Runs one handler at a time, as one environment of Lambda does."""

    port: int
    target: str
    handlers: Mapping[str, Callable[[Any, object], Any]]
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """The function's name and the event of each invocation."""
    broken: set[str] = field(default_factory=set)
    """Steps of the state machine that fail as code with a bug does."""
    lost: set[str] = field(default_factory=set)
    """Steps whose first answer does not arrive."""

    def __post_init__(self) -> None:
        self._one_at_a_time = threading.Lock()

    def invoke(self, name: str, event: Any) -> tuple[bool, bytes]:
        """Whether it failed, and what it answers."""
        with self._one_at_a_time:
            self.calls.append((name, event))
            try:
                step = event.get("step")
                if step in self.broken:
                    raise ZeroDivisionError("this step has a bug")
                answer = self.handlers[name](event, None)
                if step in self.lost:
                    self.lost.remove(step)
                    raise steps.TryAgain("the answer was lost")
                return False, json.dumps(answer).encode()
            except Exception as error:  # noqa: BLE001 - as Lambda does
                traceback.print_exc(file=sys.stderr)
                said = {"errorType": type(error).__name__, "errorMessage": str(error)}
                return True, json.dumps(said).encode()

    def forward(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any, bytes]:
        connection = HTTPConnection(urlsplit(self.target).netloc)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() != "host"}
            connection.request(method, path, body, kept)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@contextmanager
def lambda_server(
    target: str, handlers: Mapping[str, Callable[[Any, object], Any]] = HANDLERS
) -> Iterator[LambdaServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = unquote(self.path).split("/")
            if parts[1:3] == ["2015-03-31", "functions"]:
                name = parts[3].rpartition(":")[2]
                failed, answer = server.invoke(name, json.loads(body or "null"))
                headers = {"X-Amz-Function-Error": "Unhandled"} if failed else {}
                self.answer(200, headers, answer)
            else:
                self.answer(*server.forward("POST", self.path, self.headers, body))

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
