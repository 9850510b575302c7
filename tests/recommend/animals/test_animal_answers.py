"""Answers of individual animals as callers see them."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service

_NUMBERS = itertools.count()
CAT = {"species": "cat", "breed": "Siamese", "size": "small", "age": "baby"}
DOG = {"species": "dog", "breed": "Beagle", "size": "medium", "age": "adult"}
STRANGE = {"species": "horse", "breed": "Nobody Knows", "size": "small", "age": "senior"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service of its own: its inventory is what these tests put there."""
    app = build_app(make_service(tmp_path_factory.mktemp("animals")))
    with client_of(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def put(client: TestClient) -> Iterator[Any]:
    """Puts animals for one test, and takes them away again."""
    told: list[str] = []

    def put(**animals: dict[str, Any]) -> None:
        forms = [{"id": name, **about} for name, about in animals.items()]
        answer = client.put("/v1/animals", json=forms)
        assert answer.json()["rejected"] == []
        told.extend(animals)

    yield put
    for name in dict.fromkeys(told):
        client.delete(f"/v1/animals/{name}")


def ask(client: TestClient, **asked: Any) -> list[str]:
    answer = client.post("/v1/recommendations", json={"of": "animals", "limit": 500, **asked})
    assert answer.status_code == 200, answer.text
    return [place["id"] for place in answer.json()]


def test_what_changed_is_in_the_very_next_answer(client: TestClient, put: Any) -> None:
    put(rex=DOG, tom=CAT, horse=STRANGE)
    assert set(ask(client)) == {"rex", "tom", "horse"}
    for status, there in (("hold", False), ("available", True), ("adopted", False)):
        client.post("/v1/animals/rex/status", json={"status": status})
        assert ("rex" in ask(client)) == there
    put(tom={**CAT, "goodWithKids": False})
    assert ask(client, household={"kids": True}) == ["horse"]
    put(tom={**CAT, "age": "senior"})
    answer = client.post("/v1/recommendations", json={"of": "animals"}).json()
    assert {place["itemId"] for place in answer if place["id"] == "tom"} == {"1-Siamese-1-4"}


def test_an_animal_that_the_visitor_looked_at_is_named_so_and_others_as_like_it(
    client: TestClient, put: Any
) -> None:
    put(rex={**DOG, "sex": "male"}, max=DOG, tom=CAT, mia=CAT)
    sent = {"sessionId": "looker", "eventType": "view", "animal_id": "rex"}
    assert client.post("/v1/events", json=sent).json()["accepted"] == 1
    question = {"of": "animals", "sessionId": "looker"}
    full = client.post("/v1/recommendations?detail=full", json=question).json()["recommendations"]
    reasons = {one["id"]: one["reasons"] for one in full}
    assert "you looked at him" in reasons["rex"]
    assert "adult medium Beagle, like one you looked at" in reasons["max"]
    assert not any("like one" in said for said in reasons["rex"])
    client.post("/v1/events", json=sent | {"eventType": "unfavorite"})
    full = client.post("/v1/recommendations?detail=full", json=question).json()["recommendations"]
    assert not any("you looked at" in said for one in full for said in one["reasons"])


def test_rules_exclude_and_what_nobody_knows_comes_later_and_says_so(
    client: TestClient, put: Any
) -> None:
    put(
        known={**DOG, "goodWithCats": True, "fee": 50, "latitude": 40, "longitude": -120},
        unknown=DOG,
        no={**DOG, "goodWithCats": "no"},
        dear={**DOG, "goodWithCats": True, "fee": 500},
        far={**DOG, "goodWithCats": True, "fee": 1, "latitude": 50, "longitude": -120},
        cat={**CAT, "goodWithCats": True, "fee": 0},
    )
    asked = {
        "household": {"cats": True},
        "maxFee": 100,
        "species": ["dogs"],
        "latitude": 40,
        "longitude": -120.1,
        "maxDistanceKm": 100,
    }
    assert ask(client, **asked) == ["known", "unknown"]
    full = client.post(
        "/v1/recommendations?detail=full", json={"of": "animals", **asked, "deny": {}}
    ).json()["recommendations"]
    assert full[0]["reasons"][:1] == ["good with cats"] or "9 km away" in full[0]["reasons"]
    assert "nobody knows yet whether it likes cats" in full[1]["reasons"]
    for place in full:
        assert sum(place["factors"].values()) == place["utility"]
    assert ask(client, **asked, deny={"animals": ["known"]}) == ["unknown"]
    assert ask(client, **asked, deny={"breeds": ["Beagle"]}) == []


def test_rules_ask_for_what_a_record_can_answer(client: TestClient, put: Any) -> None:
    put(
        yes={**DOG, "sex": "female", "houseTrained": True, "specialNeeds": False},
        unknown={key: DOG[key] for key in ("species", "breed", "size")},
        no={**DOG, "age": "baby", "sex": "male", "houseTrained": False, "specialNeeds": True},
    )
    for asked in (
        {"sexes": ["F"]},
        {"ages": ["adult", "senior"]},
        {"ages": ["3"]},
        {"houseTrained": True},
        {"specialNeeds": "none"},
    ):
        assert ask(client, **asked) == ["yes", "unknown"], asked
        full = client.post("/v1/recommendations?detail=full", json={"of": "animals", **asked})
        assert "nobody told" in full.json()["recommendations"][1]["reasons"][-1]
    assert ask(client, specialNeeds="only") == ["no", "unknown"]
    assert ask(client, houseTrained=False) == ["no", "unknown"]
    given = [{"itemId": name} for name in ("no", "unknown", "yes")]
    body = {"userId": "ann", "itemMetadataList": given, "of": "animals", "sexes": ["male"]}
    assert client.post("/v1/rerankings", json=body).json()["ranking"] == ["no", "unknown"]
    for field, value in (("sexes", ["dame"]), ("ages", ["olt"]), ("specialNeeds", "some")):
        answer = client.post("/v1/recommendations", json={"of": "animals", field: value})
        assert (answer.status_code, error_of(answer)["field"]) == (400, field)


def test_breeds_and_colours_are_those_of_any_of_an_animals(client: TestClient, put: Any) -> None:
    put(
        both={**DOG, "breed": "Beagle / Pug", "colours": ["brown", "BLK"]},
        unknown={**DOG, "breed": "Unknown"},
        other={**DOG, "breed": "Boxer", "colours": ["white"]},
    )
    assert ask(client, breeds=["pugs", "Pug"]) == ["both", "unknown"]
    assert ask(client, colours=["black"]) == ["both", "unknown"]
    answer = client.post("/v1/recommendations", json={"of": "animals", "colours": ["loud"]})
    assert (answer.status_code, error_of(answer)["field"]) == (400, "colours")


def test_a_shelters_wish_lifts_an_animal_by_so_much_and_says_so(
    client: TestClient, put: Any
) -> None:
    put(first={**DOG, "listedAt": "2026-01-01"}, wished={**DOG, "listedAt": "2026-01-01"})
    assert ask(client) == ["first", "wished"]
    page = "https://shelter.example/wished"
    put(wished={**DOG, "listedAt": "2026-01-01", "priority": 1, "url": page, "sex": "female"})
    full = client.post("/v1/recommendations?detail=full", json={"of": "animals"}).json()
    wished, first = full["recommendations"]
    assert (wished["id"], wished["factors"]["priority"], first["factors"]["priority"]) == (
        "wished",
        0.7,
        0,
    )
    assert "the shelter wishes her to be seen" in wished["reasons"]
    assert sum(wished["factors"].values()) == wished["utility"]
    known = client.get("/v1/animals/wished").json()
    assert (known["url"], known["priority"]) == (page, 1)
    for bad in ({"priority": 2}, {"url": "javascript:alert(1)"}):
        receipt = client.put("/v1/animals", json=[{"id": "x", **DOG, **bad}]).json()
        assert receipt["rejected"][0]["field"] in bad


def test_a_bonded_pair_is_one_place_that_names_both(client: TestClient, put: Any) -> None:
    put(ann={**DOG, "bondedUnit": "u"}, bob={**CAT, "bondedUnit": "u", "goodWithDogs": False})
    answer = client.post("/v1/recommendations", json={"of": "animals"}).json()
    assert [(place["id"], place["bondedWith"]) for place in answer] == [("ann", ["bob"])]
    assert ask(client, household={"dogs": True}) == []
    client.post("/v1/animals/ann/status", json={"status": "adopted"})
    assert ask(client) == ["bob"]


def test_a_ranking_of_animals_leaves_out_who_is_not_there(client: TestClient, put: Any) -> None:
    put(rex=DOG, tom=CAT, gone={**CAT, "status": "adopted"})
    given = [{"itemId": one} for one in ("gone", "tom", "nobody", "rex")]
    body = {"userId": "ann", "of": "animals", "itemMetadataList": given}
    ranked = client.post("/v1/rerankings", json=body).json()["ranking"]
    assert set(ranked) == {"rex", "tom"}
    full = client.post("/v1/rerankings?detail=full", json=body).json()
    assert [one["id"] for one in full["animals"]] == full["ranking"] == ranked
    shares = full["personalizeResponse"]["personalizedRanking"]
    assert [one["itemId"] for one in shares] == [one["itemId"] for one in full["animals"]]
    assert all(one["factors"] and isinstance(one["reasons"], list) for one in full["animals"])
    none = client.post("/v1/rerankings", json={**body, "deny": {"animals": ["rex", "tom"]}})
    assert none.json()["ranking"] == []
    refused = client.post("/v1/rerankings", json={**body, "of": "groups"})
    assert error_of(refused)["field"] == "itemMetadataList[2].animalMetadata"


def test_similar_animals_come_without_the_animal_itself(client: TestClient, put: Any) -> None:
    put(rex=DOG, max=DOG, tom=CAT)
    found = client.get("/v1/animals/rex/similar?limit=5").json()
    assert {place["id"] for place in found} == {"max", "tom"}
    assert client.get("/v1/animals/nobody/similar").status_code == 404
    assert client.get("/v1/animals/rex/similar?limit=0").status_code == 400


def test_the_same_moment_gives_the_same_answer_and_the_past_its_own(
    client: TestClient, put: Any
) -> None:
    put(old={**DOG, "listedAt": "2026-01-01"}, new={**DOG, "listedAt": "2026-03-01"})
    answers = [ask(client, at="2026-04-01") for _ in range(2)]
    assert answers == [["old", "new"]] * 2
    assert ask(client, at="2026-02-01") == ["old"]


def test_exposure_is_reported(client: TestClient, put: Any) -> None:
    put(rex=DOG, tom=CAT)
    event = {"sessionId": "s", "eventType": "view", "animal_id": "rex", "impression": ["rex"]}
    sent = client.post("/v1/events", json={**event, "eventId": f"shown {next(_NUMBERS)}"})
    assert sent.json()["accepted"] == 1
    shares = client.get("/v1/animals/exposure").json()["shares"]
    dogs = next(one for one in shares if one["value"] == "dog")
    assert (dogs["shareOfStock"], dogs["shown"] > 0) == (0.5, True)


def test_a_rule_that_cannot_be_kept_is_named(client: TestClient, subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"household": {"kids": True}, "of": "groups"}, "household"),
        ({"maxFee": 5, "of": "groups"}, "maxFee"),
        ({"maxDistanceKm": 5}, "maxDistanceKm"),
        ({"latitude": 5}, "latitude"),
        ({"postcode": "X1"}, "postcode"),
        ({"metadataColumns": {"ITEMS": ["A"]}}, "metadataColumns"),
        ({"deny": {"animals": [""]}}, "deny.animals"),
    ]
    for asked, field in cases:
        with subtests.test(asked=asked, field=field):
            answer = client.post("/v1/recommendations", json={"of": "animals", **asked})
            assert (answer.status_code, error_of(answer)["field"]) == (400, field)


def test_animals_are_ordered_by_the_campaign_that_is_named(client: TestClient, put: Any) -> None:
    put(rex=DOG, tom=CAT)
    asked = {"userId": "seed 0", "of": "animals", "itemMetadataList": [{"itemId": "rex"}]}
    for named in ({"datasetGroup": "pawsonalize"}, {"campaign": "recommender"}):
        assert ask(client, userId="seed 0", **named) == ask(client, userId="seed 0")
        ranking = client.post("/v1/rerankings", json=asked | named).json()["ranking"]
        assert ranking == ["rex"]
        alike = client.get("/v1/animals/rex/similar", params=named).json()
        assert [place["id"] for place in alike] == ["tom"]
    silent = client.post("/v1/rerankings", json=asked | {"campaign": "reranker"})
    assert silent.status_code == 503
    assert "campaign reranker serves no version" in error_of(silent)["message"]
