"""PostgreSQL fails over or starts again under load: nothing acknowledged is lost."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.events.tables.event_log import EventLog
from tests.e2e.conftest import Server, Start
from tests.e2e.writers import Writers
from tests.postgres_server import PostgresPair, postgres_pair
from tests.service_data import make_service

_BACK_SECONDS = 120


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    with postgres_pair() as pair:
        yield pair


@pytest.fixture
def servers(pair: PostgresPair, tmp_path: Path, start: Start) -> tuple[Server, Server]:
    """Two servers that know both the primary and its standby."""
    settings = make_service(tmp_path / "data", database_url=pair.url)
    one, two = (start(settings.data_dir, database_url=pair.url) for _ in range(2))
    return one, two


def answers_again(server: Server) -> None:
    """Until it stores events and recommends, by itself."""
    deadline = time.monotonic() + _BACK_SECONDS
    with server.client() as client:
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        answer = client.post("/v1/recommendations", json={"userId": "written-0"})
        assert answer.status_code == 200
        assert answer.json()


def lost(writers: Writers, url: str) -> set[str]:
    """What was acknowledged and is not stored."""
    with closing(Database(url)) as database:
        log = EventLog(database)
        stored = {one.event.event_id for one in log.read(0, log.head(), 10**6)}
    return set(writers.acknowledged) - stored


def test_a_standby_takes_over_from_a_primary_that_is_killed(
    pair: PostgresPair, servers: tuple[Server, Server]
) -> None:
    writers = Writers("written", *servers, threads=4)
    writers.wait_for(100)
    pair.kill_primary()
    pair.promote()
    for server in servers:
        answers_again(server)
    writers.wait_for(len(writers.acknowledged) + 100)
    writers.stop()
    assert writers.refused.keys() <= {503}
    assert not lost(writers, pair.standby_url)


def test_a_database_that_starts_again_is_found_again(
    pair: PostgresPair, servers: tuple[Server, Server]
) -> None:
    writers = Writers("written", *servers, threads=4)
    writers.wait_for(100)
    pair.restart_primary()
    for server in servers:
        answers_again(server)
    writers.wait_for(len(writers.acknowledged) + 100)
    writers.stop()
    assert writers.refused.keys() <= {503}
    assert not lost(writers, pair.primary_url)


@pytest.mark.nightly
def test_a_standby_takes_over_from_a_primary_that_froze(
    pair: PostgresPair, servers: tuple[Server, Server]
) -> None:
    writers = Writers("written", *servers, threads=4)
    writers.wait_for(100)
    pair.freeze_primary()
    pair.promote()
    for server in servers:
        answers_again(server)
    writers.wait_for(len(writers.acknowledged) + 100)
    writers.stop()
    assert writers.refused.keys() <= {503}
    pair.kill_primary()
    assert not lost(writers, pair.standby_url)
