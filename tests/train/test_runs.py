"""Retrainings over HTTP; no server works on them here, so they stay as they begin."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[TestClient]:
    """A service of one's own, in which no run has begun."""
    with client_of(build_app(make_service(tmp_path, train=False))) as client:
        yield client


def test_a_run_is_begun_and_shown(fresh: TestClient) -> None:
    begun = fresh.post("/v1/runs", json={"at": "2026-05-17T12:00:00Z"})
    assert begun.status_code == 202
    shown = fresh.get(f"/v1/runs/{begun.json()['runId']}").json()
    assert shown == begun.json()
    assert (shown["status"], shown["step"], shown["trigger"]) == ("running", "check-data", "api")
    assert shown["asOf"] == "2026-05-17T12:00:00.000Z"
    assert shown["settings"]["promotion_threshold"] == 0.01
    assert fresh.get("/v1/runs").json() == {"runs": [shown]}


def test_a_path_names_all_its_methods(fresh: TestClient) -> None:
    refused = fresh.delete("/v1/runs")
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert fresh.head("/v1/runs").status_code == 200


def test_without_a_moment_it_is_as_of_now(fresh: TestClient) -> None:
    begun = fresh.post("/v1/runs", json={}).json()
    assert begun["asOf"] == begun["startedAt"]


def test_a_second_run_is_refused_and_told_of_the_first(fresh: TestClient) -> None:
    run_id = fresh.post("/v1/runs", json={}).json()["runId"]
    refused = fresh.post("/v1/runs", json={})
    assert refused.status_code == 409
    assert run_id in error_of(refused)["message"]


def test_a_run_is_asked_to_stop(fresh: TestClient) -> None:
    run_id = fresh.post("/v1/runs", json={}).json()["runId"]
    assert fresh.post(f"/v1/runs/{run_id}/cancel").status_code == 202


def test_what_is_wrong_is_named(fresh: TestClient, subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str, object, int, str | None]] = [
        ("GET", "/v1/runs/none", None, 404, None),
        ("POST", "/v1/runs/none/cancel", None, 404, None),
        ("GET", "/v1/runs?limit=0", None, 400, "limit"),
        ("GET", "/v1/runs?limit=many", None, 400, "limit"),
        ("POST", "/v1/runs", {"at": "yesterday"}, 400, "at"),
        ("POST", "/v1/runs", [], 400, None),
    ]
    for method, path, body, status, field in cases:
        with subtests.test(method=method, path=path, body=body):
            answer = fresh.request(method, path, json=body)
            assert answer.status_code == status
            assert error_of(answer).get("field") == field


def test_secrets_and_addresses_are_not_in_the_record(fresh: TestClient) -> None:
    settings = fresh.post("/v1/runs", json={}).json()["settings"]
    assert not [name for name in settings if "url" in name or "secret" in name or "dir" in name]
