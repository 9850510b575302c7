"""What the console's operations say, and that a key of one dataset group sees its own alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from tests.hostile_world import MARKUP, OTHER_VERSION, RECOMMENDATION, SHOP, make_world
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_key

INVENTORY = "/v1/console/animals"
VISITORS = "/v1/console/visitors"
EVENTS = "/v1/console/events"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_world(
        tmp_path_factory.mktemp("console"),
        access_keys="required",
        database_url="",
        notify_webhook_url="https://hooks.example/token",
        notify_webhook_secret="c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
        stream_url="",
    )


@pytest.fixture(scope="module")
def app(service: Settings) -> Iterator[TestClient]:
    app = build_app(service, sources={"access_keys": "the variable PAWSONALIZE_ACCESS_KEYS"})
    with client_of(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(app: TestClient, service: Settings) -> TestClient:
    app.headers["Authorization"] = f"Bearer {make_key(service, Scope.OPERATOR)}"
    return app


def found(client: TestClient, path: str, **query: str | int) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_inventory_says_who_waits_and_who_is_hardly_seen(client: TestClient) -> None:
    listing = found(client, INVENTORY)
    assert listing["statuses"] == {"available": 13}
    assert listing["longestWaitDays"] == 30
    waits = [one["waitingDays"] for one in listing["animals"]]
    assert waits == sorted(waits, reverse=True)
    hardly = found(client, INVENTORY, hardlySeen="true", limit=500)["animals"]
    assert listing["hardlySeen"] == len(hardly) == 7
    assert {one["id"] for one in hardly}.isdisjoint(f"cat-{n}" for n in range(5))
    assert all(one["hardlySeen"] for one in hardly)


def test_pages_of_the_inventory_miss_nobody_and_hold_nobody_twice(client: TestClient) -> None:
    for order in ("waiting", "newest", "shown"):
        page = found(client, INVENTORY, limit=4, order=order)
        seen = [one["id"] for one in page["animals"]]
        while page["nextCursor"] is not None:
            page = found(client, INVENTORY, limit=4, order=order, cursor=page["nextCursor"])
            seen += [one["id"] for one in page["animals"]]
        assert len(seen) == len(set(seen)) == 13


def test_a_bad_parameter_is_named(client: TestClient, subtests: pytest.Subtests) -> None:
    cases: list[dict[str, str]] = [
        {"order": "luck"},
        {"status": "lost"},
        {"limit": "0"},
        {"limit": "\x857"},
        {"limit": "9" * 5000},
        {"waitingDays": "-1"},
        {"hardlySeen": "perhaps"},
        {"cursor": "x"},
        {"search": "x" * 300},
        {"search": "\x00"},
    ]
    for query in cases:
        with subtests.test(query=query):
            answer = client.get(INVENTORY, params=query)
            assert answer.status_code == 400
            assert error_of(answer)["field"] == next(iter(query))


def test_a_meaning_is_stored_shown_and_noted(client: TestClient) -> None:
    told = {"source": "north", "field": "breed", "value": MARKUP, "meaning": "Siamese"}
    assert client.put("/v1/console/meanings", json=told).status_code == 204
    feed = found(client, "/v1/console/feeds")["feeds"][0]
    assert (feed["name"], feed["source"], feed["newest"]["rejected"]) == ("files", "north", 1)
    values = {one["value"]: one["meaning"] for one in feed["unrecognised"]}
    assert values[MARKUP] == "Siamese"
    assert values["dgo / x"] is None
    newest = found(client, "/v1/audit", limit=1)["actions"][0]
    assert (newest["what"], newest["outcome"]) == ("PUT /v1/console/meanings", "204")
    wrong = client.put("/v1/console/meanings", json={**told, "meaning": "Siameese cat of mine"})
    assert wrong.status_code == 400


def test_the_newest_visitors_come_with_what_they_did(client: TestClient) -> None:
    newest = found(client, f"{VISITORS}/newest")
    seen = [one["lastSeenAt"] for one in newest["visitors"]]
    assert seen == sorted(seen, reverse=True)
    by_id = {one["userId"] or one["sessionId"]: one for one in newest["visitors"]}
    assert by_id["crawler"]["deeds"] == {"view": 400}
    assert (by_id["s-odd"]["userId"], by_id["s-odd"]["deeds"]) == (None, {"wiggle": 1})
    assert by_id["looker"]["sessions"] == 1
    assert "shopper" not in by_id
    shop = found(client, f"{VISITORS}/newest", datasetGroup=SHOP)
    assert [one["userId"] for one in shop["visitors"]] == ["shopper"]


def test_a_visitor_has_history_pages_and_what_they_would_see_with_its_parts(
    client: TestClient,
) -> None:
    report = found(client, VISITORS, sessionId="looking")
    assert report["knownUserId"] == "looker"
    assert [one["eventId"] for one in report["history"]] == ["ok"]
    (shown,) = report["shown"]
    assert shown["recommendationId"] == RECOMMENDATION
    assert [place["deeds"] for place in shown["places"]] == [[], ["view"]]
    best = report["expected"]["places"][0]
    assert report["expected"]["isLive"] is True
    assert sum(best["factors"].values()) == pytest.approx(best["utility"])
    assert best["reasons"]


def test_two_versions_stand_beside_each_other_for_one_visitor(client: TestClient) -> None:
    report = found(client, VISITORS, userId="looker", against=OTHER_VERSION)
    assert report["other"]["solutionVersion"] == OTHER_VERSION
    assert {one["name"]: one["isLive"] for one in report["versions"]}[OTHER_VERSION] is False
    ids = [place["id"] for place in report["other"]["places"]]
    for place in report["expected"]["places"]:
        assert place["otherPlace"] == (ids.index(place["id"]) + 1 if place["id"] in ids else None)
        assert not place["explored"]
    assert client.get(VISITORS, params={"userId": "looker", "against": "no"}).status_code == 404


def test_to_look_at_a_visitor_shows_them_nothing(client: TestClient, service: Settings) -> None:
    before = found(client, INVENTORY, limit=500)["animals"]
    for _ in range(3):
        assert found(client, VISITORS, userId="nobody yet")["expected"]["places"]
    with opened(service) as adapters:
        assert adapters.impressions.newest_pages(10)[-1].recommendation_id == RECOMMENDATION
    assert found(client, INVENTORY, limit=500)["animals"] == before
    assert found(client, VISITORS, userId="nobody yet")["shown"] == []


def test_one_asks_whether_an_event_was_accepted_and_hears_why_not(client: TestClient) -> None:
    taken = found(client, EVENTS, eventId="ok")
    assert taken["verdict"].startswith("Yes: it was accepted at")
    refused = found(client, EVENTS, eventId="lost-1")
    assert refused["verdict"].startswith("No: it was refused. The newest reason: it is wrong")
    assert refused["refused"][0]["code"] == "invalid_input"
    unknown = found(client, EVENTS, eventId="never")
    assert unknown["verdict"].startswith("No event of that id is stored")
    both = found(client, EVENTS, userId="looker")
    assert both["verdict"].startswith("Yes: events of this visitor are stored")
    assert len(both["refused"]) == 1


def test_the_tail_is_newest_first_and_goes_on(client: TestClient) -> None:
    page = found(client, EVENTS, limit=300)
    numbers = [one["number"] for one in page["events"]]
    rest = found(client, EVENTS, limit=300, cursor=page["nextCursor"])
    numbers += [one["number"] for one in rest["events"]]
    assert numbers == sorted(set(numbers), reverse=True)
    only = found(client, EVENTS, eventType="wiggle")["events"]
    assert [one["meaning"] for one in only] == [None]


def test_the_data_report_counts_faults_and_names_bots(client: TestClient) -> None:
    report = found(client, "/v1/console/data")
    checks = {one["code"]: one for one in report["checks"]}
    assert checks["unknown_types"]["events"] == 4
    assert "wiggle" in checks["unknown_types"]["examples"]
    assert checks["no_user"]["events"] == 1
    assert report["bots"] == [{"userId": "crawler", "sessionId": None, "events": 400}]
    assert sum(one["letters"] for one in report["letters"]) == 6
    archive = found(client, "/v1/console/archive")
    assert archive["newest"] - archive["archivedThrough"] == archive["waiting"]


def test_settings_say_where_they_come_from_and_no_secret(
    client: TestClient, service: Settings
) -> None:
    answer = client.get("/v1/console/settings")
    report = answer.json()
    settings = {one["name"]: one for one in report["settings"]}
    assert settings["access_keys"]["source"] == "the variable PAWSONALIZE_ACCESS_KEYS"
    assert settings["notify_webhook_url"] == {
        "name": "notify_webhook_url",
        "value": "set",
        "source": "the program that started it",
        "isDefault": False,
        "isSecret": True,
    }
    assert "hooks.example" not in answer.text
    assert "c2VjcmV0" not in answer.text
    assert {one["name"] for one in report["channels"]} == {"log", "webhook"}
    assert any(one["scopes"] == ["operator"] for one in report["keys"])


def test_a_test_notification_says_which_channel_took_it(client: TestClient) -> None:
    answer = client.post("/v1/console/notifications/test")
    channels = {one["channel"]: one for one in answer.json()["channels"]}
    assert channels["log"]["taken"] is True
    assert channels["webhook"]["taken"] is False
    assert channels["webhook"]["reason"]
    newest = found(client, "/v1/audit", limit=1)["actions"][0]
    assert newest["what"] == "POST /v1/console/notifications/test"


def test_a_key_of_one_dataset_group_sees_its_own_alone(app: TestClient, service: Settings) -> None:
    key = make_key(service, Scope.OPERATOR, dataset_group=SHOP)
    app.headers["Authorization"] = f"Bearer {key}"
    assert [one["eventId"] for one in found(app, EVENTS)["events"]] == ["shops"]
    assert found(app, EVENTS, eventId="ok")["events"] == []
    assert found(app, EVENTS, userId="looker")["refused"][0]["letterId"]
    assert found(app, "/v1/console/data")["lookedAt"] == 1
    mine = found(app, VISITORS, userId="looker")
    assert (mine["history"], mine["shown"], mine["versions"]) == ([], [], [])
    for path in (INVENTORY, "/v1/console/feeds", "/v1/console/archive", "/v1/console/settings"):
        assert app.get(path).status_code == 403, path
    for path in (EVENTS, "/v1/console/data", VISITORS):
        named = {"datasetGroup": "pawsonalize", "userId": "looker"}
        if path.endswith("data"):
            del named["userId"]
        assert app.get(path, params=named).status_code == 403, path
