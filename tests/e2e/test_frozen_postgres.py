"""A service whose PostgreSQL froze says so within two seconds, and goes on when that does."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pawsonalize.app.adapters import REPORT_COMMAND
from pawsonalize.app.settings import as_environment
from pawsonalize.core.times import DAY
from pawsonalize.reports.outcomes_process import OutcomesProcesses
from pawsonalize.reports.outcomes_report import OutcomesOrder
from pawsonalize.resources.defaults import DATASET_GROUP
from tests.e2e.conftest import Server, Start
from tests.e2e.writers import form
from tests.event_data import T0
from tests.postgres_server import PostgresServer, postgres_server
from tests.service_data import make_service

_LIMIT_SECONDS = 2.0
_REPORT = 4
"""Which of the requests of `ask` makes a report."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def ask(server: Server, n: int) -> tuple[httpx.Response, float]:
    """One request of those that need the database, and how long its answer took."""
    began = time.monotonic()
    with server.client() as client:
        answer = (
            lambda: client.get("/readyz"),
            lambda: client.post("/v1/recommendations", json={"userId": "ann"}),
            lambda: client.post("/v1/events", json=form(f"event-{n}")),
            lambda: client.get("/v1/users/ann/history"),
            lambda: client.get("/v1/outcomes"),
            lambda: client.get("/v1/animals"),
        )[n % 6]()
    return answer, time.monotonic() - began


def test_every_request_is_refused_in_time_and_the_service_goes_on_at_once(
    start: Start, tmp_path: Path, postgres: PostgresServer
) -> None:
    folder = tmp_path / "data"
    make_service(folder, database_url=postgres.url)
    # Ten reports at once are asked for below, and none is to be refused for that.
    server = start(folder, database_url=postgres.url, reports_at_once="10")
    for n in range(6):
        assert ask(server, n)[0].status_code < 500, n
    with ThreadPoolExecutor(60) as clients:
        with postgres.frozen():
            answers = list(clients.map(lambda n: ask(server, n), range(240)))
            with server.client() as client:
                assert client.get("/healthz").status_code == 200
                assert client.get("/metrics").status_code == 200
        for answer, _ in answers:
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"] == "1"
            for internal in ("127.0.0.1", "pawsonalize@", "SELECT", str(folder)):
                assert internal not in answer.text
        print(f"240 refusals, the slowest after {max(took for _, took in answers):.2f} s")
        assert max(took for _, took in answers) < 4 * _LIMIT_SECONDS, "see the printed figure"
        thawed = time.monotonic()
        while ask(server, 0)[0].status_code != 200:
            assert time.monotonic() - thawed < 30
        print(f"ready {time.monotonic() - thawed:.2f} s after it went on")
        # Of reports only one: ten at once take half a minute beside other tests.
        asked = [n for n in range(60) if n % 6 != _REPORT or n == _REPORT]
        after = [answer for answer, _ in clients.map(lambda n: ask(server, n), asked)]
        assert [answer.text for answer in after if answer.status_code >= 500] == []


def test_the_process_of_a_report_waits_until_the_database_goes_on(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    settings = make_service(tmp_path, database_url=postgres.url)
    environment = os.environ | as_environment(settings)
    processes = OutcomesProcesses(REPORT_COMMAND, environment, look=int)
    with ThreadPoolExecutor(1) as asking, postgres.frozen():
        asked = asking.submit(processes.make, DATASET_GROUP, OutcomesOrder(T0 - DAY, T0 + DAY))
        with pytest.raises(TimeoutError):
            asked.result(5 * _LIMIT_SECONDS)
        with postgres.thawing():
            pass
        assert asked.result().report.total.name == "all"
