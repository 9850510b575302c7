"""Before the first training the inventory answers: eligibility, waiting, and what visitors do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from tests.http_fixtures import error_of
from tests.service_data import client_of
from tests.waiting import wait_until

DOG = {"species": "dog", "breed": "Beagle", "size": "medium", "age": "adult"}
CAT = {"species": "cat", "breed": "Siamese", "size": "small", "age": "young"}
LONG_AGO, LATELY = {"listedAt": "2026-01-01"}, {"listedAt": "2026-05-01"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A service that nobody has trained, and that does not train by itself."""
    settings = Settings(
        data_dir=tmp_path / "data", log_level="error", retrain_here=False, exploration_weight=0
    )
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        yield client


def put(client: TestClient, **animals: dict[str, Any]) -> None:
    answer = client.put("/v1/animals", json=[{"id": name, **one} for name, one in animals.items()])
    assert answer.json()["rejected"] == []


def ask(client: TestClient, detail: str = "", **asked: Any) -> Any:
    answer = client.post(f"/v1/recommendations{detail}", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_empty_inventory_has_nothing_to_answer_with(client: TestClient) -> None:
    for asked in ({}, {"of": "animals"}):
        answer = client.post("/v1/recommendations", json=asked)
        assert answer.status_code == 503
        assert "pawsonalize train" in error_of(answer)["message"]
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz?without=models").status_code == 200  # data can be taken in
    put(client, rex=DOG)
    ready = client.get("/readyz").json()
    assert (ready["status"], ready["solutionVersion"]) == ("ready", None)
    assert "no model is live yet" in ready["message"]
    assert [place["id"] for place in ask(client, of="animals")] == ["rex"]


def test_who_waits_longest_comes_first_and_the_answer_says_that_no_model_is_live(
    client: TestClient,
) -> None:
    put(client, new={**DOG, **LATELY}, old={**DOG, **LONG_AGO}, biter={**DOG, "goodWithKids": "no"})
    full = ask(client, "?detail=full", of="animals", household={"kids": True})
    assert full["solutionVersion"] == "untrained"
    assert [place["id"] for place in full["recommendations"]] == ["old", "new"]
    for place in full["recommendations"]:
        assert sum(place["factors"].values()) == place["utility"]


def test_every_question_of_animals_is_answered(client: TestClient) -> None:
    put(client, rex=DOG, ida={**DOG, "size": "large"}, tom=CAT, gone={**DOG, "status": "adopted"})
    animals = {place["id"] for place in ask(client, of="animals")}
    assert animals == {"rex", "ida", "tom"}
    similar = client.get("/v1/animals/rex/similar").json()
    assert [place["id"] for place in similar] == ["ida", "tom"]
    listed = [{"itemId": name} for name in ("tom", "rex", "gone")]
    body = {"userId": "ann", "itemMetadataList": listed, "of": "animals"}
    assert set(client.post("/v1/rerankings", json=body).json()["ranking"]) == {"tom", "rex"}


def test_a_visitors_own_events_order_animals_and_groups(client: TestClient) -> None:
    cats, dogs = ({f"{name}{n}": one for n in range(3)} for name, one in (("z", CAT), ("d", DOG)))
    put(client, **cats, **dogs)
    assert ask(client, of="animals", sessionId="s")[0]["id"][0] == "d"
    for place in range(2):
        event = {"sessionId": "s", "eventType": "view", "animal_id": f"z{place}"}
        assert client.post("/v1/events", json=event).status_code == 202
    animals = ask(client, of="animals", sessionId="s")
    assert [place["id"][0] for place in animals[:2]] == ["z"] * 2
    assert [group["id"] for group in ask(client, sessionId="s")] == [
        "1-Siamese-1-2",
        "2-Beagle-2-3",
    ]


def test_what_others_look_at_comes_first_among_equals(client: TestClient) -> None:
    put(client, first={**CAT, **LATELY}, looked={**DOG, **LATELY})
    assert [place["id"] for place in ask(client, of="animals")] == ["first", "looked"]
    for place in range(20):
        event = {"sessionId": f"s{place}", "eventType": "view", "animal_id": "looked"}
        client.post("/v1/events", json=event)
    wait_until(
        lambda: [place["id"] for place in ask(client, of="animals")] == ["looked", "first"],
        pause=0.1,
        told=lambda: "the events are counted within seconds",
    )


def test_groups_are_those_of_which_somebody_is_available(client: TestClient) -> None:
    put(client, rex=DOG, tom=CAT)
    assert {group["id"] for group in ask(client)} == {"1-Siamese-1-2", "2-Beagle-2-3"}
    client.post("/v1/animals/tom/status", json={"status": "adopted"})
    assert [group["id"] for group in ask(client)] == ["2-Beagle-2-3"]
    assert ask(client, "?detail=full")["solutionVersion"] == "untrained"
