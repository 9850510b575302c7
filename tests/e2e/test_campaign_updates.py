"""Campaign updates under load: no request fails, and no answer is of two versions."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.core import clock
from pawsonalize.resources.kind import Status
from tests.e2e.conftest import Server, Start
from tests.event_data import T0
from tests.service_data import CATS, DOGS, make_service, metadata
from tests.training import train

ASKED = {"userId": "seed 0", "limit": 20, "at": "2026-05-17T12:00:01Z"}
LIST = {
    "userId": "seed 0",
    "at": ASKED["at"],
    "itemMetadataList": [
        {"itemId": group, "animalMetadata": metadata(group)} for group in (*DOGS, *CATS)
    ],
}
VERSIONS = ("calm", "quick")


class Askers:
    """Threads that ask both questions, each time on a connection of their own, until stopped."""

    def __init__(self, server: Server) -> None:
        self.failures: list[str] = []
        self.recommendations: list[dict[str, Any]] = []
        self.rankings: list[dict[str, Any]] = []
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                # A connection each time reaches either worker.
                with self._server.client() as client:
                    for _ in range(5):
                        answer = client.post("/v1/recommendations?detail=full", json=ASKED)
                        ranking = client.post("/v1/rerankings", json=LIST)
                        answer.raise_for_status()
                        ranking.raise_for_status()
                        self.recommendations.append(answer.json())
                        self.rankings.append(ranking.json())
            except httpx.HTTPError as error:
                self.failures.append(repr(error))


@contextmanager
def two_versions(folder: Path) -> Iterator[Adapters]:
    """A data folder with two versions of the recommender, whose answers differ in every score."""
    with opened(make_service(folder, train=False)) as adapters:
        for name, recipe in zip(
            VERSIONS, ("popularity-count", "user-personalization"), strict=True
        ):
            train(adapters, T0 + 1000, recipe=recipe, name=name)
        yield adapters


def update(adapters: Adapters, version: str) -> None:
    """Ask for the version and wait until the campaign says that it is served."""
    adapters.campaigns.update("recommender", version, clock.now())
    deadline = time.monotonic() + 120
    while (served := adapters.campaigns.get("recommender")).pending is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert served.solution_version == version
    assert served.latest_update is not None
    assert served.latest_update.status is Status.ACTIVE


def version_of_a_worker(server: Server) -> str:
    with server.client() as client:
        found: str = client.get("/readyz").json()["solutionVersion"]
    return found


def everywhere(server: Server, version: str) -> float:
    """Seconds until ten connections in a row meet the version."""
    started = time.monotonic()
    met = 0
    while met < 10:
        met = met + 1 if version_of_a_worker(server) == version else 0
        assert time.monotonic() < started + 60
    return time.monotonic() - started


def content(recommendation: dict[str, Any]) -> list[tuple[str, float]]:
    return [(each["id"], each["score"]) for each in recommendation["recommendations"]]


@pytest.mark.parametrize("updates", [4, pytest.param(20, marks=pytest.mark.nightly)])
def test_updates_in_a_row_cost_no_request_and_mix_no_answer(
    start: Start, tmp_path: Path, updates: int
) -> None:
    folder = tmp_path / "data"
    with two_versions(folder) as adapters:
        adapters.campaigns.update("recommender", VERSIONS[0], clock.now())
        server = start(folder, "--workers", "2")
        everywhere(server, VERSIONS[0])
        askers = Askers(server)
        for number in range(updates):
            update(adapters, VERSIONS[(number + 1) % 2])
        everywhere(server, VERSIONS[updates % 2])
        askers.stop()
        assert askers.failures == []
        of_version: dict[str, set[str]] = {name: set() for name in VERSIONS}
        for answer in askers.recommendations:
            of_version[answer["solutionVersion"]].add(repr(content(answer)))
        # Whole answers are compared: one place of another version would be one more.
        assert [len(answers) for answers in of_version.values()] == [1, 1]
        assert of_version["calm"] != of_version["quick"]
        rankings = {
            repr(each["personalizeResponse"]["personalizedRanking"]) for each in askers.rankings
        }
        assert len(rankings) == 2
        print(
            f"{len(askers.recommendations)} answers and as many rankings during {updates} updates"
        )
    assert server.stop() == 0
    assert "Traceback" not in server.output.read_text()
