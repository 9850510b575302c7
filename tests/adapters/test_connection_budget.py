"""No process opens more connections to PostgreSQL than it may, and too many are one clear error."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import TimeoutError as NoneFree

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import StorageUnavailable
from tests.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        Database(server.url).close()
        yield server


@pytest.mark.parametrize("most", [4, 7])
def test_a_process_opens_no_more_than_it_may(
    server: PostgresServer, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(server.url, connections=most)) as database, ExitStack() as held:
        assert database._remote is not None
        monkeypatch.setattr(database._remote.patient.pool, "_timeout", 0.2)
        for connected in (database._connected, in_time(database._connected)):
            with suppress(NoneFree):
                for _ in range(most + 1):
                    held.enter_context(connected())
        others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        with psycopg.connect(server.url) as counting:
            found = counting.execute(others).fetchone()
        assert found is not None
        assert most - 1 <= found[0] - 1 <= most, "one connection only asks for a sign of life"


def test_a_server_that_takes_no_more_connections_is_one_clear_error(server: PostgresServer) -> None:
    with closing(Database(server.url)) as database:
        limit = database.connection_limit()
    assert limit is not None
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE ROLE visitor LOGIN")
    url = server.url.replace("pawsonalize@", "visitor@")
    with ExitStack() as others:
        with suppress(psycopg.OperationalError):
            for _ in range(limit + 1):
                others.enter_context(psycopg.connect(url))
        said = "PostgreSQL takes no more connections: lower database_connections or workers"
        with pytest.raises(StorageUnavailable, match=said):
            Database(url)


def test_a_sqlite_file_has_no_limit(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/one.sqlite3")) as database:
        assert database.connection_limit() is None
