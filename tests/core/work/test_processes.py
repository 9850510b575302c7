"""Processes beside the server: one of all machines, in time, killable, no burden if they die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pawsonalize.core.database.database import Database
from pawsonalize.core.work.leases import Leases, holder
from pawsonalize.core.work.processes import ChildProcesses, SideProcess, lengthen_pause
from pawsonalize.core.work.tables import WorkTable
from tests.waiting import wait_until

SECOND = 1000
Make = Callable[..., SideProcess]
SLEEP = "exec sleep 60"


def now() -> int:
    """Milliseconds, by the clock that stamps files."""
    return round(time.time() * SECOND)


def touch(lock: Path, at: int) -> None:
    lock.parent.mkdir()
    lock.touch()
    os.utime(lock, (at / SECOND, at / SECOND))


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "leases" / "work.lock"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A server that runs the given shell program beside it."""
    made: list[SideProcess] = []
    machines: list[Leases] = []
    database = Database(f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}")

    def make(code: str, pause: float = 0.0, machine: str = "leases") -> SideProcess:
        command = ("sh", "-c", code, "work")
        machines.append(leases := Leases(WorkTable(database), tmp_path / machine))
        made.append(SideProcess(leases, pause, command, os.environ, now()))
        return made[-1]

    yield make
    for process in made:
        process.stop()
    for leases in machines:
        leases.close()
    database.close()


def start_when_free(process: SideProcess) -> None:
    """Start it again and again, as servers do, until it is its turn."""
    deadline = time.monotonic() + 120
    while "work" not in process._children._running:
        process.start()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_due(process: SideProcess) -> None:
    wait_until(lambda: process.is_due(now() + SECOND))


def test_a_server_that_was_just_started_begins_after_the_pause(make: Make) -> None:
    started = now()
    process = make("exit 0", pause=60.0)
    assert not process.is_due(started + 59 * SECOND)
    assert process.is_due(started + 70 * SECOND)


def test_one_process_works_whichever_server_starts_it(make: Make, lock: Path) -> None:
    one, other = make(SLEEP), make(SLEEP)
    one.start()
    pid = holder(lock)
    assert pid is not None
    other.start()
    assert holder(lock) == pid
    assert not one.is_due(now() + SECOND), "its own still runs"
    one.stop()
    start_when_free(other)
    assert holder(lock) not in {None, pid}


def test_of_two_machines_one_works_until_it_has_nothing_to_do(make: Make, tmp_path: Path) -> None:
    here, there = make("exit 0"), make("exit 0", machine="there")
    here.start()
    wait_until_due(here)
    there.start()
    assert not there._children.is_running("work")
    assert there.is_due(now() + SECOND)
    here.look(now() + SECOND, lambda: False, lambda _code: None)
    start_when_free(there)
    assert holder(tmp_path / "there" / "work.lock") is not None


def test_the_pause_is_counted_from_the_last_start_of_any_server(make: Make, lock: Path) -> None:
    waiting, other = make("exit 0", pause=30.0), make("exit 0")
    later = now() + 100 * SECOND
    assert waiting.is_due(later)
    other.start()
    wait_until_due(other)
    started = round(lock.stat().st_mtime * SECOND)
    assert not waiting.is_due(started + 29 * SECOND)
    assert waiting.is_due(started + 31 * SECOND)


def test_long_work_is_followed_by_a_longer_pause(make: Make, lock: Path) -> None:
    process = make("exit 0", pause=30.0)
    began = now()
    touch(lock, began)
    ended = began + 20 * SECOND
    lengthen_pause(lock, began, ended)
    assert not process.is_due(ended + 89 * SECOND)
    assert process.is_due(ended + 91 * SECOND)


def test_who_works_without_a_server_needs_no_lock(lock: Path) -> None:
    lengthen_pause(lock, 0, 20 * SECOND)
    assert not lock.exists()


@pytest.mark.parametrize("ending", ["killed", "failed"])
def test_a_process_that_dies_is_said_and_the_next_one_begins(
    make: Make, lock: Path, ending: str
) -> None:
    process = make(SLEEP if ending == "killed" else "exit 3")
    process.start()
    pid = holder(lock)
    assert pid is not None
    if ending == "killed":
        os.kill(pid, signal.SIGKILL)
    wait_until_due(process)
    ended: list[int] = []
    with capture_logs() as said:
        for _ in range(2):
            process.look(0, lambda: True, ended.append)
    assert ended == [-9 if ending == "killed" else 3], "it is told once"
    assert [line["exit_code"] for line in said] == ended
    process.look(now() + SECOND, lambda: True, ended.append)
    assert holder(lock) != pid


def test_two_threads_may_see_the_same_child_end(monkeypatch: pytest.MonkeyPatch) -> None:
    children = ChildProcesses((sys.executable, "-c", ""), os.environ)
    children.start("one")
    child = children._running["one"]
    child.wait()
    seen: list[int | None] = []

    def poll() -> int | None:
        monkeypatch.undo()  # another thread looks just here
        seen.append(children.exit_code("one"))
        return child.returncode

    monkeypatch.setattr(child, "poll", poll)
    seen.append(children.exit_code("one"))
    assert seen == [0, None]


_PARENT = """
import os, sys, time
from pawsonalize.core.work.processes import ChildProcesses
code = "from pawsonalize.app.cli.low_priority import *; end_with_parent(); "
code += "import time; time.sleep(60)"
child = ChildProcesses((sys.executable, "-c", code), os.environ, outlive=sys.argv[1] == "outlive")
child.start("it")
print(child._running["it"].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["belongs", "outlive"])
def test_a_child_ends_with_the_process_it_belongs_to_even_if_that_is_killed(kind: str) -> None:
    with subprocess.Popen(
        (sys.executable, "-c", _PARENT, kind), stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + (30 if kind == "belongs" else 0.5)
    while lives(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert lives(child) == (kind == "outlive")
    if kind == "outlive":
        os.kill(child, signal.SIGKILL)


def lives(pid: int) -> bool:
    """Whether there is such a process; a dead one may wait for somebody to notice."""
    try:
        return subprocess.check_output(("ps", "-o", "stat=", "-p", str(pid)), text=True)[0] != "Z"
    except subprocess.CalledProcessError:
        return False
