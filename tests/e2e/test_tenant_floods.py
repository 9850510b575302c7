"""One dataset group floods a server, and another one's answers keep coming."""

import http.client
import json
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.core import clock
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.solutions import Solution
from pawsonalize.train.solutions import DatasetGroups
from tests.e2e.conftest import Server, Start
from tests.event_data import T0, event
from tests.service_data import CATS, DOGS, make_service, metadata, view

FLOODING, CALM = "pawsonalize", "modest"
FLOOD = 40  # requests at the same time
ANSWERS = 12
HEAVY = {
    "userId": "ann",
    "itemMetadataList": [
        {"itemId": f"a{n}", "animalMetadata": metadata((CATS + DOGS)[n % 12])} for n in range(400)
    ],
}


@pytest.fixture
def server(start: Start, tmp_path: Path) -> Server:
    """A server of two dataset groups that both serve a model."""
    folder = tmp_path / "data"
    settings = make_service(folder)
    with opened(settings) as adapters:
        now = clock.now()
        DatasetGroups(adapters.registry).create(CALM, now)
        rows = [
            event(f"{user}-{n}", user=f"u{user}", item=CATS[n], at=n, dataset_group=CALM)
            for user in range(5)
            for n in range(4)
        ]
        adapters.log.append(rows)
        adapters.registry.create(
            Solution(name=CALM, dataset_group=CALM, recipe="popularity-count"), now
        )
        version = adapters.versions.create(CALM, as_of=T0 + 1000, now=now)
        adapters.trainer.train(version.name)
        adapters.registry.create(Campaign(name=CALM, solution=CALM), now)
        adapters.campaigns.update(CALM, version.name, now)
    return start(folder, "--workers", "1")


class Load:
    """Threads that ask and ask again; it counts what was answered, by status."""

    def __init__(self, port: int, path: str, body: Any) -> None:
        self.answered: Counter[int] = Counter()
        self._port, self._path = port, path
        self._body = json.dumps(body).encode()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def ask(self, connection: http.client.HTTPConnection) -> int:
        connection.request("POST", self._path, self._body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        self.answered[answer.status] += 1
        return answer.status

    def begin(self, threads: int) -> None:
        self._threads = [threading.Thread(target=self._go_on) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            while not self._over.is_set():
                self.ask(connection)


def floods(server: Server, path: str, body: Any, calm: Load) -> tuple[int, int]:
    """How often each was answered until the calm one had enough answers, one after the other."""
    flood = Load(server.port, path, body)
    flood.begin(FLOOD)
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        while flood.answered.total() < FLOOD:  # it is at work
            calm.ask(connection)
        before, calm_before = flood.answered.total(), calm.answered.total()
        while calm.answered.total() - calm_before < ANSWERS:
            calm.ask(connection)
        after = flood.answered.total()
    flood.end()
    print("answered of the flood:", after - before, "of the calm one:", ANSWERS)
    assert set(flood.answered) <= {200, 202, 503}
    assert set(calm.answered) <= {200, 202}, "an answer of the calm one was lost"
    return after - before, ANSWERS


def test_a_flood_of_queries_of_one_costs_another_a_turn_and_not_its_answers(server: Server) -> None:
    with server.client() as client:
        asked = {"userId": "u1", "datasetGroup": CALM}
        while client.post("/v1/recommendations", json=asked).status_code != 200:
            pass  # its model loads
    calm = Load(server.port, "/v1/recommendations", asked)
    greedy, modest = floods(server, "/v1/rerankings", HEAVY, calm)
    # Served as they come, it would be one of the calm one for each of the others that wait.
    assert greedy < modest * FLOOD / 2, (greedy, modest)


def test_a_flood_of_events_of_one_costs_another_a_turn_and_not_its_events(server: Server) -> None:
    many = [view(f"user {n}", CATS[n % 6]) for n in range(200)]
    one = view("ann", CATS[0])
    calm = Load(server.port, f"/v1/events?datasetGroup={CALM}", one)
    greedy, modest = floods(server, "/v1/events", many, calm)
    assert greedy < modest * FLOOD / 2, (greedy, modest)
