"""GET …/history."""

from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.http_fixtures import error_of
from tests.service_data import CATS, view


def get(client: TestClient, user: str, **query: Any) -> Any:
    answer = client.get(f"/v1/users/{quote(user, safe='')}/history", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(client: TestClient, user: str, count: int, **more: Any) -> None:
    events = [
        view(user, CATS[0], eventId=f"{user} {n}", sentAt=1_779_019_200 + n, **more)
        for n in range(count)
    ]
    assert client.post("/v1/events", json=events).json()["accepted"] == count


def test_pages_follow_each_other_to_the_end(client: TestClient, user: str) -> None:
    send(client, user, 7)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(client, user, limit=3, **cursor)
        seen += [event["eventId"] for event in page["events"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
        client.post("/v1/events", json=view(user, CATS[1]))  # arrivals disturb nothing
    assert seen == [f"{user} {n}" for n in reversed(range(7))]


def test_50_events_are_a_page_unless_another_limit_is_asked_for(
    client: TestClient, user: str
) -> None:
    send(client, user, 51)
    assert len(get(client, user)["events"]) == 50
    assert len(get(client, user, limit=500)["events"]) == 51


def test_type_and_time_narrow_it(client: TestClient, user: str) -> None:
    send(client, user, 4)
    send(client, f"{user} likes", 1, eventType="like")
    since, until = "2026-05-17T12:00:01Z", 1_779_019_203
    events = get(client, user, since=since, until=until)["events"]
    assert [event["eventId"] for event in events] == [f"{user} 2", f"{user} 1"]
    assert get(client, user, eventType="like")["events"] == []
    assert len(get(client, f"{user} likes", eventType="like")["events"]) == 1


def test_any_id_can_be_asked_for_by_its_percent_encoding(
    client: TestClient, user: str, subtests: pytest.Subtests
) -> None:
    for name in ["a/b", "a b", "ü-東京", "history", "a?b#c", "4711", "🐕"]:
        with subtests.test(name=name):
            send(client, f"{user} {name}", 1)
            assert len(get(client, f"{user} {name}")["events"]) == 1


def test_a_sessions_history_is_its_users(client: TestClient, user: str) -> None:
    send(client, user, 2)
    answer = client.get(f"/v1/sessions/session of {user}/history").json()
    assert answer == get(client, user)
    assert client.get(f"/v1/sessions/{user}/history").json() == {"events": [], "nextCursor": None}


def test_a_wrong_query_is_refused_by_its_name(
    client: TestClient, user: str, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[str, str]] = [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%D9%A3", "limit"),  # an Arabic three
        (f"limit={'9' * 5000}", "limit"),
        ("cursor=", "cursor"),
        ("cursor=1", "cursor"),
        ("cursor=%00", "cursor"),
        ("eventType=", "eventType"),
        ("eventType=%00", "eventType"),
        ("since=soon", "since"),
        ("until=1e400", "until"),
        ("until=%FF", "until"),
    ]
    for query, field in cases:
        with subtests.test(query=query, field=field):
            answer = client.get(f"/v1/users/{user}/history?{query}")
            assert answer.status_code == 400
            assert error_of(answer)["field"] == field


@pytest.mark.parametrize("path", ["%20", "%00", "%ED%A0%80%00", "x" * 257, ""])
def test_a_wrong_id_is_refused(client: TestClient, path: str) -> None:
    for kind, field in (("users", "userId"), ("sessions", "sessionId")):
        answer = client.get(f"/v1/{kind}/{path}/history")
        assert answer.status_code == 400
        assert error_of(answer)["field"] == field
