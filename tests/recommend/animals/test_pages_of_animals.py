"""What a visitor was shown and did not choose counts in the very next answer, and can be erased."""

from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.core import clock
from pawsonalize.core.times import iso
from pawsonalize.recommend import exploration
from pawsonalize.recommend.tables import ANIMAL_RANKING
from tests.service_data import client_of, make_service

BREEDS = ("Beagle", "Pug", "Boxer", "Poodle", "Collie", "Dachshund")
LISTED = {"listedAt": "2026-01-01"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Large and small dogs of the same breeds, and answers that reach the table only at the end.

    So what counts in the next answer is what waits to be written.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exploration, "_LINGER_SECONDS", 3600.0)
        app = build_app(make_service(tmp_path_factory.mktemp("pages")))
        with client_of(app, raise_server_exceptions=False) as client:
            forms = [
                {"id": f"{size}-{breed}-{n}", "species": "dog", "breed": breed, "size": size,
                 "age": "adult", "priority": 0.1 * (size == "large"), **LISTED}
                for size in ("large", "small")
                for breed in BREEDS
                for n in range(8)
            ]  # fmt: skip
            assert client.put("/v1/animals", json=forms).json()["rejected"] == []
            yield client


def ask(client: TestClient, session: str, limit: int = 10, **more: Any) -> list[dict[str, Any]]:
    body = {"sessionId": session, "of": "animals", "limit": limit, **more}
    answer = client.post("/v1/recommendations?detail=full", json=body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["recommendations"]
    return found


def large(places: list[dict[str, Any]]) -> int:
    return sum(place["id"].startswith("large") for place in places)


def test_scrolling_past_large_dogs_counts_in_the_very_next_answer(client: TestClient) -> None:
    first = ask(client, "scrolls")
    assert large(first) == 10
    for place in first:
        assert place["factors"]["visitor"] == place["factors"]["seen"] == 0
    everybody = ask(client, "scrolls", limit=96)
    shown = {place["id"] for place in first}
    others = [place for place in everybody if place["id"] not in shown]
    visitor = {
        size: [place["factors"]["visitor"] for place in others if place["id"].startswith(size)]
        for size in ("large", "small")
    }
    assert max(visitor["large"]) < min(visitor["small"])
    assert max(visitor["large"]) < 0
    for place in everybody:
        assert sum(place["factors"].values()) == place["utility"]
        assert (place["factors"]["seen"] < 0) == (place["id"] in shown)


def test_page_after_page_of_large_dogs_leaves_fewer_of_them(client: TestClient) -> None:
    first, second = (large(ask(client, "on and on")) for _ in range(2))
    assert (first, second < first) == (10, True)
    assert large(ask(client, "somebody else")) == 10


def test_who_looks_past_animals_like_another_one_says_nothing(client: TestClient) -> None:
    beside = client.get("/v1/animals/large-Pug-0/similar", params={"sessionId": "beside"})
    assert len(beside.json()) > 5
    for place in ask(client, "beside"):
        assert place["factors"]["visitor"] == place["factors"]["seen"] == 0


def test_the_same_question_of_one_moment_has_the_same_answer_twice(client: TestClient) -> None:
    ask(client, "twice")
    at = iso(clock.now() + 1)
    first, second = (ask(client, "twice", at=at) for _ in range(2))
    assert first == second


def test_an_empty_inventory_answers_whoever_saw_pages(tmp_path: Path) -> None:
    with client_of(build_app(make_service(tmp_path)), raise_server_exceptions=False) as client:
        form = {"id": "rex", "species": "dog", "breed": "Pug", "size": "small", **LISTED}
        client.put("/v1/animals", json=[form])
        assert [place["id"] for place in ask(client, "last")] == ["rex"]
        client.delete("/v1/animals/rex")
        assert ask(client, "last") == []


def test_rankings_count_for_every_visitor_once_an_event_has_named_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a training, which a small site has late."""
    monkeypatch.setattr(exploration, "_LINGER_SECONDS", 0.0)
    app = build_app(make_service(tmp_path))
    with client_of(app) as client:
        forms = [
            {"id": f"{size}-{breed}", "species": "dog", "breed": breed, "size": size, **LISTED}
            for size in ("large", "small")
            for breed in BREEDS
        ]
        client.put("/v1/animals", json=forms)

        def rank(session: str) -> str:
            places = [{"itemId": one["id"]} for one in forms[: len(BREEDS)]]
            body = {"sessionId": session, "of": "animals", "itemMetadataList": places}
            return str(client.post("/v1/rerankings", json=body).headers["X-Recommendation-Id"])

        def losses() -> list[bool]:
            return [place["factors"]["visitor"] < 0 for place in ask(client, "passes", limit=6)]

        rank("passes")
        assert not any(losses())
        name = rank("opens")
        event = {"sessionId": "opens", "eventType": "view", "animal_id": "large-Pug"}
        client.post("/v1/events", json=[{**event, "recommendationId": name}])
        services = app.state.services
        for _ in range(500):  # the page may wait to be written
            services.animal_recommender.count_choices(services.now())
            if ANIMAL_RANKING in services.animal_recommender.effects.kinds:
                break
            sleep(0.01)
        assert any(losses())
