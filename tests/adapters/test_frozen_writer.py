"""A process that stands still in the middle of a write keeps others from writing for seconds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from sqlalchemy import text

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import StorageUnavailable
from tests.plugins.streams.brokers.broker import Proxy
from tests.postgres_server import PostgresServer, postgres_server

_ANSWER_SECONDS = 2.0
_OUTAGE_SECONDS = 10.0
_ROOT = Path(__file__).parents[2]

# Many threads want to write, as workers would; one of them has the lock and says so. It goes on
# with a statement every 0.1 s until it is stopped, or reads rows that it then takes in no more.
_CHILD = """
import sys, threading, time
from sqlalchemy import text
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.database.database import Database

url, awaited, rows = sys.argv[1], sys.argv[2] == "request", sys.argv[3] == "rows"
large = "SELECT repeat('x', 1000000) FROM generate_series(1, 100)"

def write(database):
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE begun (n INTEGER)"))
        print("writing", flush=True)
        while True:
            connection.execute(text(large if rows else "SELECT 1")).all()
            time.sleep(0 if rows else 0.1)

databases = [Database(url) for _ in range(4)]
for database in databases:
    call = in_time(write) if awaited else write
    threading.Thread(target=call, args=(database,), daemon=True).start()
time.sleep(600)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    database = Database(server.url)
    yield database
    database.close()


@contextmanager
def writer(url: str, whose: str, of: str = "statements") -> Iterator["subprocess.Popen[str]"]:
    """A process in the middle of a write."""
    child = subprocess.Popen(
        (sys.executable, "-c", _CHILD, url, whose, of),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_ROOT,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def write(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS written (n INTEGER)"))
        connection.execute(text("INSERT INTO written VALUES (1)"))


def outage(database: Database) -> float:
    """Write as requests do until that succeeds, and return the seconds that it took."""
    began = time.monotonic()
    while True:
        tried = time.monotonic()
        reason = refused(database)
        took = time.monotonic() - tried
        if reason is None:
            return time.monotonic() - began
        assert took < _ANSWER_SECONDS
        assert "send the request again" in reason
        assert tried - began < 60


def refused(database: Database) -> str | None:
    """Write once; return why that was refused, or None."""
    try:
        in_time(write)(database)
    except StorageUnavailable as error:
        return error.message
    return None


def begun(server: PostgresServer) -> object:
    with psycopg.connect(server.url) as connection:
        (table,) = connection.execute("SELECT to_regclass('begun')").fetchone() or (None,)
    return table


@pytest.mark.parametrize("whose", ["request", "work"])
@pytest.mark.parametrize("of", ["statements", "rows"])
def test_others_write_again_soon_after_a_writer_was_stopped(
    server: PostgresServer, database: Database, whose: str, of: str
) -> None:
    with writer(server.url, whose, of) as child:
        time.sleep(0.3)
        os.kill(child.pid, signal.SIGSTOP)
        took = outage(database)
        print(f"{whose}, {of}: no writes for {took:.1f} s")
        assert took < _OUTAGE_SECONDS
        assert begun(server) is None, "nothing of the stopped write is there"
        assert database.why_not_writable() is None


@pytest.mark.parametrize("whose", ["request", "work"])
def test_others_write_again_soon_after_a_writer_was_cut_off(
    server: PostgresServer, database: Database, whose: str
) -> None:
    address = urlsplit(server.url)
    assert address.port is not None
    with Proxy("127.0.0.1", address.port) as proxy:
        far = urlunsplit(address._replace(netloc=f"pawsonalize@127.0.0.1:{proxy.port}"))
        with writer(far, whose):
            proxy.cut()
            took = outage(database)
    print(f"{whose}, cut off: no writes for {took:.1f} s")
    assert took < _OUTAGE_SECONDS
    assert begun(server) is None


def test_others_write_again_soon_after_a_writer_froze_between_the_messages_of_a_statement(
    server: PostgresServer, database: Database
) -> None:
    frozen = Database(server.url)

    def begin() -> None:
        with frozen.writing() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            driver.pgconn.enter_pipeline_mode()
            driver.pgconn.send_query_params(b"SELECT 1", None)
            driver.pgconn.send_flush_request()
            while driver.pgconn.flush():
                pass
            took.append(outage(database))

    took: list[float] = []
    with pytest.raises(StorageUnavailable):
        begin()
    frozen.close()
    print(f"between messages: no writes for {took[0]:.1f} s")
    assert took[0] < _OUTAGE_SECONDS


def test_work_that_nobody_awaits_waits_until_a_living_writer_ends(
    server: PostgresServer, database: Database
) -> None:
    with writer(server.url, "work") as child:
        began = time.monotonic()
        assert "lock of all writers" in (refused(database) or "")
        assert "lock of all writers" in (database.why_not_writable() or "")
        assert time.monotonic() - began < 2 * _ANSWER_SECONDS
        child.kill()
        write(database)
