"""A server that stands still, or is cut off, in the middle of a write: the others go on."""

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.e2e.conftest import Server, Start
from tests.e2e.test_failover import lost
from tests.e2e.writers import Writers, form
from tests.plugins.streams.brokers.broker import Proxy
from tests.postgres_server import PostgresServer, postgres_server
from tests.service_data import make_service

_ANSWER_SECONDS = 2.0
_OUTAGE_SECONDS = 15.0
_SLOWER = 2  # on a machine that runs other tests beside this one
# The holder of the lock says nothing; a living one would by now.
_HOLDER = """
    SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND a.state = 'idle in transaction'
      AND clock_timestamp() - a.state_change > interval '300 ms'
"""


Fault = Callable[[Server, Proxy], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres_server() as server:
        make_service(tmp_path_factory.mktemp("first"), database_url=server.url)
        yield server


class Watch:
    """Writes to one server, one call after the other, and notes how it is answered."""

    def __init__(self, server: Server) -> None:
        self.slowest = self.longest_outage = 0.0
        self.acknowledged: list[str] = []
        self.not_ready = 0
        self._name, self._server = f"watch{uuid.uuid4().hex}", server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run) for run in (self._write, self._look)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _write(self) -> None:
        succeeded = time.monotonic()
        with self._server.client() as client:
            for number in range(1_000_000):
                if self._stop.is_set():
                    return
                began, event_id = time.monotonic(), f"{self._name}-{number}"
                answer = client.post("/v1/events", json=form(event_id))
                now = time.monotonic()
                self.slowest = max(self.slowest, now - began)
                if answer.status_code == 202:
                    self.longest_outage = max(self.longest_outage, now - succeeded)
                    succeeded = now
                    self.acknowledged.append(event_id)
                else:
                    assert answer.status_code == 503, answer.text
                time.sleep(0.01)

    def _look(self) -> None:
        with self._server.client() as client:
            while not self._stop.wait(0.2):
                self.not_ready += client.get("/readyz?without=models").status_code == 503


@contextmanager
def stopped(server: Server, _: Proxy) -> Iterator[None]:
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)


@contextmanager
def stalled(_: Server, proxy: Proxy) -> Iterator[None]:
    proxy.cut()
    try:
        yield
    finally:
        proxy.resume()


@contextmanager
def cut_off(_: Server, proxy: Proxy) -> Iterator[None]:
    proxy.cut()
    try:
        yield
    finally:
        proxy.mend()


def holds_the_lock(postgres: PostgresServer) -> bool:
    """True if the writers' lock is held by a session that stands still."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        for _ in range(8):
            if connection.execute(_HOLDER).fetchone() is not None:
                return True
            time.sleep(0.1)
    return False


def trial(
    start: Start, folder: Path, postgres: PostgresServer, fault: Fault, times: int
) -> list[tuple[float, float]]:
    """Let one of three servers fail while it holds the lock, as often as that.

    Returns the slowest answer of the healthy servers and their longest time without a write.
    """
    address = urlsplit(postgres.url)
    assert address.port is not None
    with Proxy("127.0.0.1", address.port) as proxy:
        far = urlunsplit(address._replace(netloc=f"pawsonalize@127.0.0.1:{proxy.port}"))
        failing = start(folder / "failing", "--workers", "2", database_url=far)
        healthy = [start(folder / name, database_url=postgres.url) for name in ("north", "south")]
        measured = []
        for number in range(times):
            writers = Writers(f"{folder.name}{number}", failing, threads=8)
            writers.wait_for(20)
            watches = fail_with_the_lock(lambda: fault(failing, proxy), healthy, postgres)
            writers.stop()
            writers.acknowledged += [one for watch in watches for one in watch.acknowledged]
            assert not lost(writers, postgres.url)
            assert all(watch.not_ready for watch in watches), "/readyz said that writes succeed"
            measured += [(watch.slowest, watch.longest_outage) for watch in watches]
        for server in (failing, *healthy):
            server.kill()
    return measured


def fail_with_the_lock(
    fault: Callable[[], AbstractContextManager[None]],
    healthy: list[Server],
    postgres: PostgresServer,
) -> list[Watch]:
    """Repeat the fault until it meets a server in a write, and return what others saw of that."""
    for _ in range(200):
        watches = [Watch(server) for server in healthy]
        with fault():
            held = holds_the_lock(postgres)
            if held:
                time.sleep(_OUTAGE_SECONDS)
        for watch in watches:
            watch.end()
        if held:
            return watches
        time.sleep(0.2)
    pytest.fail("the failing server never held the lock")


def check(name: str, measured: list[tuple[float, float]]) -> None:
    slowest = max(answer for answer, _ in measured)
    outage = max(outage for _, outage in measured)
    print(f"{name}: slowest answer after {slowest:.2f} s, no write for {outage:.1f} s")
    assert slowest < _SLOWER * _ANSWER_SECONDS, "see the printed figure"
    assert outage < _OUTAGE_SECONDS


@pytest.mark.nightly
def test_the_others_store_events_however_often_a_server_is_stopped_or_cut_off(
    start: Start, tmp_path: Path, postgres: PostgresServer
) -> None:
    for fault in (stopped, stalled, cut_off):
        check(fault.__name__, trial(start, tmp_path / fault.__name__, postgres, fault, 5))
