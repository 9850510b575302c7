"""Deliveries of Amazon Data Firehose, which wants answers of its own form."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.core.scopes import Scope
from tests.service_data import CATS, client_of, make_key, make_service, view

DELIVERY = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
HEADERS = {"X-Amz-Firehose-Request-Id": DELIVERY, "X-Amz-Firehose-Protocol-Version": "1.0"}


def delivery(*records: Any) -> dict[str, Any]:
    data = [
        one if isinstance(one, str) else b64encode(json.dumps(one).encode()).decode()
        for one in records
    ]
    return {
        "requestId": DELIVERY,
        "timestamp": 1_779_019_200_250,
        "records": [{"data": each} for each in data],
    }


def seen(client: TestClient, user: str) -> int:
    return len(client.get(f"/v1/users/{user}/history").json()["events"])


def test_a_delivery_is_answered_with_its_id_and_counts_once(client: TestClient, user: str) -> None:
    body = delivery(view(user, CATS[0]), [view(user, CATS[1]), view(user, CATS[2])])
    for _ in range(2):  # it is sent again where the answer was lost
        answer = client.post("/v1/events", json=body, headers=HEADERS)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["requestId"] == DELIVERY
        assert isinstance(answer.json()["timestamp"], int)
    assert seen(client, user) == 3


def test_a_delivery_may_have_more_events_than_a_call(tmp_path: Path) -> None:
    service = replace(make_service(tmp_path, train=False), max_body_bytes=2_000_000)
    with client_of(build_app(service)) as client:
        records = [view("ann", CATS[0])] * 1_001
        answer = client.post("/v1/events", json=delivery(*records), headers=HEADERS)
        assert answer.status_code == 200
        assert client.get("/v1/users/ann/history?limit=500").json()["nextCursor"] is not None


def test_a_delivery_that_is_too_large_is_not_said_to_be_taken(
    client: TestClient, user: str
) -> None:
    records = [view(user, CATS[0])] * 1_001  # more bytes than this service takes
    assert client.post("/v1/events", json=delivery(*records), headers=HEADERS).status_code == 413


def test_poison_in_a_delivery_is_kept_and_comes_back_no_more(client: TestClient, user: str) -> None:
    answer = client.post(
        "/v1/events", json=delivery("no base64!", view(user, CATS[0])), headers=HEADERS
    )
    assert answer.status_code == 200
    assert seen(client, user) == 1
    newest = client.get("/v1/dead-letters?limit=1").json()["letters"][0]
    assert newest["raw"] == "no base64!"


@pytest.mark.parametrize("records", [["no base64!"], ["no base64!", "neither"]])
def test_where_refused_events_are_not_kept_a_bad_delivery_is_refused(
    tmp_path: Path, records: list[str]
) -> None:
    service = make_service(tmp_path, keep_refused_events=False)
    with client_of(build_app(service)) as client:
        answer = client.post("/v1/events", json=delivery(*records), headers=HEADERS)
    assert answer.status_code == 400
    assert answer.json()["requestId"] == DELIVERY
    assert answer.json()["errorMessage"]


def test_a_delivery_brings_its_key_in_a_header_of_its_own(tmp_path: Path) -> None:
    service = make_service(tmp_path, access_keys="required")
    key = make_key(service, Scope.EVENTS)
    body = delivery(view("ann", CATS[0]))
    with client_of(build_app(service)) as client:
        without = client.post("/v1/events", json=body, headers=HEADERS)
        given = HEADERS | {"X-Amz-Firehose-Access-Key": key}
        assert without.status_code == 401
        assert client.post("/v1/events", json=body, headers=given).status_code == 200
