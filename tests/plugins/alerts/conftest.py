"""A service with dogs and cats, and users who like one of them and wish to be told."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from tests.adapters.conftest import database
from tests.service_data import client_of, make_service

__all__ = ["database"]

BREEDS = ("Beagle", "Pug", "Boxer", "Poodle", "Collie", "Dachshund")
LISTED = {"age": "adult", "size": "small", "listedAt": "2026-01-01"}


def animals() -> list[dict[str, Any]]:
    """Twelve dogs and twelve cats, two of each group."""
    forms = [
        {**LISTED, "id": f"{species}-{breed}-{n}", "species": species, "breed": breed}
        for species in ("dog", "cat")
        for breed in BREEDS
        for n in range(2)
    ]
    return [{**one, "name": "Nina" if one["id"] == "dog-Pug-0" else ""} for one in forms]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("alerts"))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    """Users `dog 0` … and `cat 0` … looked at three such animals each."""
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        fill(client)
        yield client


def fill(client: TestClient) -> None:
    assert client.put("/v1/animals", json=animals()).json()["rejected"] == []
    for species in ("dog", "cat"):
        for n in range(4):
            user = f"{species} {n}"
            put_user(client, user, ALERTS="yes")
            look_at(client, user, *(f"{species}-{BREEDS[n + m]}-1" for m in range(3)))


def put_user(client: TestClient, user: str, **attributes: Any) -> None:
    answer = client.put(f"/v1/users/{user}", json={"attributes": attributes})
    assert answer.status_code == 200, answer.text


def look_at(client: TestClient, user: str, *ids: str) -> None:
    events = [
        {"userId": user, "sessionId": f"s of {user}", "eventType": "favorite", "animal_id": one}
        for one in ids
    ]
    answer = client.post("/v1/events", json=events)
    assert answer.json()["accepted"] == len(ids), answer.text


def matches_of(client: TestClient, animal: str, limit: int = 100) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/animals/{animal}/matches?limit={limit}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["matches"]
    return found
