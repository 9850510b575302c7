"""A run has a worker while there is a server, however the last worker ended."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pawsonalize.engine.resources.processes import holder
from pawsonalize.engine.training.retraining.lease import LEASE_MS, WorkerProcesses
from pawsonalize.storage.database import Database
from pawsonalize.storage.retraining_runs import RetrainingRun, RetrainingRuns
from tests.event_data import T0

Make = Callable[[Path], WorkerProcesses]
_SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def runs(database: Database) -> RetrainingRuns:
    """With one that nobody works on yet."""
    runs = RetrainingRuns(database)
    assert runs.begin(RetrainingRun("one", T0, "{}"))
    return runs


@pytest.fixture
def make(runs: RetrainingRuns) -> Iterator[Make]:
    """Servers that keep the locks of their workers in a folder."""
    made: list[WorkerProcesses] = []

    def make(folder: Path) -> WorkerProcesses:
        made.append(WorkerProcesses(runs, folder, (sys.executable, "-c", _SLEEP), os.environ))
        return made[-1]

    yield make
    for server in made:
        server.stop()


def worker_of(runs: RetrainingRuns) -> str:
    run = runs.running()
    assert run is not None
    assert run.worker is not None
    return run.worker


def kill(folder: Path, worker: str) -> None:
    lock = folder / f"{worker}.lock"
    pid = holder(lock)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, os.WNOHANG)
    time.sleep(0.05)


def test_a_worker_that_was_killed_is_replaced_at_once_by_any_server_of_the_machine(
    runs: RetrainingRuns, make: Make, tmp_path: Path
) -> None:
    one, other = make(tmp_path), make(tmp_path)
    one.look(T0)
    first = worker_of(runs)
    other.look(T0)
    assert worker_of(runs) == first, "it lives"
    kill(tmp_path, first)
    other.look(T0 + 1)
    assert worker_of(runs) != first
    assert [lock.stem for lock in tmp_path.glob("*.lock")] == [worker_of(runs)]


def test_the_worker_of_another_machine_has_until_its_lease_ends(
    runs: RetrainingRuns, make: Make, tmp_path: Path
) -> None:
    here, there = make(tmp_path / "here"), make(tmp_path / "there")
    there.look(T0)
    first = worker_of(runs)
    kill(tmp_path / "there", first)
    here.look(T0 + LEASE_MS - 1)
    assert worker_of(runs) == first
    here.look(T0 + LEASE_MS)
    assert worker_of(runs) != first
