"""An erasure whose process is killed at any step is done by the next one, and nothing is left."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pawsonalize.app.settings import Settings
from tests.e2e.conftest import Start
from tests.erasing import (
    ANN,
    SESSIONS,
    copied,
    delete_named_files,
    erasing_in,
    fill,
    left,
    points_of,
    settings_of,
)

POINTS = [
    "note written", "note", "rows deleted", "tables", "object read", "object written",
    "object confirmed", "letters read", "letters written", "archive", "model written",
    "model changed", "models", "files", "names", "remains", "done",
]  # fmt: skip
ROOT = Path(__file__).parents[2]


def noted(settings: Settings) -> str:
    """Ann is to be erased, and nothing is done yet."""
    with erasing_in(settings) as erasing:
        return erasing.erase_user(ANN, "pawsonalize").erasure_id


def kill(worlds: Iterable[tuple[Settings, int]]) -> None:
    """In each of them, a process does the erasure until it has done so many things."""
    given = [
        word
        for settings, point in worlds
        for word in (str(settings.data_dir), settings.database_url, str(point))
    ]
    command = [sys.executable, "-m", "tests.erasing", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def assert_gone(settings: Settings, erasure_id: str) -> None:
    """Whoever comes next finishes it, without being asked again; then nothing of Ann is left."""
    with erasing_in(settings) as erasing:
        erasing.work()
        found = erasing.table.get(erasure_id)
        assert found is not None
        assert (found.status, found.troubles) == ("done", ())
        assert found.deleted == 16, "7 events, 3 answers and letters, 2 sessions, her attributes"
        delete_named_files(erasing, erasure_id)
    assert left(settings) == []


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A folder from before anybody asked to be erased."""
    settings = settings_of(tmp_path_factory.mktemp("untouched") / "data")
    fill(settings)
    return settings


@pytest.fixture(scope="module")
def template(
    untouched: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, str, list[str]]:
    """A folder to copy, the erasure, and all that is done for it."""
    folder = tmp_path_factory.mktemp("template")
    settings = copied(untouched, folder / "data")
    erasure_id = noted(settings)
    return settings, erasure_id, points_of(copied(settings, folder / "done"))


def test_every_named_step_is_one_at_which_a_process_is_killed(
    template: tuple[Settings, str, list[str]],
) -> None:
    assert list(dict.fromkeys(template[2])) == POINTS


def test_killed_after_any_step_an_erasure_is_done_by_the_next_process(
    template: tuple[Settings, str, list[str]], tmp_path: Path
) -> None:
    settings, erasure_id, points = template
    worlds = [(copied(settings, tmp_path / step), points.index(step)) for step in POINTS]
    kill(worlds)
    for there, _ in worlds:
        assert_gone(there, erasure_id)


def test_an_erasure_that_a_server_accepted_is_done_after_kill_9_and_logs_name_nobody(
    start: Start, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path / "data")
    fill(settings)
    server = start(settings.data_dir, recipe="popularity-count")
    with server.client() as client:
        for session in SESSIONS:  # these answers are written a moment later
            client.post("/v1/recommendations", json={"userId": ANN, "sessionId": session})
        noted = client.delete(f"/v1/users/{ANN}")
        assert noted.status_code == 202, noted.text
    server.kill()
    restarted = start(settings.data_dir, recipe="popularity-count")
    deadline = time.monotonic() + 120  # whoever was killed may have had it for 10 seconds
    with restarted.client() as client:
        path = f"/v1/erasures/{noted.json()['erasureId']}"
        while (found := client.get(path).json())["status"] != "done":
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
    restarted.stop()
    for file in found["files"]:
        Path(file).unlink()
    assert left(settings) == []
    logs = server.output.read_text() + restarted.output.read_text()
    assert not [name for name in (ANN, *SESSIONS) if name in logs]


@pytest.mark.parametrize("older", [("pawsonalize.sqlite3", "models"), ("archive",)], ids=str)
def test_when_an_older_copy_comes_back_whoever_was_erased_stays_erased(
    untouched: Settings, tmp_path: Path, older: tuple[str, ...]
) -> None:
    settings = copied(untouched, tmp_path / "data")
    erasure_id = noted(settings)
    points_of(settings)
    for name in older:
        back, place = untouched.data_dir / name, settings.data_dir / name
        if back.is_dir():
            shutil.rmtree(place)
            shutil.copytree(back, place)
        else:
            shutil.copyfile(back, place)
    assert left(settings)
    with erasing_in(settings) as erasing:
        erasing.work()
        found = erasing.table.get(erasure_id)
        assert found is not None
        assert found.status == "done", found
        delete_named_files(erasing, erasure_id)
    assert left(settings) == []


@pytest.mark.nightly
def test_killed_twice_at_anything_it_does_it_is_done_all_the_same(
    template: tuple[Settings, str, list[str]], tmp_path: Path
) -> None:
    settings, erasure_id, points = template
    worlds = [(copied(settings, tmp_path / f"{n}"), n) for n in range(len(points))]
    kill(worlds)
    kill((there, 0) for there, point in worlds if point < len(points) - 2)
    for there, _ in worlds:
        assert_gone(there, erasure_id)


@pytest.mark.nightly
def test_on_postgresql_it_is_no_different(
    postgres: Callable[..., AbstractContextManager[str]], postgres_template: str, tmp_path: Path
) -> None:
    with postgres(postgres_template) as first:
        settings = settings_of(tmp_path / "template", first)
        fill(settings)
        erasure_id, name = noted(settings), first.rpartition("/")[2]
        with postgres(name) as url:
            points = points_of(copied(settings, tmp_path / "done", url))
        for point in range(len(points)):
            with postgres(name) as url:
                there = copied(settings, tmp_path / f"{point}", url)
                kill([(there, point)])
                assert_gone(there, erasure_id)
