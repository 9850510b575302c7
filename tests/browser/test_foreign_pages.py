"""Pages of other sites, in a real browser: they reach a service on this machine, and get nothing.

Chromium is told that two names of other sites are this machine: one is the attacker's server, the
other points at the service itself, as DNS rebinding would make it.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

REACH = """
async ([address, method, path, kind, body]) => {
  const options = { method, mode: "no-cors" };
  if (method !== "GET") Object.assign(options, { body, headers: { "Content-Type": kind } });
  const answer = await fetch(address + path, options).catch(() => null);
  return answer === null ? "refused" : `${answer.type} ${answer.status}`;
}
"""
READ = """
async ([address, path]) => {
  const answer = await fetch(address + path).catch(() => null);
  return answer === null ? null : answer.status;
}
"""
WRITES = [
    ("POST", "/v1/events", '{"sessionId":"x","eventType":"view","animal_id":"a00"}'),
    ("POST", "/v1/runs", "{}"),
    ("POST", "/v1/dataset-groups", '{"name":"mine"}'),
    ("POST", "/aws/recommendations", "{}"),
    ("POST", "/train", ""),
]


class _Attacker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>a nice page</title>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Page]:
    """A page of an attacker's site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Attacker)
    threading.Thread(target=server.serve_forever).start()
    page = browser.new_page()
    page.goto(f"http://evil.example:{server.server_port}/")
    yield page
    page.close()
    server.shutdown()
    server.server_close()


def test_a_foreign_page_writes_nothing(elsewhere: Page, address: str) -> None:
    for method, path, body in WRITES:
        with elsewhere.expect_response(f"{address}{path}") as answer:
            elsewhere.evaluate(REACH, [address, method, path, "text/plain", body])
        assert answer.value.status == 403


def test_a_foreign_page_reads_nothing(elsewhere: Page, address: str) -> None:
    for path in ("/v1/runs", "/v1/users/u0/history", "/metrics", "/readyz"):
        assert elsewhere.evaluate(READ, [address, path]) is None


def test_a_form_of_a_foreign_page_does_nothing(elsewhere: Page, address: str) -> None:
    elsewhere.set_content(
        f'<form method="post" action="{address}/train"><button>Go</button></form>'
    )
    with elsewhere.expect_response(f"{address}/train") as answer:
        elsewhere.click("button")
    assert answer.value.status == 403


@pytest.mark.parametrize("path", ["/v1/users/u0/history", "/v1/runs", "/"])
def test_a_name_that_was_rebound_to_us_gets_nothing(
    browser: Browser, address: str, path: str
) -> None:
    page = browser.new_page()
    port = address.rpartition(":")[2]
    answer = page.goto(f"http://rebound.example:{port}{path}")
    assert answer is not None
    assert answer.status == 403
    page.close()
