"""A status is true for every worker from the moment on that it is acknowledged."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from tests.animal_data import animal
from tests.e2e.conftest import Server, Start
from tests.event_data import T0, event
from tests.training import train_and_serve

GROUPS = [f"2-Beagle-{size}-{age}" for size in "123" for age in "123"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One animal of each group, and a model that knows all of them."""
    folder = tmp_path / "data"
    settings = Settings(data_dir=folder, retrain_here=False)
    with opened(settings) as adapters:
        adapters.catalogue.put_items([Item(group, {}) for group in GROUPS])
        adapters.log.append([event(f"e{n}", item=group, at=n) for n, group in enumerate(GROUPS)])
        adapters.animals.put([animal(group, group, name=f"Dog {group}") for group in GROUPS], T0)
        train_and_serve(adapters, T0 + 1000)
    return folder


def recommended(server: Server) -> set[str]:
    """Over a connection of its own, which any of the workers may take."""
    with server.client() as client:
        answer = client.post("/v1/recommendations", json={"userId": "ann", "limit": 100})
    return {item["id"] for item in answer.raise_for_status().json()}


def animals_shown(server: Server) -> set[str]:
    """The same of individual animals; each bears the id of its group."""
    with server.client() as client:
        body = {"userId": "ann", "of": "animals", "limit": 100}
        answer = client.post("/v1/recommendations", json=body)
    return {place["id"] for place in answer.raise_for_status().json()}


def change(server: Server, animal_id: str, status: str) -> httpx.Response:
    with server.client() as client:
        return client.post(f"/v1/animals/{animal_id}/status", json={"status": status})


def test_of_many_who_change_a_status_at_once_no_two_break_the_steps(
    start: Start, folder: Path
) -> None:
    server = start(folder, "--workers", "2")
    gone: set[str] = set()
    done = threading.Event()

    def look() -> list[set[str]]:
        seen = []
        while not done.is_set():
            before = set(gone)
            seen.append(before & (recommended(server) | animals_shown(server)))
        return seen

    def adopt(group: str) -> list[int]:
        codes = [change(server, group, status).status_code for status in ("hold", "adopted")]
        gone.add(group)
        return codes

    with ThreadPoolExecutor() as threads:
        looking = threads.submit(look)
        codes = list(threads.map(adopt, [*GROUPS, *GROUPS]))
        done.set()
        assert all(not shown for shown in looking.result())
    # Who comes second finds the animal adopted, which only a return may follow.
    assert all(code in {200, 409} for pair in codes for code in pair)
    assert recommended(server) == animals_shown(server) == set()
    with server.client() as client:
        for group in GROUPS:
            told = [one["status"] for one in client.get(f"/v1/animals/{group}").json()["history"]]
            assert told == ["available", "hold", "adopted"]
