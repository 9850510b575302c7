"""Refused events are kept; operators look at them, mend, replay and remove them."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.core.scopes import Scope
from tests.http_fixtures import error_of
from tests.operations.test_access import PAGE, bearer, signed
from tests.service_data import CATS, client_of, make_key, make_service, view

BAD = {**view("ann", CATS[0]), "sessionId": None}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(build_app(make_service(tmp_path, train=False))) as client:
        yield client


def letters(client: TestClient, **query: str | int) -> list[dict[str, Any]]:
    answer = client.get("/v1/dead-letters", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["letters"]
    return found


def send(client: TestClient, *events: Any, **more: Any) -> Any:
    return client.post("/v1/events", json=list(events), **more)


def metric(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_of_a_call_exactly_the_refused_events_are_kept_as_they_came_in(client: TestClient) -> None:
    assert send(client, view("ann", CATS[0]), BAD, "noise").json()["accepted"] == 1
    noise, bad = sorted(letters(client), key=lambda one: one["raw"])
    assert json.loads(bad["raw"]) == BAD
    assert (bad["field"], bad["source"], bad["datasetGroup"]) == (
        "sessionId",
        "http",
        "pawsonalize",
    )
    assert noise["raw"] == '"noise"'


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'[{"sessionId": "s1"', {"raw": '[{"sessionId": "s1"'}),
        (b"\xff\x00", {"rawBase64": base64.b64encode(b"\xff\x00").decode()}),
    ],
)
def test_a_body_that_cannot_be_read_is_kept_whole(
    client: TestClient, body: bytes, shown: dict[str, str]
) -> None:
    assert client.post("/v1/events", content=body).status_code == 400
    (letter,) = letters(client)
    assert letter["code"] == "invalid_json"
    assert {name: letter[name] for name in letter if name.startswith("raw")} == shown


@pytest.mark.parametrize("body", [b"", b" ", b"[]"])
def test_of_an_empty_body_there_is_nothing_to_keep(client: TestClient, body: bytes) -> None:
    assert client.post("/v1/events", content=body).status_code == 400
    assert letters(client) == []


def test_who_does_not_want_them_keeps_no_refused_events(tmp_path: Path) -> None:
    app = build_app(make_service(tmp_path, train=False, keep_refused_events=False))
    with client_of(app) as client:
        send(client, BAD)
        assert letters(client) == []


def test_a_full_table_takes_no_more_of_them_and_is_a_problem(tmp_path: Path) -> None:
    app = build_app(make_service(tmp_path, train=False, max_dead_letters=2))
    with client_of(app) as client:
        lost = metric(client, "pawsonalize_refused_events_lost_total")
        answer = send(client, BAD, BAD, BAD)
        assert len(answer.json()["rejected"]) == 3
        assert len(letters(client)) == 2
        assert metric(client, "pawsonalize_refused_events_lost_total") == lost + 1
        assert 'pawsonalize_problem{name="keep refused events"} 1.0' in client.get("/metrics").text


def test_metrics_count_what_was_kept_and_what_waits(client: TestClient) -> None:
    before = metric(client, 'pawsonalize_dead_letters_total{source="http"}')
    send(client, BAD, BAD)
    assert metric(client, 'pawsonalize_dead_letters_total{source="http"}') == before + 2
    assert metric(client, "pawsonalize_dead_letters_waiting") == 2


def test_pages_and_filters(client: TestClient) -> None:
    send(client, BAD, BAD, BAD)
    client.post("/v1/events", content=b"[")
    first = client.get("/v1/dead-letters?limit=3").json()
    second = client.get(f"/v1/dead-letters?limit=3&cursor={first['nextCursor']}").json()
    assert (len(first["letters"]), len(second["letters"])) == (3, 1)
    assert second["nextCursor"] is None
    assert len(letters(client, code="invalid_json")) == 1
    assert letters(client, source="kinesis://clicks") == []
    assert letters(client, until="2020-01-01") == letters(client, since="2099-01-01") == []
    assert error_of(client.get("/v1/dead-letters?cursor=x"))["field"] == "cursor"
    for limit in (0, 501):
        assert error_of(client.get(f"/v1/dead-letters?limit={limit}"))["field"] == "limit"


def test_a_mended_letter_is_taken_and_is_a_letter_no_more(client: TestClient) -> None:
    send(client, BAD)
    (letter,) = letters(client)
    path = f"/v1/dead-letters/{letter['letterId']}"
    good = json.dumps({**BAD, "sessionId": "s1"})
    assert error_of(client.put(path, json={"raw": letter["raw"]}))["field"] == "sessionId"
    mended = client.put(path, json={"rawBase64": base64.b64encode(good.encode()).decode()})
    assert (mended.status_code, mended.json()["mended"]) == (200, good)
    replayed = client.post("/v1/dead-letters/replay", json={"letterIds": [letter["letterId"]]})
    assert replayed.json() == {"accepted": 1, "duplicates": 0, "left": [], "nextCursor": None}
    assert letters(client) == []
    (event,) = client.get("/v1/users/ann/history").json()["events"]
    assert event["sentAt"] == letter["at"], "without a time of its own it happened when it came in"


def test_a_removed_letter_is_gone(client: TestClient) -> None:
    send(client, BAD)
    (letter,) = letters(client)
    path = f"/v1/dead-letters/{letter['letterId']}"
    assert client.delete(path).json() == letter
    assert [client.get(path).status_code, client.delete(path).status_code] == [404, 404]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "letterIds"),
        ({"letterIds": []}, "letterIds"),
        ({"letterIds": ["a"] * 1_001}, "letterIds"),
        ({"letterIds": ["a"], "cursor": "1.a"}, "letterIds"),
        ({"letterIds": ["a"], "all": True}, "letterIds"),
        ({"all": True, "cursor": "x"}, "cursor"),
    ],
)
def test_a_replay_has_to_say_which(client: TestClient, body: dict[str, Any], field: str) -> None:
    assert error_of(client.post("/v1/dead-letters/replay", json=body))["field"] == field


@pytest.mark.parametrize(
    "body", [{}, {"raw": "a", "rawBase64": "YQ=="}, {"rawBase64": "?"}], ids=str
)
def test_a_mending_has_one_form(client: TestClient, body: dict[str, Any]) -> None:
    error = error_of(client.put("/v1/dead-letters/abc", json=body))
    assert error["field"] in {"raw", "rawBase64"}
    assert "rawBase64" in error["message"]
    assert "JSON" not in error["message"]


def test_of_a_page_only_what_speaks_of_its_own_visitor_is_kept(tmp_path: Path) -> None:
    service = make_service(tmp_path, train=False, access_keys="required")
    page_key = make_key(service, Scope.BROWSER, origins=[PAGE])
    site_key = make_key(service, Scope.SITE)
    operator = bearer(make_key(service, Scope.OPERATOR))
    with client_of(build_app(service)) as client:
        send(client, BAD, view("ann", CATS[0]), headers=bearer(page_key))
        assert letters_of(client, operator) == 0, "it may not speak of ann, good or bad"
        send(client, {"sessionId": "s1"}, headers=bearer(page_key))
        assert letters_of(client, operator) == 1
        send(client, BAD, headers=bearer(page_key, **signed(site_key, "ann")))
        assert letters_of(client, operator) == 2
        send(client, {**BAD, "userId": "bob"}, headers=bearer(site_key))
        assert letters_of(client, operator) == 3


def letters_of(client: TestClient, headers: dict[str, str]) -> int:
    return len(client.get("/v1/dead-letters", headers=headers).json()["letters"])
