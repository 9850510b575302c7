"""Erasing users and sessions over the native API."""

import time
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.events.tables.event_log import EventLog
from tests.http_fixtures import error_of
from tests.service_data import CATS, view


def erased(client: TestClient, answer: Any) -> dict[str, Any]:
    """The erasure that was answered, once it is done."""
    assert answer.status_code == 202, answer.text
    noted = answer.json()
    assert noted.keys() == {"erasureId", "status", "datasetGroup"}
    assert noted["status"] == "pending"
    deadline = time.monotonic() + 120
    while True:
        found: dict[str, Any] = client.get(f"/v1/erasures/{noted['erasureId']}").json()
        if found["status"] == "done":
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_an_erased_user_has_no_history_and_the_erasure_says_what_was_done(
    client: TestClient, user: str
) -> None:
    client.post("/v1/events", json=view(user, CATS[0]))
    found = erased(client, client.delete(f"/v1/users/{user}"))
    assert client.get(f"/v1/users/{user}/history").json()["events"] == []
    assert (found["users"], found["sessions"], found["deleted"]) == (1, 1, 2)
    assert None not in found["steps"].values()
    assert found["troubles"] == []
    assert user not in str(found)
    assert found in client.get("/v1/erasures?limit=100").json()["erasures"]


def test_a_visitor_without_a_user_is_erased_by_the_session(client: TestClient, user: str) -> None:
    client.post("/v1/events", json=view(None, CATS[0], sessionId=user))
    found = erased(client, client.delete(f"/v1/sessions/{user}"))
    assert client.get(f"/v1/sessions/{user}/history").json()["events"] == []
    assert (found["users"], found["sessions"]) == (0, 1)


def test_a_users_session_is_not_erased_apart_from_the_user(client: TestClient, user: str) -> None:
    client.post("/v1/events", json=view(user, CATS[0]))
    refused = client.delete(f"/v1/sessions/session of {user}")
    assert refused.status_code == 409
    assert "erase the user" in error_of(refused)["message"]
    assert user not in error_of(refused)["message"]


@pytest.mark.parametrize("kind", ["users", "sessions"])
def test_a_history_is_no_visitor_to_erase(client: TestClient, user: str, kind: str) -> None:
    assert client.delete(f"/v1/{kind}/{user}/history").status_code == 405


def test_an_erasure_that_is_not_there_and_a_limit_out_of_bounds_are_refused(
    client: TestClient,
) -> None:
    assert client.get("/v1/erasures/none").status_code == 404
    assert client.get("/v1/erasures?limit=0").status_code == 400


def test_what_fails_is_logged_without_the_visitor(
    client: TestClient, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise StorageUnavailable("the database did not answer")

    monkeypatch.setattr(EventLog, "history", down)
    with capture_logs() as logs:
        assert client.get(f"/v1/users/{user}/history").status_code == 503
    assert any(one.get("route") == "/v1/users/{user_id}/history" for one in logs)
    assert user not in str(logs)
