"""The inventory as callers see it."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.core.http.operation import UNKNOWN_FIELDS_HEADER
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service

_NUMBERS = itertools.count()
REX = {"species": "dog", "breed": "GSD / lab", "size": "large", "birthDate": "2020-02-02"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service of its own: animals that nobody asked for would change what others are told."""
    app = build_app(make_service(tmp_path_factory.mktemp("inventory"), train=False))
    with client_of(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def rex(client: TestClient) -> str:
    """An animal that nobody else is."""
    animal_id = f"rex/{next(_NUMBERS)}"
    assert put(client, {"id": animal_id, **REX})["created"] == 1
    return animal_id


def put(client: TestClient, *animals: dict[str, Any]) -> dict[str, Any]:
    answer = client.put("/v1/animals", json={"animals": list(animals)})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_an_animal_is_told_and_found(client: TestClient, rex: str) -> None:
    found = client.get(f"/v1/animals/{rex}").json()
    assert found["itemId"] == "2-German_Shepherd_Dog-3-3"
    assert found["secondaryBreed"] == "Labrador_Retriever"
    assert (found["status"], found["birthDate"]) == ("available", "2020-02-02")
    assert [change["status"] for change in found["history"]] == ["available"]


def test_what_was_got_can_be_put_back_and_changes_nothing(client: TestClient, rex: str) -> None:
    found = client.get(f"/v1/animals/{rex}").json()
    assert put(client, found)["unchanged"] == 1


def test_a_bad_animal_costs_no_other(client: TestClient) -> None:
    good = {"id": f"good {next(_NUMBERS)}", **REX}
    receipt = put(
        client,
        {"id": 7},
        good,
        {**good, "source": "elsewhere"},
        {"id": 8, "species": 1, "size": []},
    )
    assert receipt["created"] == 1
    refused = {one["index"]: one.get("field") or one["code"] for one in receipt["rejected"]}
    assert refused == {0: "species", 2: "conflict", 3: "size"}


@pytest.mark.parametrize("body", ["[]", '{"animals": []}', "{", '[{"id": 1}' * 2])
def test_a_body_without_animals_is_refused(client: TestClient, body: str) -> None:
    assert client.put("/v1/animals", content=body).status_code == 400


def test_a_status_may_follow_only_what_the_steps_allow(client: TestClient, rex: str) -> None:
    path = f"/v1/animals/{rex}/status"
    assert client.post(path, json={"status": "adopted"}).json()["status"] == "adopted"
    refused = client.post(path, json={"status": "available"})
    assert refused.status_code == 409
    assert "returned" in error_of(refused)["message"]
    assert client.post(path, json={"status": "asleep"}).status_code == 400
    assert client.post("/v1/animals/nobody/status", json={"status": "hold"}).status_code == 404


def test_animals_are_listed_by_what_they_are(client: TestClient, rex: str) -> None:
    put(client, {"id": f"{rex} b", **REX, "shelter": rex, "status": "hold"})
    put(client, {"id": f"{rex} a", **REX, "shelter": rex})
    both = client.get("/v1/animals", params={"shelter": rex, "species": "dogs"}).json()
    assert [one["id"] for one in both["animals"]] == [f"{rex} a", f"{rex} b"]
    held = client.get("/v1/animals", params={"shelter": rex, "status": "hold"}).json()
    assert [one["id"] for one in held["animals"]] == [f"{rex} b"]
    first = client.get("/v1/animals", params={"shelter": rex, "limit": 1}).json()
    rest = client.get(
        "/v1/animals", params={"shelter": rex, "limit": 1, "cursor": first["nextCursor"]}
    ).json()
    assert (rest["animals"][0]["id"], rest["nextCursor"]) == (f"{rex} b", None)


def test_a_forgotten_animal_is_gone(client: TestClient, rex: str) -> None:
    assert client.delete(f"/v1/animals/{rex}").status_code == 204
    assert client.get(f"/v1/animals/{rex}").status_code == 404
    assert client.delete(f"/v1/animals/{rex}").status_code == 404


def test_an_event_of_a_known_animal_needs_no_metadata_and_counts_for_the_group_of_its_moment(
    client: TestClient, rex: str, user: str
) -> None:
    put(client, {"id": rex, **REX, "birthDate": "2025-08-01"})
    for moment in ("2026-07-31T12:00:00Z", "2026-08-01T12:00:00Z"):
        event = {"userId": user, "sessionId": user, "eventType": "view", "animal_id": rex}
        sent = client.post("/v1/events", json=event | {"sentAt": moment})
        assert sent.json()["accepted"] == 1
    events = client.get(f"/v1/users/{user}/history").json()["events"]
    assert [event["itemId"][-1] for event in events] == ["2", "1"]


def test_of_animals_the_one_with_a_misspelt_field_is_refused_alone(client: TestClient) -> None:
    good = {"id": "named-well", "species": "dog", "kennel": 4}
    wrong = {"id": "misnamed", "species": "dog", "good_with_kids": False}
    answer = client.put("/v1/animals", json=[good, wrong])
    assert (answer.status_code, answer.json()["created"]) == (200, 1)
    (refused,) = answer.json()["rejected"]
    assert (refused["index"], refused["field"]) == (1, "good_with_kids")
    assert answer.headers[UNKNOWN_FIELDS_HEADER] == "kennel"


def test_a_call_in_which_every_animal_is_refused_is_an_error_with_its_receipt(
    client: TestClient,
) -> None:
    answer = client.put("/v1/animals", json=[{"id": 7}, {"species": "dog"}])
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "all_rejected"
    receipt = answer.json()
    assert (receipt["created"], receipt["updated"], receipt["unchanged"]) == (0, 0, 0)
    assert [each["field"] for each in receipt["rejected"]] == ["species", "id"]


def test_values_that_nobody_knows_are_taken_with_a_warning(client: TestClient) -> None:
    odd = {**REX, "id": f"odd {next(_NUMBERS)}", "size": "enormous", "breed": "Wolpertinger"}
    right = {**REX, "id": f"right {next(_NUMBERS)}"}
    receipt = put(client, right, odd, odd)
    listed = [(one["index"], one["code"], one["field"]) for one in receipt["warnings"]]
    assert listed == [(1, "unknown_value", "breed"), (1, "unknown_value", "size")]
    assert "'enormous' is not known here" in receipt["warnings"][1]["message"]
    assert "warnings" not in put(client, right)
