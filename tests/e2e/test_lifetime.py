"""Nothing goes on without the server that it belongs to, however that ended."""

import os
import tempfile
from functools import partial
from pathlib import Path

import pytest

from pawsonalize.app.cli import serve
from pawsonalize.core.work.leases import held
from tests.e2e.conftest import Start
from tests.e2e.retraining import processes
from tests.waiting import wait_until


@pytest.mark.parametrize("times", [3, pytest.param(15, marks=pytest.mark.nightly)])
def test_workers_end_when_their_supervisor_is_killed_and_the_next_start_takes_the_port(
    start: Start, tmp_path: Path, times: int
) -> None:
    folder = tmp_path / "data"
    server = start(folder, "--workers", "2")
    for _ in range(times):
        killed = server.process
        killed.kill()
        killed.wait()
        server = start(folder, "--workers", "2", port=str(server.port))
        wait_until(partial(is_gone, killed.pid))
        assert server.comes_up(), "what answered before may have been a worker on its way out"
    assert server.stop() == 0
    wait_until(lambda: not processes(folder))


def is_gone(group: int) -> bool:
    """Whether no process of the group lives."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_metrics_of_servers_that_were_killed_are_swept_and_those_of_living_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed, living, begins, old = (tmp_path / f"pawsonalize-metrics-{n}" for n in range(4))
    for folder in (killed, living, begins, old):
        folder.mkdir()
    (killed / "server.lock").touch()
    (killed / "counter_1.db").touch()
    os.utime(old, (1, 1))
    with held(living / "server.lock"), serve._metrics_folder() as mine:
        assert set(tmp_path.iterdir()) == {living, begins, Path(mine)}
    assert not Path(mine).exists()
