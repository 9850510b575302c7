"""Reads from a standby: what it lacks is waited for, and the primary answers when it cannot."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from pawsonalize.app.adapters import opened
from pawsonalize.domain.errors import InvalidInput, StorageUnavailable
from pawsonalize.storage import replica as replicas
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.event_log import EventLog
from tests.event_data import T0, event
from tests.postgres_server import PostgresPair, PostgresServer, postgres_pair, postgres_server
from tests.service_data import make_service
from tests.training import train_and_serve

_IN_RECOVERY = text("SELECT pg_is_in_recovery()")


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    with postgres_pair() as pair:
        yield pair


@pytest.fixture
def database(pair: PostgresPair, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with its replica, which is asked again soon after it failed."""
    monkeypatch.setattr(replicas, "_AGAIN_SECONDS", 0.0)
    with closing(Database(pair.primary_url, read_url=pair.standby_url)) as database:
        wait_until(lambda: is_replica(database.caught_up()))
        yield database


def is_replica(database: Database) -> bool:
    with database.reading() as connection:
        return bool(connection.scalar(_IN_RECOVERY))


def wait_until(done: object) -> None:
    assert callable(done)
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_only_who_may_be_a_moment_behind_reads_the_replica(
    pair: PostgresPair, database: Database
) -> None:
    pair.on_primary("ALTER SYSTEM SET synchronous_standby_names = ''")
    pair.on_primary("SELECT pg_reload_conf()")
    pair.on_standby("SELECT pg_wal_replay_pause()")
    EventLog(database).append([event("new")])
    assert is_replica(database.replica_reads())
    assert EventLog(database.replica_reads()).head() == 0
    assert EventLog(database).head() == 1
    assert EventLog(database.caught_up(within=0.1)).head() == 1, "the primary itself"
    pair.on_standby("SELECT pg_wal_replay_resume()")
    found = database.caught_up()
    assert is_replica(found)
    assert EventLog(found).head() == 1


def test_a_replica_that_goes_away_in_the_middle_of_a_read_costs_nothing(
    pair: PostgresPair, database: Database
) -> None:
    assert database.replica is not None
    reads = database.replica_reads()
    with reads.reading() as connection:
        assert connection.scalar(_IN_RECOVERY) is True
        pair.stop_standby()
        assert connection.scalar(_IN_RECOVERY) is False
        assert connection.scalar(_IN_RECOVERY) is False
    with pytest.raises(StorageUnavailable, match=f":{pair.standby_port}/.* does not answer"):
        database.replica.look()


def test_a_training_reads_the_replica_once_that_has_every_event_up_to_its_cut(
    pair: PostgresPair, tmp_path: Path
) -> None:
    settings = make_service(tmp_path, train=False, database_url=pair.primary_url)
    pair.wait_for_standby()  # a replica without its tables is left alone for a while
    settings = replace(settings, database_read_url=pair.standby_url)
    pair.on_standby("ALTER SYSTEM SET log_statement = 'all'")
    pair.on_standby("SELECT pg_reload_conf()")
    with opened(settings) as adapters:
        trained = train_and_serve(adapters, T0 + 1000)
    assert "event_value, events.properties" in pair.standby_log.read_text()
    with opened(make_service(tmp_path / "alone", train=False)) as alone:
        same = train_and_serve(alone, T0 + 1000)
    assert trained.fingerprint == same.fingerprint


def test_another_database_is_no_replica(pair: PostgresPair) -> None:
    with postgres_server() as other:
        Database(other.url).close()
        with closing(Database(pair.primary_url, read_url=other.url)) as database:
            assert not is_replica(database.replica_reads())
            assert database.replica is not None
            with pytest.raises(StorageUnavailable, match="no replica of the database"):
                database.replica.look()


def test_a_replica_of_sqlite_is_refused(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/db", "postgresql://localhost/x"):
        read_url = f"sqlite:///{tmp_path}/other" if url.startswith("post") else "postgresql://x/y"
        with pytest.raises(InvalidInput, match="database_read_url"):
            Database(url, read_url=read_url)


def test_a_replica_that_froze_is_not_waited_for(pair: PostgresPair, database: Database) -> None:
    frozen = PostgresServer(pair.standby_pid, pair.standby_port)
    pair.on_primary("ALTER SYSTEM SET synchronous_standby_names = ''")
    pair.on_primary("SELECT pg_reload_conf()")
    with frozen.frozen():
        assert not is_replica(database.replica_reads())
    wait_until(lambda: is_replica(database.replica_reads()))
