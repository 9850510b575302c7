"""A scorer behind HTTP: a real server, which answers well, hangs, lies or is not there."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Question = dict[str, Any]


class ScorerServer(ThreadingHTTPServer):
    """Scores the items last in the alphabet best, and once it is told, does as `mood` says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[Question] = []
        self.mood = "well"
        self.told = threading.Event()  # to stop hanging

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/score"

    def answer(self, question: Question) -> bytes:
        order = sorted(question["items"])
        scores = [float(1 + order.index(item)) for item in question["items"]]
        return {
            "well": json.dumps({"scores": scores}).encode(),
            "short": json.dumps({"scores": scores[1:]}).encode(),
            "unknown": json.dumps({"scores": dict.fromkeys(order, 1.0)}).encode(),
            "nan": json.dumps({"scores": [*scores[1:], float("nan")]}).encode(),
            "null": json.dumps({"scores": [*scores[1:], None]}).encode(),
            "negative": json.dumps({"scores": [*scores[1:], -1.0]}).encode(),
            "error": b"{}",
            "huge": b'{"scores": [' + b"1e999," * (len(order) - 1) + b"1e999]}",
            "html": b"<p>Sign in to the network of this hotel</p>",
            "bytes": b"\xff\xfe\x00",
            "endless": b" " * (2 << 20),
        }[self.mood]


class _Handler(BaseHTTPRequestHandler):
    server: ScorerServer

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(question)
        if self.server.mood == "hangs":
            self.server.told.wait(30)
            return
        if self.server.mood == "drips":
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
                self.wfile.write(bytes([byte]))
                if self.server.told.is_set():
                    return
                time.sleep(0.02)
        if self.server.mood == "breaks":
            self.connection.close()
            return
        body = self.server.answer(question)
        self.send_response(500 if self.server.mood == "error" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_about: object) -> None:
        """Keep quiet."""


@contextmanager
def scorer_server() -> Iterator[ScorerServer]:
    """A scorer that runs while the block does."""
    with ScorerServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.told.set()
            server.shutdown()
            thread.join()
