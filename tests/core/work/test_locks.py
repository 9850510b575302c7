"""A lock says whether a process lives, however it ended."""

import signal
import subprocess
import sys
from pathlib import Path

from pawsonalize.core.work.leases import held, holder, is_held


def test_a_lock_is_held_while_the_block_runs_and_its_file_goes_with_the_first_look_after(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.lock"
    assert not is_held(path)
    with held(path) as first, held(path) as second:
        assert first is not None
        assert second is None
        assert is_held(path)
    assert path.exists()
    assert not is_held(path)
    assert not path.exists()


def test_a_child_holds_the_lock_it_inherits_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with held(path) as lock:
        assert lock is not None
        sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
        child = subprocess.Popen(sleeping, pass_fds=(lock,))
    assert is_held(path), "the child lives"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not is_held(path)


def test_what_a_dead_holder_wrote_is_not_read_as_the_next_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_bytes(b"123456")
    assert holder(path) == 123456
    with held(path):
        assert holder(path) is None
    assert holder(tmp_path / "none.lock") is None


def test_a_file_removed_between_opening_and_locking_is_not_taken_for_the_lock(
    tmp_path: Path,
) -> None:
    """Whoever holds the removed file and whoever makes a new one would both believe to hold it."""
    path = tmp_path / "a.lock"
    with held(path) as first:
        assert first is not None
        path.unlink()
        with held(path) as second:
            assert second is not None, "a new file is a new lock"
            assert path.exists()
