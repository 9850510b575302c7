"""Names that nobody knows: misspelt ones are refused, others are named in a header."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.core.http.operation import UNKNOWN_FIELDS_HEADER
from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS, metadata, view

LISTED = [{"itemId": "a", "animalMetadata": metadata(DOGS[0])}]


def test_a_misspelt_field_is_refused_with_the_right_name(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[str, Any, str, str]] = [
        ("recommendations", {"houshold": {"kids": True}}, "houshold", "household"),
        ("recommendations", {"user_id": "ann"}, "user_id", "userId"),
        ("recommendations", {"max_distance": 5}, "max_distance", "maxDistanceKm"),
        ("recommendations", {"household": {"Kids": True}}, "household.Kids", "household.kids"),
        (
            "recommendations",
            {"household": {"children": True}},
            "household.children",
            "household.kids",
        ),
        ("recommendations", {"kids": True}, "kids", "household.kids"),
        ("recommendations", {"sex": ["female"]}, "sex", "sexes"),
        ("recommendations", {"age": ["adult"]}, "age", "ages"),
        ("recommendations", {"housetrained": True}, "housetrained", "houseTrained"),
        ("recommendations", {"deny": {"animal": ["a"]}}, "deny.animal", "deny.animals"),
        ("recommendations", {"preferences": {"Size": [1]}}, "preferences.Size", "preferences.size"),
        (
            "recommendations",
            {"promotions": [{"percent_promoted": 5}]},
            "promotions[0].percent_promoted",
            "promotions[0].percentPromotedItems",
        ),
        ("rerankings", {"itemMetadata": LISTED}, "itemMetadata", "itemMetadataList"),
        (
            "rerankings",
            {"userId": "ann", "itemMetadataList": [{"itemId": "a", "animalMetdata": {}}]},
            "itemMetadataList[0].animalMetdata",
            "itemMetadataList[0].animalMetadata",
        ),
        ("runs", {"At": 0}, "At", "at"),
        ("filters", {"name": "x", "expresion": ""}, "expresion", "expression"),
        ("animals/a-1/status", {"staus": "adopted"}, "staus", "status"),
    ]
    for path, body, field, right in cases:
        with subtests.test(path=path, body=body, field=field):
            answer = client.post(f"/v1/{path}", json=body)
            assert answer.status_code == 400
            error = error_of(answer)
            assert (error["code"], error["field"]) == ("unknown_field", field)
            assert error["message"].endswith(f": write {right}")


def test_a_misspelt_parameter_is_refused_with_the_right_name(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[str, str, str, str]] = [
        ("POST", "recommendations?details=full", "details", "detail"),
        ("POST", "recommendations?limt=3", "limt", "limit in the body"),
        ("POST", "events?userId=ann", "userId", "userId in the body"),
        ("GET", "users/ann/history?event_type=view", "event_type", "eventType"),
        ("GET", "runs?limt=3", "limt", "limit"),
        ("GET", "animals?Shelter=x", "Shelter", "shelter"),
        ("GET", "campaigns?curser=x", "curser", "cursor"),
    ]
    for method, path, field, right in cases:
        with subtests.test(method=method, path=path, field=field):
            answer = client.request(method, f"/v1/{path}", json={} if method == "POST" else None)
            assert answer.status_code == 400
            error = error_of(answer)
            assert (error["code"], error["field"]) == ("unknown_field", field)
            assert error["message"].endswith(f": write {right}")


def test_what_is_merely_unknown_is_named_in_a_header_and_changes_nothing(
    client: TestClient, user: str
) -> None:
    plain = client.post("/v1/recommendations", json={"userId": user})
    more = {"zodiac": "red", "ü\r\n": 1, "metadataColumns": {"ITEMS": []}, "household": None}
    answer = client.post("/v1/recommendations?utm_source=mail", json={"userId": user, **more})
    assert answer.json() == plain.json()
    assert UNKNOWN_FIELDS_HEADER not in plain.headers
    assert answer.headers[UNKNOWN_FIELDS_HEADER] == "utm_source, zodiac, %C3%BC%0D%0A"


def test_unknown_fields_of_a_list_are_named_once(client: TestClient, user: str) -> None:
    listed = [
        {"itemId": n, "animalMetadata": metadata(DOGS[0]) | {"zodiac": n}, "nickname": n}
        for n in range(50)
    ]
    answer = client.post("/v1/rerankings", json={"userId": user, "itemMetadataList": listed})
    assert answer.status_code == 200
    named = "itemMetadataList[0].animalMetadata.zodiac, itemMetadataList[0].nickname"
    assert answer.headers[UNKNOWN_FIELDS_HEADER] == named


def test_a_header_of_very_many_unknown_fields_stays_short(client: TestClient) -> None:
    for count, rest in ((50, "30"), (500, "many")):
        body = {f"x{n}" * 100: n for n in range(count)}
        answer = client.post("/v1/recommendations", json=body)
        assert answer.status_code == 200
        named = answer.headers[UNKNOWN_FIELDS_HEADER]
        assert named.endswith(f", and {rest} more")
        assert len(named) < 5_000


def test_of_events_the_one_with_a_misspelt_field_is_refused_alone(
    client: TestClient, user: str
) -> None:
    good = view(user, CATS[0]) | {"page": "/cats"}
    wrong = view(user, CATS[1]) | {"animalId": 7}
    answer = client.post("/v1/events", json={"events": [good, wrong], "source": "kiosk"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (refused,) = answer.json()["rejected"]
    assert (refused["index"], refused["code"], refused["field"]) == (1, "unknown_field", "animalId")
    assert refused["message"].endswith("write animal_id")
    assert answer.headers[UNKNOWN_FIELDS_HEADER] == "source, page"


def test_events_are_taken_however_many_unknown_fields_they_have(
    client: TestClient, user: str
) -> None:
    sent = [view(user, CATS[0]) | {f"x{n}": n} for n in range(300)]
    answer = client.post("/v1/events", json=sent)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 300)
    assert answer.headers[UNKNOWN_FIELDS_HEADER].endswith(", and many more")


@pytest.mark.parametrize("key", ["Partitionkey", "PartitionKey", "partitionKey"])
def test_an_envelope_may_carry_what_streams_add(client: TestClient, user: str, key: str) -> None:
    sent = {key: "p", "SequenceNumber": "1", "Data": view(user, CATS[0])}
    answer = client.post("/v1/events", json=sent)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert answer.headers[UNKNOWN_FIELDS_HEADER] == "SequenceNumber"


@pytest.mark.parametrize("name", ["Events", "event"])
def test_a_misspelt_list_of_events_is_refused_with_the_right_name(
    client: TestClient, user: str, name: str
) -> None:
    answer = client.post("/v1/events", json={name: [view(user, CATS[0])]})
    assert answer.status_code == 400
    assert error_of(answer)["message"].endswith("write events")


@pytest.mark.parametrize("path", ["recommendations", "rerankings"])
def test_a_context_says_what_it_may_say(client: TestClient, user: str, path: str) -> None:
    def ask(**context: Any) -> Any:
        body = {"userId": user, "context": context}
        more = {"itemMetadataList": LISTED} if path == "rerankings" else {}
        return client.post(f"/v1/{path}", json=body | more)

    usual = ask(device="mobile", DISTANCE_KM=3, distanceKm=4)
    assert (usual.status_code, UNKNOWN_FIELDS_HEADER in usual.headers) == (200, False)
    unknown = ask(DEVICE="mobile", weather="fine")
    assert unknown.headers[UNKNOWN_FIELDS_HEADER] == "context.weather"
    for name, right in (("devise", "context.DEVICE"), ("distance", "context.DISTANCE_KM")):
        misspelt = ask(**{name: 1})
        assert misspelt.status_code == 400
        assert error_of(misspelt)["message"].endswith(f"write {right}")


def test_a_moment_under_another_name_is_refused_with_the_right_one(client: TestClient) -> None:
    event = view("ann", CATS[0])
    names = (
        *("timestamp", "time", "createdAt", "created_at", "date", "eventTime", "sent_at", "at"),
        *("occurredAt", "happenedAt", "ts", "timestampMs", "when", "clientTime"),
    )
    for name in names:
        answer = client.post("/v1/events", json=event | {name: "2026-01-01T00:00:00Z"})
        error = error_of(answer)
        assert (answer.status_code, error["code"]) == (400, "unknown_field"), name
        assert error["message"] == f"there is no field {name}: write sentAt"
    both = client.post("/v1/events", json=event | {"timestamp": 1, "sentAt": "2026-01-01"})
    assert (both.status_code, both.headers[UNKNOWN_FIELDS_HEADER]) == (202, "timestamp")
    picks = {"sessionId": "s", "animals": [], "at": "2026-01-01"}
    answer = client.post("/v1/boards/RID-x/picks", json=picks)
    assert error_of(answer)["message"] == "there is no field at: write sentAt"
