"""Whatever is sent, nothing is our fault: no 5xx, no traceback, and the service goes on."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.hostile import Hostile
from tests.service_data import make_service, view

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_AT_ONCE = 4


def answer_of(port: int, request: bytes) -> bytes:
    """What comes back for these bytes; nothing if the server hangs up, as it may."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(65536)
        except ConnectionError:
            return b""


_REPORTS = re.compile(rb"GET /v1/(console/|outcomes|animals/exposure|animals/\S*/matches)")


def _is_busy(status: bytes, request: bytes) -> bool:
    """Of reports few wait at a time, also those whose clients have hung up."""
    return status == b"503" and _REPORTS.match(request) is not None


@pytest.mark.parametrize("count", [2_000, pytest.param(50_000, marks=pytest.mark.nightly)])
def test_no_request_is_answered_by_a_fault_of_ours(
    tmp_path: Path, start: Start, count: int
) -> None:
    folder = tmp_path / "data"
    make_service(folder)
    server = start(folder)

    def send(request: bytes) -> tuple[bytes, bytes]:
        return request, answer_of(server.port, request)

    with ThreadPoolExecutor(_AT_ONCE) as clients:
        answers = list(clients.map(send, Hostile(seed=14).requests(count)))
    statuses = [
        (status[1], request) for request, answer in answers if (status := _STATUS.match(answer))
    ]
    assert len(statuses) > count / 2, "most of them are HTTP enough to be answered"
    assert [found for found in statuses if found[0] >= b"500" and not _is_busy(*found)] == []
    with server.client() as client:
        event = view("ann", "2-Beagle-2-3")
        assert client.post("/v1/events", json=event).status_code == 202
        assert client.post("/v1/recommendations", json={"userId": "ann"}).status_code == 200
    assert server.stop() == 0
    log = server.output.read_text()
    assert "Traceback" not in log
    assert "unexpected error" not in log
