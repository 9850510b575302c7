"""A service answers as ever while thousands of clients do as little as they can."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import slow_clients
from tests.e2e.conftest import Server, Start
from tests.e2e.writers import form
from tests.service_data import make_service


@contextmanager
def beside_slow_clients(server: Server, count: int) -> Iterator[None]:
    assert slow_clients.__file__ is not None
    command = [sys.executable, slow_clients.__file__, str(server.port), str(count)]
    with subprocess.Popen(command) as process:
        try:
            time.sleep(1 + count / 500)
            yield
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("clients", "settings"),
    [
        (300, {"max_connections": "150", "header_seconds": "2", "body_seconds": "2"}),
        pytest.param(2_000, {}, marks=pytest.mark.nightly),
        pytest.param(2_000, {"max_connections": "1000"}, marks=pytest.mark.nightly),
        pytest.param(1_100, {"workers": "2", "max_connections": "300"}, marks=pytest.mark.nightly),
    ],
)
def test_slow_clients_cost_nobody_else_an_answer(
    start: Start, tmp_path: Path, clients: int, settings: dict[str, str]
) -> None:
    folder = tmp_path / "data"
    make_service(folder)
    server = start(folder, **settings)
    took: list[float] = []
    with beside_slow_clients(server, clients):
        until = time.monotonic() + (20 if clients > 1000 else 4)
        while time.monotonic() < until:
            began = time.monotonic()
            with server.client() as client:  # each time a new connection
                stored = client.post("/v1/events", json=form(f"event-{len(took)}"))
                assert stored.status_code == 202, stored.text
                answered = client.post("/v1/recommendations", json={"userId": "ann"})
                assert answered.status_code == 200, answered.text
            took.append(time.monotonic() - began)
    took.sort()
    print(
        f"{clients} slow clients: {len(took)} pairs of requests, median {took[len(took) // 2]:.3f}"
    )
    print(f"seconds, p99 {took[int(len(took) * 0.99)]:.3f}, longest {took[-1]:.3f}")
    with server.client() as client:
        assert "pawsonalize_connections_closed_total" in client.get("/metrics").text
