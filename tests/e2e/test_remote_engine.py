"""Two real services: one is the other's Amazon Personalize, and is killed at the worst moments."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import PATIENCE_SECONDS, Server, Start
from tests.free_ports import free_port
from tests.service_data import CATS, DOGS, view

_USERS = 30


def eventually(found: Callable[[], Any]) -> Any:
    """What it finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


def events(users: range, round_: int) -> list[dict[str, Any]]:
    """Cat people and dog people, as they were seen in a round."""
    now = int(time.time())
    return [
        view(f"u{user}", item, eventId=f"{round_}-{user}-{n}", sentAt=now - 1000 + n)
        for user in users
        for n, item in enumerate((CATS, DOGS)[user % 2][user % 3 :: 2])
    ]


def post(client: httpx.Client, batch: list[dict[str, Any]]) -> None:
    answer = client.post("/v1/events", json=batch)
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == len(batch)


def asked(client: httpx.Client) -> str:
    """Which version, or what in its place, answers a visitor; they always get an answer."""
    answer = client.post(
        "/v1/recommendations?detail=full", json={"userId": "u0", "limit": 3, "sessionId": "s"}
    )
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["recommendations"]) == 3
    return str(answer.json()["solutionVersion"])


def run_of(client: httpx.Client, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/runs/{run_id}").json()
    return found


def retrained(client: httpx.Client) -> str:
    answer = client.post("/v1/runs", json={})
    assert answer.status_code in {200, 201, 202}, answer.text
    return str(answer.json()["runId"])


def history_there(server: Server, user: str) -> list[str]:
    with server.client() as client:
        answer = client.get(
            f"/v1/users/{user}/history", params={"datasetGroup": "pets", "limit": 100}
        )
        return [one["eventId"] for one in reversed(answer.json()["events"])]


@pytest.mark.nightly
def test_amazon_is_killed_in_training_update_and_forwarding(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(free_port())
    amazon = start(tmp_path / "amazon", port=port)
    for service in ("", "_EVENTS", "_RUNTIME"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_PERSONALIZE{service}", f"{amazon.url}/aws")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    ours = start(
        tmp_path / "ours",
        engine="amazon-personalize",
        amazon_region="us-east-1",
        amazon_dataset_group="pets",
        amazon_check_seconds="0.2",
        amazon_forward_seconds="0.2",
        gate_beat_live="false",
        check_min_events="1",
        check_min_users="1",
    )
    with ours.client() as client:
        post(client, events(range(_USERS), 0))
        first = retrained(client)
        # In the training: what is ordered is lost from sight, and found again.
        eventually(
            lambda: any(
                "at Amazon" in half["trainingProgress"] for half in run_of(client, first)["halves"]
            )
        )
        amazon.kill()
        # In forwarding: events are taken as ever.
        post(client, events(range(_USERS), 1))
        amazon = start(tmp_path / "amazon", port=port)
        eventually(lambda: run_of(client, first)["endedAt"])
        assert run_of(client, first)["status"] == "promoted", run_of(client, first)
        live = eventually(lambda: (found := asked(client)).startswith("recommender-") and found)

        expected = [one["eventId"] for round_ in (0, 1) for one in events(range(1), round_)]
        eventually(lambda: len(history_there(amazon, "u0")) == len(expected))
        assert sorted(history_there(amazon, "u0")) == sorted(expected)
        # In an update: it stays asked for, popular groups answer, and then it goes live.
        second = retrained(client)
        post(client, events(range(_USERS), 2))
        eventually(lambda: run_of(client, second)["endedAt"])
        newer = run_of(client, second)["halves"][0]["solutionVersion"]
        eventually(lambda: asked(client) == newer)
        amazon.kill()
        back = client.post("/v1/campaigns/recommender/rollback", json={})
        assert back.status_code in {200, 202}, back.text
        eventually(lambda: asked(client) == "popular-groups")
        amazon = start(tmp_path / "amazon", port=port)
        eventually(lambda: asked(client) == live)
