"""What a visitor said last outweighs what they looked at before, and what they do next counts."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.plugins.demo.commands import store_world
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import generate
from tests.event_data import T0
from tests.http_fixtures import error_of
from tests.service_data import client_of, clock_from, metadata
from tests.training import LEARNS_QUICKLY, train_and_serve

_NUMBERS = itertools.count()
WORLD = WorldSettings(animals=150, adopters=200, days=60, events=4_000, shelters=2)


@pytest.fixture(scope="module", params=["trained", "untrained"])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A small demo world, with a model that learned from it and with none."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("said") / "data",
        log_level="error",
        retrain_here=False,
        exploration_weight=0,
    )
    with opened(settings) as adapters:
        store_world(adapters, generate(WORLD, 7, T0))
        if request.param == "trained":
            train_and_serve(adapters, T0, LEARNS_QUICKLY)
    with clock_from(T0), client_of(build_app(settings)) as client:
        yield client


@pytest.fixture
def ann(client: TestClient) -> str:
    """A user of her own for each test, who looked at four cats.

    Each makes cats a little more popular for the tests after it, so that a dog's page is not
    asked to be of dogs to the last place.
    """
    user = f"ann-{next(_NUMBERS)}"
    look(client, user, "1", 4)
    return user


def look(client: TestClient, user: str, species: str, times: int) -> None:
    """Look at so many animals of the species, a moment later than whatever was before."""
    time.sleep(0.002)
    found = client.get("/v1/animals", params={"species": species, "status": "available"}).json()
    for animal in found["animals"][:times]:
        event = {"userId": user, "sessionId": user, "eventType": "view", "animal_id": animal["id"]}
        assert client.post("/v1/events", json=event).status_code == 202
    time.sleep(0.002)


def species(client: TestClient, **asked: Any) -> list[str]:
    """The species of twelve places, best first."""
    answer = client.post("/v1/recommendations", json={"limit": 12, **asked})
    assert answer.status_code == 200, answer.text
    return [place.get("itemId", place["id"])[0] for place in answer.json()]


@pytest.mark.parametrize("of", ["animals", "groups"])
@pytest.mark.parametrize("wanted", ["dog", "Dogs", "2", 2])
def test_what_the_request_says_comes_before_what_was_seen(
    client: TestClient, ann: str, of: str, wanted: str | int
) -> None:
    assert species(client, of=of, userId=ann).count("1") >= 8
    said = {"preferences": {"species": [wanted]}}
    assert species(client, of=of, userId=ann, **said).count("2") >= 8


@pytest.mark.parametrize("of", ["animals", "groups"])
def test_what_is_stored_comes_before_what_was_seen_and_not_before_what_is_seen_later(
    client: TestClient, ann: str, of: str
) -> None:
    stored = client.put(f"/v1/users/{ann}", json={"preferences": {"species": ["dog"]}})
    assert stored.json()["attributes"]["PREFERRED_SPECIES"] == "2"
    assert species(client, of=of, userId=ann).count("2") >= 8
    look(client, ann, "1", 5)
    assert species(client, of=of, userId=ann).count("1") >= 6


def test_what_was_said_before_the_events_takes_none_of_them_back(
    client: TestClient, ann: str
) -> None:
    said = {"species": ["dog"], "saidAt": "2020-01-01T00:00:00Z"}
    assert species(client, of="animals", userId=ann, preferences=said).count("1") >= 6
    client.put(f"/v1/users/{ann}", json={"preferences": said})
    assert species(client, of="animals", userId=ann).count("1") >= 6


def test_a_word_that_nobody_knows_is_an_error_that_lists_the_words(client: TestClient) -> None:
    for field, wanted in (("species", "dogg"), ("size", "smal"), ("age", "olt")):
        answer = client.post("/v1/recommendations", json={"preferences": {field: [wanted]}})
        assert answer.status_code == 400
        said = error_of(answer)
        assert said["field"] == f"preferences.{field}"
        assert wanted in said["message"]
        assert {"species": "rabbit", "size": "medium", "age": "senior"}[field] in said["message"]
    answer = client.post("/v1/recommendations", json={"of": "animals", "species": ["dogg"]})
    assert (answer.status_code, error_of(answer)["field"]) == (400, "species")


def test_what_was_disliked_falls_in_every_answer_and_comes_last_of_a_list(
    client: TestClient, ann: str
) -> None:
    said = {"userId": ann, "limit": 500, "preferences": {"species": ["2"]}}

    def cats(of: str) -> dict[str, int]:
        """The place of each, or of its group."""
        shown = client.post("/v1/recommendations", json={**said, "of": of}).json()
        places = {one["id"]: n for n, one in enumerate(shown)}
        return {one: n for one, n in places.items() if groups.get(one, one)[0] == "1"}

    shown = client.post("/v1/recommendations", json={**said, "of": "animals"}).json()
    groups = {one["id"]: one["itemId"] for one in shown}
    before = {of: cats(of) for of in ("animals", "groups")}
    cat, mate = next(
        (one, other)
        for one, other in itertools.combinations(before["animals"], 2)
        if groups[one] == groups[other]
    )
    hide = {"userId": ann, "sessionId": ann, "eventType": "Un-Favorite", "animal_id": cat}
    assert client.post("/v1/events", json=hide).status_code == 202
    after = cats("animals")
    assert after[cat] > before["animals"][cat]
    assert after[cat] > after[mate], "the animal itself more than its group"
    assert cats("groups")[groups[cat]] > before["groups"][groups[cat]]
    for of, disliked in (("animals", cat), ("groups", groups[cat])):
        listed = list(before[of])[:6]
        told = [
            {"itemId": one} | ({} if of == "animals" else {"animalMetadata": metadata(one)})
            for one in listed
        ]
        asked = {"userId": ann, "itemMetadataList": told} | ({"of": of} if of == "animals" else {})
        ranking = client.post("/v1/rerankings", json=asked).json()["ranking"]
        assert disliked == ranking[-1]
        assert sorted(ranking) == sorted(listed)


@pytest.mark.parametrize("of", ["animals", "groups"])
def test_what_was_stored_and_is_sent_again_with_each_question_keeps_its_moment(
    client: TestClient, ann: str, of: str
) -> None:
    said = {"species": ["dog"], "size": ["large", "small"]}
    before = client.put(f"/v1/users/{ann}", json={"preferences": said}).json()["attributes"]
    assert species(client, of=of, userId=ann, preferences=said).count("2") >= 10
    look(client, ann, "1", 5)
    again = {"size": ["small", "large"], "species": ["dog"]}
    assert species(client, of=of, userId=ann, preferences=again).count("1") >= 6
    after = client.put(f"/v1/users/{ann}", json={"preferences": again}).json()["attributes"]
    assert after["PREFERRED_AT"] == before["PREFERRED_AT"]
    changed = {**said, "species": ["dog", "rabbit"]}
    assert species(client, of=of, userId=ann, preferences=changed).count("1") <= 2
    stored = client.put(f"/v1/users/{ann}", json={"preferences": changed}).json()["attributes"]
    assert stored["PREFERRED_AT"] > before["PREFERRED_AT"]
