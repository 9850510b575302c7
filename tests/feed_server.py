"""A real web server that publishes feeds, and remembers how it was asked."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """`length` is what the server claims; with `silent` it begins to answer and then waits."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    silent: threading.Event | None = None


@dataclass
class FeedServer:
    """Answers by path and query; honours `If-None-Match` where an answer has an `ETag`."""

    server: ThreadingHTTPServer
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            feeds.asked.append((self.path, headers))
            answer = feeds.answers.get(self.path, Answer(status=404))
            etag = answer.headers.get("ETag")
            if etag and headers.get("if-none-match") == etag:
                answer = Answer(status=304, headers={"ETag": etag})
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = len(answer.body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(answer.body)
            if answer.silent is not None:
                answer.silent.wait(30)

        def do_OPTIONS(self) -> None:
            self.answer_call()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer_call()

        def answer_call(self) -> None:
            answer = feeds.answers.get(f"{self.command} {self.path}", Answer(status=403))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    feeds = FeedServer(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=feeds.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield feeds
    finally:
        feeds.server.shutdown()
        feeds.server.server_close()
        thread.join()
