"""A SQLite file that is moved away and put back under load: nothing acknowledged is lost."""

import itertools
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Server, Start
from tests.e2e.test_failover import lost
from tests.e2e.writers import Writers
from tests.service_data import make_service


def read_until(stopped: threading.Event, server: Server, number: int) -> None:
    """Ask for what needs new connections to the database."""
    with server.client() as client:
        for n in itertools.count():
            if stopped.is_set():
                return
            client.post("/v1/recommendations", json={"userId": f"reader-{number}-{n}"})
            client.get(f"/v1/users/reader-{number}/history")
            client.get("/v1/animals")


def move_and_put_back(server: Server, file: Path, name: str) -> Writers:
    """Move the file away under writes and reads, wait, and put it back."""
    writers = Writers(name, server, threads=4)
    writers.wait_for(40)
    away = file.rename(file.with_name("away"))
    time.sleep(0.3)
    assert not file.exists(), "something made another file in its place"
    away.rename(file)
    writers.wait_for(len(writers.acknowledged) + 20)
    writers.stop()
    return writers


@pytest.mark.parametrize("moves", [3, pytest.param(100, marks=pytest.mark.nightly)])
def test_each_acknowledged_event_is_there_however_often_the_file_was_moved(
    start: Start, tmp_path: Path, moves: int
) -> None:
    settings = make_service(tmp_path / "data")
    file = settings.data_dir / "pawsonalize.sqlite3"
    stopped, acknowledged = threading.Event(), []
    server = start(settings.data_dir)
    readers = [
        threading.Thread(target=read_until, args=(stopped, server, number), daemon=True)
        for number in range(8)
    ]
    for reader in readers:
        reader.start()
    for move in range(moves):
        writers = move_and_put_back(server, file, f"moved{move}")
        assert set(writers.refused) <= {503}
        acknowledged += writers.acknowledged
    stopped.set()
    for reader in readers:
        reader.join(60)
    server.kill()
    writers.acknowledged = acknowledged
    assert not lost(writers, settings.database)
    print(f"{moves} moves: all of {len(acknowledged):,} acknowledged events are there")
