"""Erasing a user over the native API."""

import time

from starlette.testclient import TestClient

from tests.service_data import CATS, view


def test_an_erased_user_has_no_history_a_moment_later(client: TestClient, user: str) -> None:
    client.post("/v1/events", json=view(user, CATS[0]))
    answer = client.delete(f"/v1/users/{user}")
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "CREATE PENDING"
    deadline = time.monotonic() + 60
    while client.get(f"/v1/users/{user}/history").json()["events"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_history_is_no_user_to_erase(client: TestClient, user: str) -> None:
    assert client.delete(f"/v1/users/{user}/history").status_code == 405
