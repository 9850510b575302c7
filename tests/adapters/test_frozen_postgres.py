"""A PostgreSQL that froze costs a request two seconds at most, and its end is seen at once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from sqlalchemy import text

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.events.tables.event_log import EventLog
from tests.event_data import event
from tests.postgres_server import PostgresServer, postgres_server

_LIMIT_SECONDS = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    database = Database(server.url)
    yield database
    database.close()


def read(database: Database) -> object:
    with database.reading() as connection:
        return connection.execute(text("SELECT 1")).scalar()


def test_whoever_waits_for_an_answer_is_refused_in_time_however_many_they_are(
    server: PostgresServer, database: Database
) -> None:
    def refused(_: int) -> float:
        began = time.monotonic()
        with pytest.raises(StorageUnavailable) as told:
            in_time(read)(database)
        assert "127.0.0.1" not in told.value.message
        return time.monotonic() - began

    in_time(read)(database)
    with server.frozen(), ThreadPoolExecutor(40) as threads:
        assert max(threads.map(refused, range(200))) < _LIMIT_SECONDS
        assert min(map(refused, range(5))) < 0.1, "it is known by now"


def test_when_the_server_goes_on_so_does_everything(
    server: PostgresServer, database: Database
) -> None:
    in_time(read)(database)
    with server.frozen(), pytest.raises(StorageUnavailable):
        in_time(read)(database)
    wait_until_answered(database)


def test_a_new_connection_to_a_frozen_server_is_given_up_in_time(server: PostgresServer) -> None:
    database = Database(server.url)
    with server.frozen():
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            in_time(read)(database)
        assert time.monotonic() - began < _LIMIT_SECONDS
    wait_until_answered(database)
    database.close()


def test_connections_that_are_open_go_on_while_no_new_ones_are_taken(
    server: PostgresServer, database: Database
) -> None:
    in_time(read)(database)
    time.sleep(0.2)  # the pulse was asked, and has its connection by now
    with server.taking_no_connections():
        with database._answering.connect(), pytest.raises(StorageUnavailable):
            in_time(read)(database)  # needs a second one
        assert in_time(read)(database) == 1


def test_work_in_the_background_waits_for_the_server(
    server: PostgresServer, database: Database
) -> None:
    with ThreadPoolExecutor(1) as threads:
        with server.frozen():
            waiting = threads.submit(read, database)
            time.sleep(2.5)
            assert not waiting.done()
        assert waiting.result(60) == 1


def test_a_slow_statement_of_a_living_server_is_no_silence(database: Database) -> None:
    def slow() -> object:
        with database.reading() as connection:
            return connection.execute(text("SELECT 1 FROM pg_sleep(2.5)")).scalar()

    assert in_time(slow)() == 1


def test_events_sent_again_after_a_commit_without_an_answer_count_once(
    server: PostgresServer, database: Database
) -> None:
    log, one = EventLog(database), [event("sent twice")]
    before = log.head()
    in_time(read)(database)
    sqlalchemy.event.listen(database._answering, "commit", lambda _: server.freeze(), once=True)
    with server.thawing(), pytest.raises(StorageUnavailable, match="send the request again"):
        in_time(log.append)(one)
    wait_until_answered(database)
    deadline = time.monotonic() + 120
    while log.head() == before:  # the server goes on with what nobody waits for
        assert time.monotonic() < deadline
    assert in_time(log.append)(one) == [False]
    assert log.head() == before + 1


def wait_until_answered(database: Database) -> None:
    """The first answer comes within a second of the server's first breath."""
    began = time.monotonic()
    while True:
        try:
            assert in_time(read)(database) == 1
        except StorageUnavailable:
            assert time.monotonic() - began < 30
            time.sleep(0.01)
        else:
            return
