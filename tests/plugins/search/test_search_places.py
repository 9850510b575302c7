"""A place in a search is where the shelters of that name are, and what lies near."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from tests.service_data import client_of, make_service

PLACES: dict[str, dict[str, Any]] = {
    "here": {"shelter": "Oakdale Animal Care", "latitude": 37.77, "longitude": -120.85},
    "close": {"shelter": "Second Chance", "latitude": 37.8, "longitude": -121.1},
    "far": {"shelter": "Friends of Monterey", "latitude": 36.6, "longitude": -121.89},
    "nowhere": {"shelter": "Best Friends"},
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = make_service(tmp_path_factory.mktemp("places"))
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        about = {"species": "dog", "breed": "Beagle", "listedAt": "2026-01-01"}
        listed = [{"id": one, "name": one, **about, **place} for one, place in PLACES.items()]
        assert client.put("/v1/animals", json=listed).json()["rejected"] == []
        yield client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("beagle near Oakdale", {"here", "close", "nowhere"}),
        ("a beagle in oakdale", {"here", "close", "nowhere"}),
        ("beagle within 10 km of Oakdale", {"here", "nowhere"}),
        ("beagle not in Monterey", {"here", "close", "nowhere"}),
    ],
)
def test_whoever_is_far_from_a_place_is_not_found(
    client: TestClient, query: str, found: set[str]
) -> None:
    answer = client.post("/v1/searches", json={"query": query, "sessionId": "s-1"}).json()
    assert {one["id"] for one in answer["animals"]} == found
