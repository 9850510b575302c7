"""Five dislikes of dogs on the demo's data: the very next answer holds fewer of them.

Before the first training and after it, of groups and of animals. Everything here goes over HTTP.
"""

from collections.abc import Iterator
from pathlib import Path
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
from tests.service_data import client_of, clock_from
from tests.training import LEARNS_QUICKLY, train_and_serve

PLACES = 40
WORLD = WorldSettings(animals=200, adopters=400, days=60, events=6_000)


@pytest.fixture(scope="module", params=["untrained", "trained"])
def site(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The demo world, with one model or none."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    settings = Settings(
        data_dir=folder, log_level="error", exploration_weight=0.0, retrain_here=False
    )
    with opened(settings) as adapters:
        store_world(adapters, generate(WORLD, 7, T0))
        if request.param == "trained":
            train_and_serve(adapters, T0, LEARNS_QUICKLY)
    with clock_from(T0), client_of(build_app(settings)) as client:
        yield client


def answer(site: TestClient, visitor: str, of: str) -> list[dict[str, Any]]:
    asked = {"sessionId": visitor, "limit": PLACES, "of": of}
    found = site.post("/v1/recommendations", params={"detail": "full"}, json=asked)
    assert found.status_code == 200, found.text
    places: list[dict[str, Any]] = found.json()["recommendations"]
    return places


def dogs(places: list[dict[str, Any]]) -> int:
    return sum(str(place.get("itemId", place["id"])).startswith("2-") for place in places)


def send(site: TestClient, visitor: str, kind: str, animals: list[str]) -> None:
    events = [{"sessionId": visitor, "eventType": kind, "animal_id": one} for one in animals]
    assert site.post("/v1/events", json=events).json()["accepted"] == len(animals)


@pytest.mark.parametrize("kind", ["dislike", "Un-Favorite"])
@pytest.mark.parametrize("of", ["groups", "animals"])
def test_five_dislikes_of_dogs_mean_fewer_dogs_and_five_views_do_not(
    site: TestClient, of: str, kind: str
) -> None:
    nobody = answer(site, f"nobody {of} {kind}", of)
    some = answer(site, f"nobody else {of} {kind}", "animals")
    five = [str(one["id"]) for one in some if str(one["itemId"]).startswith("2-")][:5]
    assert len(five) == 5
    for_it, against = f"likes {of} {kind}", f"dislikes {of} {kind}"
    send(site, for_it, "DetailView", five)
    send(site, against, kind, five)
    assert dogs(answer(site, for_it, of)) >= dogs(nobody)
    assert dogs(answer(site, against, of)) < 0.85 * dogs(nobody)
    if of == "animals":
        assert not {str(one["id"]) for one in answer(site, against, of)} & set(five)


def test_the_disliked_animal_comes_last_of_a_list_and_the_list_stays_whole(
    site: TestClient,
) -> None:
    listed = [str(one["id"]) for one in answer(site, "reader", "animals")][:10]
    send(site, "reader", "hide", listed[:1])
    ranking = site.post(
        "/v1/rerankings",
        json={
            "sessionId": "reader",
            "of": "animals",
            "itemMetadataList": [{"itemId": one} for one in listed],
        },
    )
    assert ranking.status_code == 200, ranking.text
    assert ranking.json()["ranking"][-1] == listed[0]
    assert sorted(ranking.json()["ranking"]) == sorted(listed)


def test_what_was_sent_is_what_is_stored(site: TestClient) -> None:
    some = answer(site, "nobody", "animals")
    send(site, "teller", "Un-Favorite", [str(some[0]["id"])])
    body = {"sessionId": "teller", "userId": "teller", "eventType": "DetailView"}
    site.post("/v1/events", json={**body, "animal_id": some[1]["id"]})
    history = site.get("/v1/users/teller/history").json()["events"]
    assert [one["eventType"] for one in history] == ["DetailView", "Un-Favorite"]
