"""Folds from outside: what visitors do changes what others are answered, without a training."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Server, Start
from tests.service_data import make_service, view

NEW = "2-Unseen-1-1"


def answers(server: Server) -> list[dict[str, Any]]:
    """What a stranger is recommended, asked a few times so that each worker answers."""
    found = []
    for _ in range(4):
        with server.client() as client:
            asked = client.post("/v1/recommendations?detail=full", json={"limit": 20})
            found.append(asked.raise_for_status().json())
    return found


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_some_do_changes_what_others_are_answered_and_outlives_a_crash(
    tmp_path: Path, start: Start
) -> None:
    folder = tmp_path / "data"
    make_service(folder)
    server = start(folder, "--workers", "2", refresh_seconds="0.2")
    before = answers(server)
    assert all(one["recommendations"][0]["id"] != NEW for one in before)
    with server.client() as client:
        events = [view(f"new {number}", NEW) for number in range(60)]
        client.post("/v1/events", json=events).raise_for_status()
    wait_until(lambda: all(one["recommendations"][0]["id"] == NEW for one in answers(server)))
    versions = {one["solutionVersion"] for one in (*before, *answers(server))}
    assert len(versions) == 1
    server.kill()
    again = start(folder, "--workers", "2")
    assert all(one["recommendations"][0]["id"] == NEW for one in answers(again))
