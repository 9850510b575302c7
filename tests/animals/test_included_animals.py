"""`"include": ["animal"]`: an answer that a page can show as it is."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service, metadata

REX = {
    "id": "rex",
    "species": "dog",
    "breed": "St. Bernard",
    "size": "extra large",
    "age": "adult",
    "sex": "male",
    "colours": ["brown", "white"],
    "name": "Rex",
    "shelter": "Orchard Park Shelter",
    "url": "https://shelter.example/rex",
    "photos": ["https://shelter.example/rex-1.jpg", "https://shelter.example/rex-2.jpg"],
    "fee": 150,
    "latitude": 40,
    "longitude": -120,
    "listedAt": "2026-01-01",
}
SHOWN = {
    "name": "Rex",
    "photo": "https://shelter.example/rex-1.jpg",
    "url": "https://shelter.example/rex",
    "species": "dog",
    "breed": "Saint Bernard",
    "size": "extra large",
    "age": "adult",
    "sex": "male",
    "colours": ["brown", "white"],
    "shelter": "Orchard Park Shelter",
    "waitingDays": 31,
    "fee": 150.0,
}
BARE = {"id": "bare", "species": "bird", "breed": "unknown", "listedAt": "2026-01-02"}
AT = "2026-02-01"
ALL = {"of": "animals", "at": AT, "include": ["animal"]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with two animals: much is known of one, hardly anything of the other."""
    app = build_app(make_service(tmp_path_factory.mktemp("included")))
    with client_of(app, raise_server_exceptions=False) as client:
        answer = client.put("/v1/animals", json=[REX, BARE])
        assert answer.json()["rejected"] == []
        yield client


def recommended(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json={**ALL, **asked})
    assert answer.status_code == 200, answer.text
    return {place["id"]: place["animal"] for place in answer.json()}


def test_recommendations_carry_what_a_page_shows_and_leave_out_what_nobody_told(
    client: TestClient,
) -> None:
    found = recommended(client)
    assert found["rex"] == SHOWN
    assert found["bare"] == {"species": "bird", "waitingDays": 30}
    full = client.post("/v1/recommendations?detail=full", json=ALL).json()["recommendations"]
    assert {place["id"]: place["animal"] for place in full} == found


def test_nothing_is_included_that_was_not_asked_for(client: TestClient) -> None:
    nothing: tuple[dict[str, Any], ...] = ({}, {"include": []})
    for asked in nothing:
        places = client.post("/v1/recommendations", json={"of": "animals", **asked}).json()
        assert not any("animal" in place for place in places)
    ranked = client.post(
        "/v1/rerankings",
        json={"userId": "ann", "of": "animals", "itemMetadataList": [{"itemId": "rex"}]},
    ).json()
    assert ranked.keys() == {"ranking", "personalizeResponse"}


@pytest.mark.parametrize("of", ["groups", "animals"])
def test_re_rankings_carry_the_animals_in_the_order_of_the_ranking(
    client: TestClient, of: str
) -> None:
    given = [{"itemId": "bare"}, {"itemId": "rex"}]
    body = {**ALL, "of": of, "userId": "ann", "itemMetadataList": given}
    answer = client.post("/v1/rerankings", json=body).json()
    assert [one["id"] for one in answer["animals"]] == answer["ranking"]
    assert {one["id"]: one["animal"] for one in answer["animals"]} == recommended(client)
    assert "solutionVersion" not in answer
    assert not any("reasons" in one for one in answer["animals"])
    full = client.post("/v1/rerankings?detail=full", json=body).json()
    assert [one["animal"] for one in full["animals"]] == [
        one["animal"] for one in answer["animals"]
    ]
    assert all("reasons" in one for one in full["animals"])


def test_an_animal_that_the_inventory_does_not_have_is_ranked_without(client: TestClient) -> None:
    given = [{"itemId": "stranger", "animalMetadata": metadata("2-Beagle-2-3")}, {"itemId": "rex"}]
    body = {"userId": "ann", "at": AT, "include": ["animal"], "itemMetadataList": given}
    animals = client.post("/v1/rerankings", json=body).json()["animals"]
    assert {one["id"]: one.get("animal") for one in animals} == {"stranger": None, "rex": SHOWN}


def test_the_distance_is_from_the_place_that_the_request_or_the_profile_says(
    client: TestClient,
) -> None:
    near = recommended(client, latitude=40, longitude=-120.1)
    assert near["rex"]["distanceKm"] == 8.5
    assert "distanceKm" not in near["bare"]
    client.put("/v1/users/far", json={"attributes": {"LATITUDE": 41, "LONGITUDE": -120}})
    assert recommended(client, userId="far")["rex"]["distanceKm"] == 111.2
    body = {
        "userId": "far",
        "at": AT,
        "include": ["animal"],
        "itemMetadataList": [{"itemId": "rex"}],
    }
    [ranked] = client.post("/v1/rerankings", json=body).json()["animals"]
    assert ranked["animal"]["distanceKm"] == 111.2


def test_a_bonded_pair_is_named_together(client: TestClient) -> None:
    pair = [{**REX, "id": name, "name": name.title(), "bondedUnit": "u"} for name in ("ann", "bob")]
    client.put("/v1/animals", json=pair)
    assert recommended(client)["ann"]["bondedNames"] == ["Bob"]
    for name in ("ann", "bob"):
        client.delete(f"/v1/animals/{name}")


def test_similar_animals_carry_it_too(client: TestClient) -> None:
    found = client.get("/v1/animals/bare/similar?include=animal").json()
    assert [(place["id"], place["animal"]["name"]) for place in found] == [("rex", "Rex")]
    answer = client.get("/v1/animals/bare/similar?include=photo")
    assert (answer.status_code, error_of(answer)["field"]) == (400, "include")
    assert "must be animal" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"of": "animals", "include": ["photo"]}, "include[0]", "must be animal"),
        ({"of": "animals", "include": "animal"}, "include", "must be a list"),
        ({"of": "animals", "includes": ["animal"]}, "includes", "write include"),
        ({"include": ["animal"]}, "include", "animals"),
    ],
)
def test_what_cannot_be_included_is_refused_with_what_can(
    client: TestClient, asked: dict[str, Any], field: str, said: str
) -> None:
    answer = client.post("/v1/recommendations", json=asked)
    assert (answer.status_code, error_of(answer)["field"]) == (400, field)
    assert said in error_of(answer)["message"]


def test_who_came_back_waits_since_then_and_says_when_it_first_came_in(client: TestClient) -> None:
    back = {"id": "back", "species": "dog", "breed": "Beagle", "intakeAt": "2025-03-01"}
    ended = back | {"outcomeAt": "2025-06-01", "outcome": "Adoption", "returnedAt": "2026-01-12"}
    assert client.put("/v1/animals", json=ended).status_code == 200
    known = client.get("/v1/animals/back").json()
    assert known["listedAt"] == "2026-01-12T00:00:00.000Z"
    assert known["firstListedAt"] == "2025-03-01T00:00:00.000Z"
    shown = recommended(client)["back"]
    assert (shown["waitingDays"], shown["firstListedAt"][:10]) == (20, "2025-03-01")
    before = recommended(client, at="2025-03-11")["back"]
    assert (before["waitingDays"], "firstListedAt" in before) == (10, False)
    assert client.delete("/v1/animals/back").status_code == 204
