"""The data folder is for its owner alone, whatever made it, unless the settings say otherwise."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from tests.e2e.conftest import Start, run
from tests.service_data import make_service


def modes(folder: Path) -> set[tuple[str, str]]:
    """The modes of all folders and files."""
    found = set()
    for path in (folder, *folder.rglob("*")):
        kind = "folder" if path.is_dir() else "file"
        found.add((kind, f"{stat.S_IMODE(path.lstat().st_mode):o}"))
    return found


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        ("owner", {("folder", "700"), ("file", "600")}),
        ("group", {("folder", "770"), ("file", "660")}),
    ],
)
def test_what_a_service_writes_is_private(
    start: Start, tmp_path: Path, access: str, allowed: set[tuple[str, str]]
) -> None:
    before = os.umask(0o022)
    try:
        folder, temporary = tmp_path / "data", tmp_path / "temporary"
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        server = start(folder, "--workers", "2", data_access=access)
        with server.client() as client:
            sent = [
                {"sessionId": f"s{n}", "eventType": "view", "itemId": f"2-Beagle-2-{n % 4}"}
                for n in range(40)
            ]
            assert client.post("/v1/events", json=sent).status_code == 202
        metrics = next(temporary.glob("pawsonalize-metrics-*"))
        assert stat.S_IMODE(metrics.stat().st_mode) == 0o700
        assert server.stop() == 0
        trained = run("train", "--data-dir", str(folder), data_access=access)
        assert trained.returncode == 0, trained.stderr
    finally:
        os.umask(before)
        os.environ.pop("TMPDIR", None)
        tempfile.tempdir = None
    assert modes(folder) == allowed


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A data folder that others may read, with something of theirs in it."""
    folder = tmp_path / "data"
    make_service(folder)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (tmp_path / "elsewhere").write_text("linked")
    (folder / "models" / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "imports").symlink_to(tmp_path)
    (folder / "models" / "tool").write_text("#!/bin/sh")
    (folder / "models" / "tool").chmod(0o755)
    (folder / "notes.txt").write_text("not ours")
    for path in (tmp_path / "elsewhere", folder / "notes.txt"):
        path.chmod(0o644)
    folder.chmod(0o755)
    return folder


def test_nobody_changes_the_rights_of_a_data_folder_unless_that_is_said(open_folder: Path) -> None:
    before = modes(open_folder)
    for command in ("status", "doctor", "keys create"):
        run(*command.split(), "--data-dir", str(open_folder))
    assert modes(open_folder) - before <= {("file", "600")}  # the new root key


@pytest.mark.parametrize(
    ("access", "wrong", "folders", "files", "tool"),
    [
        ("owner", "755: others may read it", "700", "600", "711"),
        ("group", "755: others may read it", "770", "660", "771"),
    ],
)
def test_the_doctor_says_that_others_may_read_it_and_mends_what_is_ours(
    open_folder: Path, access: str, wrong: str, folders: str, files: str, tool: str
) -> None:
    told = run("doctor", "--json", "--data-dir", str(open_folder), data_access=access)
    assert f"has the mode {wrong}" in told.stdout
    assert "pawsonalize doctor --mend-rights" in told.stdout
    command = ("doctor", "--mend-rights", "--json", "--data-dir", str(open_folder))
    mended = run(*command, data_access=access)
    assert "has the mode" not in mended.stdout
    assert f"755 → {folders}  {open_folder}\n" in mended.stderr
    assert f"644 → {files}  {open_folder}/pawsonalize.sqlite3\n" in mended.stderr
    assert "notes.txt" not in mended.stderr
    assert "elsewhere" not in mended.stderr
    (open_folder / "notes.txt").unlink()
    (open_folder / "imports").unlink()
    (open_folder / "models" / "link").unlink()
    assert modes(open_folder) == {("folder", folders), ("file", files), ("file", tool)}
    assert stat.S_IMODE((open_folder.parent / "elsewhere").stat().st_mode) == 0o644
    assert "→" not in run(*command, data_access=access).stderr


def test_what_is_no_data_folder_is_not_mended(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("")
    (tmp_path / "hosts").chmod(0o644)
    done = run("doctor", "--mend-rights", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert f"there is no data folder {tmp_path}" in done.stderr
    assert stat.S_IMODE((tmp_path / "hosts").stat().st_mode) == 0o644
