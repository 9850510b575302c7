"""A disk that is full or read-only: said clearly, nothing corrupted, over when it is over."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Server, Start, run
from tests.e2e.test_crash import assert_exactly_once
from tests.e2e.writers import Writers, form
from tests.service_data import make_service
from tests.waiting import wait_until


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def write_until_refused(server: Server, prefix: str) -> tuple[list[str], dict[str, str]]:
    """Send events until one call is refused: what was acknowledged, and the error."""
    acknowledged: list[str] = []
    with server.client() as client:
        for call in range(400):
            ids = [f"{prefix}-{call}-{n}" for n in range(100)]
            answer = client.post("/v1/events", json=[form(each) for each in ids])
            if answer.status_code != 202:
                assert answer.status_code == 503, answer.text
                assert answer.headers["retry-after"]
                error: dict[str, str] = answer.json()["error"]
                return acknowledged, error
            acknowledged += ids
    pytest.fail("the disk never filled")


def history(server: Server, user: str) -> set[str]:
    found: set[str] = set()
    query = {"limit": "500"}
    with server.client() as client:
        while True:
            page = client.get(f"/v1/users/{user}/history", params=query).json()
            found |= {event["eventId"] for event in page["events"]}
            if page["nextCursor"] is None:
                return found
            query["cursor"] = page["nextCursor"]


def assert_reads_go_on(server: Server) -> None:
    with server.client() as client:
        for _ in range(5):
            answer = client.post("/v1/recommendations", json={"userId": "ann"})
            assert answer.status_code == 200, answer.text


def assert_not_ready_to_write(server: Server, reason: str) -> None:
    with server.client() as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503, answer.text
        message = answer.json()["error"]["message"]
        assert reason in message
        assert "answers go on" in message
        name = 'pawsonalize_problem{name="events cannot be stored"} 1.0'
        assert name in client.get("/metrics").text


def test_a_full_disk_is_a_503_that_says_so_and_ends_when_there_is_space(
    start: Start, tiny_disk: Path
) -> None:
    data = tiny_disk / "data"
    make_service(data)
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    server = start(data)
    acknowledged, error = write_until_refused(server, "ann")
    assert error["code"] == "storage_unavailable"
    assert "full" in error["message"]
    assert "free some space" in error["message"]
    assert_reads_go_on(server)
    assert_not_ready_to_write(server, "full: free some space")
    assert history(server, "ann") == set(acknowledged), "a refused call is not stored in part"
    ballast.unlink()
    with server.client() as client:
        assert client.get("/readyz").status_code == 200, "and that before the next event"
        assert client.post("/v1/events", json=form("ann-again")).status_code == 202
    server.kill()
    restarted = start(data)
    assert history(restarted, "ann") == {*acknowledged, "ann-again"}


def fill(disk: Path, *, room: int = 0) -> Path:
    """Fill a disk but for so many bytes; what to delete for it to have space again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(ballast, ballast.stat().st_size - room)
    return ballast


@pytest.mark.parametrize("room", [0, 36_864])
def test_a_start_on_a_full_disk_answers_as_a_running_server_does(
    start: Start, tiny_disk: Path, room: int
) -> None:
    data = tiny_disk / "data"
    make_service(data)
    ballast = fill(tiny_disk, room=room)
    server = start(data)
    assert_reads_go_on(server)
    acknowledged, error = write_until_refused(server, "ann")
    assert (acknowledged, error["code"]) == ([], "storage_unavailable")
    assert "full: free some space" in error["message"]
    assert_not_ready_to_write(server, "full: free some space")
    assert "Traceback" not in server.output.read_text()
    ballast.unlink()
    with server.client() as client:
        assert client.post("/v1/events", json=form("ann-1")).status_code == 202
        assert client.get("/readyz").status_code == 200
    assert history(server, "ann") == {"ann-1"}


def test_a_server_that_was_killed_on_a_full_disk_starts_again_with_every_event(
    start: Start, tiny_disk: Path
) -> None:
    data = tiny_disk / "data"
    make_service(data)
    server = start(data)
    acknowledged, _error = write_until_refused(server, "ann")
    fill(tiny_disk)
    server.kill()
    again = start(data)
    assert_reads_go_on(again)
    assert history(again, "ann") == set(acknowledged)
    assert "Traceback" not in again.output.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_writes_that_fail_halfway_are_503s_and_the_service_recovers(
    start: Start, tmp_path: Path
) -> None:
    import resource

    data = tmp_path / "data"
    make_service(data)
    server = start(data)
    writers = Writers("ann", server)
    writers.wait_for(100)
    largest = max(file.stat().st_size for file in data.glob("pawsonalize.sqlite3*"))
    unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (largest + 5000, unlimited[1]))
    _acknowledged, error = write_until_refused(server, "bob")
    assert error["code"] == "storage_unavailable"
    assert "the disk" in error["message"]
    assert_reads_go_on(server)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
    with server.client() as client:
        assert client.post("/v1/events", json=form("eve-1")).status_code == 202
    writers.wait_for(len(writers.acknowledged) + 50)
    writers.stop()
    assert set(writers.refused) == {503}
    assert_exactly_once(server, data, writers, "ann")
    assert server.stop() == 0


def test_a_full_disk_fails_a_training_and_the_served_model_stays(
    start: Start, tiny_disk: Path
) -> None:
    data = tiny_disk / "data"
    make_service(data)
    server = start(data)
    ballast = fill(tiny_disk)
    models = sorted((data / "models").iterdir())
    failed = run("train", "--data-dir", str(data))
    assert failed.returncode == 1, failed.stderr
    assert "Traceback" not in failed.stderr
    assert "No space left" in failed.stderr or "full" in failed.stderr
    assert sorted((data / "models").iterdir()) == models
    assert_reads_go_on(server)
    ballast.unlink()
    assert run("train", "--data-dir", str(data)).returncode == 0


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with a data folder in it, none of which can be written."""
    folder = tmp_path / "disk"
    folder.mkdir()
    make_service(folder / "data")
    if os.geteuid() != 0:
        for each in (folder / "data", folder):
            each.chmod(0o555)
        yield folder
        for each in (folder, folder / "data"):
            each.chmod(0o755)
        return
    bound = subprocess.run(
        ["mount", "--bind", "-o", "ro", str(folder), str(folder)], capture_output=True, check=False
    )
    if bound.returncode != 0:
        pytest.skip("root writes anywhere, and may not mount a disk here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_new_folder_on_a_read_only_disk_is_one_line_that_names_the_next_move(
    read_only: Path, workers: str
) -> None:
    before = {file: file.read_bytes() for file in read_only.rglob("*") if file.is_file()}
    new = str(read_only / "new")
    ended = run("serve", "--data-dir", new, "--workers", workers, "--port", "0")
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr
    assert "writable" in ended.stderr or "choose another with --data-dir" in ended.stderr
    assert {file: file.read_bytes() for file in read_only.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("ended", ["stopped", "killed"])
def test_a_start_on_a_read_only_disk_answers_and_stores_events_once_it_takes_writes(
    start: Start, tmp_path: Path, ended: str
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    make_service(disk / "data")
    before = start(disk / "data")
    with before.client() as client:
        assert client.post("/v1/events", json=form("ann-1")).status_code == 202
    # Whoever was killed leaves a log with events behind.
    before.kill() if ended == "killed" else before.stop()
    bound = subprocess.run(["mount", "--bind", str(disk), str(disk)], check=False)
    if bound.returncode != 0:
        pytest.skip("needs the right to mount a disk")
    try:
        remount(disk, "ro")
        server = start(disk / "data")
        await_model(server)
        assert_reads_go_on(server)
        assert_not_ready_to_write(server, "read-only")
        with server.client() as client:
            refused = client.post("/v1/events", json=form("ann-2"))
            assert refused.status_code == 503
            assert "read-only" in refused.json()["error"]["message"]
        remount(disk, "rw")
        with server.client() as client:
            # What is being read meanwhile is read by connections of before.
            began = time.monotonic()
            while client.get("/readyz").status_code != 200:
                assert time.monotonic() - began < 10
                time.sleep(0.1)
            assert client.post("/v1/events", json=form("ann-2")).status_code == 202
        assert history(server, "ann") == {"ann-1", "ann-2"}
        server.kill()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode},bind", str(disk)], check=True)


def await_model(server: Server) -> None:
    """Until it answers by a trained model."""
    with server.client() as client:
        asked = partial(client.post, "/v1/recommendations", json={"userId": "ann"})
        wait_until(lambda: asked().status_code == 200, pause=0.1)
