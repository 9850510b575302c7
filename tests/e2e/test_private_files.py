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
def test_what_a_service_writes_and_what_was_there_is_private(
    start: Start, tmp_path: Path, access: str, allowed: set[tuple[str, str]]
) -> None:
    before = os.umask(0o022)
    try:
        folder, temporary = tmp_path / "data", tmp_path / "temporary"
        temporary.mkdir()
        (tmp_path / "elsewhere").write_text("linked")
        make_service(folder)
        (folder / "link").symlink_to(tmp_path / "elsewhere")
        folder.chmod(0o755)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        os.environ["TMPDIR"] = str(temporary)
        server = start(folder, "--workers", "2", data_access=access)
        with server.client() as client:
            sent = {"sessionId": "s", "eventType": "view", "itemId": "2-Beagle-2-3"}
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
    (folder / "link").unlink()
    assert modes(folder) == allowed
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o644


def test_the_doctor_says_that_others_could_read_what_it_opens(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make_service(folder, train=False)
    folder.chmod(0o750)
    told = [run("doctor", "--json", "--data-dir", str(folder)).stdout for _ in range(2)]
    assert ["has the mode 750: others may read it" in each for each in told] == [True, False]
