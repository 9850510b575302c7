"""Between a service and its Amazon: faults on demand, and a list of what was asked."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Answer = dict[str, Any]
_PATHS = {
    "/events": "PutEvents",
    "/items": "PutItems",
    "/recommendations": "GetRecommendations",
    "/personalize-ranking": "GetPersonalizedRanking",
}
_LOST = -1


@dataclass
class Fault:
    """What happens to the next `times` calls of an operation; None: to all until it is mended.

    `status` 0 closes the connection without asking; `_LOST` asks, and then loses the answer.
    """

    status: int = 0
    code: str = "ServiceUnavailableException"
    times: int | None = None
    rewrite: Callable[[Answer], object] | None = None


@dataclass
class FaultyProxy:
    """Hands every call on to `upstream`, unless something is wrong with it."""

    upstream: str
    url: str = ""
    asked: list[tuple[str, Answer]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, operation: str) -> int:
        """How often that was asked for."""
        return sum(name == operation for name, _ in self.asked)

    def fails(
        self, *operations: str, status: int = 503, code: str = "ServiceUnavailableException"
    ) -> None:
        """From now on these fail; `*` means all."""
        self.faults.update({name: Fault(status, code) for name in operations})

    def loses_answer(self, operation: str) -> None:
        """The next one is done, and its answer is lost on the way."""
        self.faults[operation] = Fault(_LOST, times=1)

    def refuses(self, operation: str, times: int = 1) -> None:
        """The next ones are refused as wrong."""
        self.faults[operation] = Fault(400, "InvalidInputException", times)

    def rewrites(self, operation: str, rewrite: Callable[[Answer], object]) -> None:
        """Answers are changed on their way."""
        self.faults[operation] = Fault(200, rewrite=rewrite)

    def mend(self) -> None:
        """All is well from now on."""
        self.faults.clear()

    def fault(self, operation: str) -> Fault | None:
        with self.lock:
            name = operation if operation in self.faults else "*"
            found = self.faults.get(name)
            if found is not None and found.times is not None:
                found.times -= 1
                if found.times <= 0:
                    del self.faults[name]
            return found


class _Server(ThreadingHTTPServer):
    """Knows whose proxy it is."""

    proxy: FaultyProxy


class _Handler(BaseHTTPRequestHandler):
    """Hands one call on."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: Any) -> None:
        """Nobody reads it."""

    def do_POST(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        path = self.path.removeprefix(urlsplit(self.server.proxy.upstream).path)
        operation = target.partition(".")[2] or _PATHS[path]
        with proxy.lock:
            proxy.asked.append((operation, json.loads(body or b"{}")))
        fault = proxy.fault(operation)
        if fault is not None and fault.status == 0:
            self.close_connection = True
            return
        if fault is not None and fault.status > 0 and fault.rewrite is None:
            said = {"__type": fault.code, "message": "the proxy says so"}
            self.give(fault.status, json.dumps(said).encode(), fault.code)
            return
        status, answer = self.handed_on(body)
        if fault is not None and fault.status == _LOST:
            self.close_connection = True
            return
        if fault is not None and fault.rewrite is not None and status == 200:
            changed = json.loads(answer)
            fault.rewrite(changed)
            answer = json.dumps(changed).encode()
        self.give(status, answer, self.error_type)

    def handed_on(self, body: bytes) -> tuple[int, bytes]:
        address = urlsplit(self.server.proxy.upstream)
        link = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        try:
            link.request("POST", self.path, body, kept | {"Host": address.netloc})
            answer = link.getresponse()
            self.error_type = answer.headers.get("x-amzn-ErrorType") or ""
            return answer.status, answer.read()
        except OSError:
            self.error_type = "ServiceUnavailableException"
            return 503, b"{}"
        finally:
            link.close()

    def give(self, status: int, body: bytes, error_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        if error_type:
            self.send_header("x-amzn-ErrorType", error_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """A proxy before the service at that address."""
    proxy = FaultyProxy(upstream)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = proxy
    proxy.url = f"http://127.0.0.1:{server.server_port}{urlsplit(upstream).path}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
