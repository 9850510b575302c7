"""What was acknowledged survives, exactly once, whatever happens to the process."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from tests.e2e.conftest import Server, Start, run_here
from tests.e2e.writers import Writers, form


def in_table(server: Server, folder: Path, user: str) -> Counter[str]:
    """How often each of the user's events is in the events table."""
    with closing(sqlite3.connect(folder / "pawsonalize.sqlite3")) as database:
        rows = database.execute("SELECT event_id FROM events WHERE user_id = ?", (user,))
        return Counter(event_id for (event_id,) in rows)


def in_history(server: Server, folder: Path, user: str) -> Counter[str]:
    """How often each of the user's events is in the history that the service gives."""
    found: Counter[str] = Counter()
    query = {"limit": "500"}
    with server.client() as client:
        while True:
            page = client.get(f"/v1/users/{user}/history", params=query).json()
            found.update(event["eventId"] for event in page["events"])
            if page["nextCursor"] is None:
                return found
            query["cursor"] = page["nextCursor"]


def in_archive(server: Server, folder: Path, user: str) -> Counter[str]:
    """How often each of the user's events is in the archive's objects."""
    archived = run_here("archive", "run", "--data-dir", str(folder))
    assert archived.exit_code == 0, archived.output
    found: Counter[str] = Counter()
    for path in (folder / "archive").rglob("*.jsonl.zst"):
        lines = zstandard.ZstdDecompressor().decompress(path.read_bytes()).splitlines()
        rows = [json.loads(line) for line in lines]
        found.update(row["eventId"] for row in rows if row.get("userId") == user)
    verified = run_here("archive", "verify", "--data-dir", str(folder))
    assert verified.exit_code == 0, verified.output
    return found


# Every place where an acknowledged event must be, exactly once. A new place is one function.
PLACES: tuple[Callable[[Server, Path, str], Counter[str]], ...] = (in_table, in_history, in_archive)


def assert_exactly_once(server: Server, folder: Path, writers: Writers, user: str) -> None:
    """Each acknowledged event is in every place once; one without an answer at most once."""
    places = [place(server, folder, user) for place in PLACES]
    for found in places:
        lost = set(writers.acknowledged) - found.keys()
        assert not lost, f"{len(lost)} of {len(writers.acknowledged)} acknowledged events are lost"
        assert max(found.values()) == 1
        assert found.keys() <= set(writers.sent)
    assert all(found == places[0] for found in places)


@pytest.mark.parametrize(
    "cuts",
    [
        {"early": 1, "late": 400},
        pytest.param({"early": 1, "soon": 60, "late": 400}, marks=pytest.mark.nightly),
    ],
    ids=len,
)
def test_after_kill_9_each_acknowledged_event_is_there_exactly_once(
    start: Start, tmp_path: Path, cuts: dict[str, int]
) -> None:
    folder = tmp_path / "data"
    for user, acknowledgements in cuts.items():
        server = start(folder)
        writers = Writers(user, server)
        writers.wait_for(acknowledgements)
        server.kill()
        writers.stop()
        with closing(sqlite3.connect(folder / "pawsonalize.sqlite3")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        restarted = start(folder)
        assert_exactly_once(restarted, folder, writers, user)
        # Clients send again what they have no answer for; then all of it is there once.
        with restarted.client() as client:
            for n in range(0, len(writers.sent), 500):
                forms = [form(event_id) for event_id in writers.sent[n : n + 500]]
                receipt = client.post("/v1/events", json=forms).json()
                assert receipt["rejected"] == []
        for place in PLACES:
            assert place(restarted, folder, user) == Counter(writers.sent)
        restarted.kill()


def test_two_servers_on_one_file_lose_and_double_nothing_and_see_each_others_events(
    start: Start, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    one = start(folder)
    two = start(folder)
    writers = Writers("ann", one, two)
    writers.wait_for(100)
    with one.client() as here, two.client() as there:
        for n in range(20):  # while both write, an answer of one is at once true at the other
            sender, reader = (here, there) if n % 2 else (there, here)
            assert sender.post("/v1/events", json=form(f"bob-{n}")).status_code == 202
            newest = reader.get("/v1/users/bob/history?limit=1").json()["events"]
            assert [event["eventId"] for event in newest] == [f"bob-{n}"]
        with ThreadPoolExecutor(8) as pool:  # the same event is sent to both at the same time
            calls = [
                pool.submit(client.post, "/v1/events", json=form(f"eve-{n}"))
                for n in range(50)
                for client in (here, there)
            ]
            receipts = [call.result().json() for call in calls]
    writers.stop()
    assert not writers.refused
    assert sum(receipt["accepted"] for receipt in receipts) == 50
    assert sum(receipt["duplicates"] for receipt in receipts) == 50
    assert in_table(one, folder, "eve").total() == 50
    for server in (one, two):
        assert_exactly_once(server, folder, writers, "ann")


def test_kill_9_with_workers_is_no_different(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    server = start(folder, "--workers", "2")
    writers = Writers("ann", server)
    writers.wait_for(100)
    server.kill()
    writers.stop()
    assert_exactly_once(start(folder), folder, writers, "ann")
