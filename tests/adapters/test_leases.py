"""Leases: one holder at a time, in the tables and inside a machine; who lost one writes nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from pawsonalize.archive.objects import open_objects
from pawsonalize.domain.errors import LeaseLost, StorageUnavailable
from pawsonalize.engine.ingest.job_files import Outputs
from pawsonalize.storage.database import Database
from pawsonalize.work.leases import Leases
from pawsonalize.work.tables import WorkTable

SECONDS = 10.0


class Steady:
    """A steady clock that a test moves."""

    def __init__(self) -> None:
        self.moment = 0.0

    def __call__(self) -> float:
        return self.moment


Make = Callable[..., Leases]


@pytest.fixture
def steady() -> Steady:
    return Steady()


@pytest.fixture
def make(database: Database, tmp_path: Path, steady: Steady) -> Iterator[Make]:
    """The leases of one process of a machine."""
    made: list[Leases] = []

    def make(machine: str = "here", on_lost: Callable[[str], object] = str) -> Leases:
        table = WorkTable(database)
        made.append(Leases(table, tmp_path / machine, SECONDS, steady, on_lost))
        return made[-1]

    yield make
    for leases in made:
        leases.close()


@pytest.fixture
def table(database: Database) -> WorkTable:
    return WorkTable(database)


def write(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def test_a_container_that_is_made_anew_under_another_name_goes_on_at_once(
    table: WorkTable, tmp_path: Path, steady: Steady, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(hostname: str) -> Leases:
        monkeypatch.setattr("socket.gethostname", lambda: hostname)
        return Leases(table, tmp_path, SECONDS, steady, host="")

    with closing(started("a1f3")) as leases, leases.for_child("job.a") as lease:
        assert lease is not None
        lease.is_handed_over = True  # to a child that dies with the container
    with closing(started("9bc2")) as leases, leases.for_child("job.a") as lease:
        assert lease is not None
        assert lease.generation == 2


def test_a_lease_has_one_holder_and_is_free_afterwards(make: Make) -> None:
    one, other, elsewhere = make(), make(), make("there")
    with one.held("job.a") as lease:
        assert lease is not None
        assert lease.generation == 1
        for leases in (one, other, elsewhere):
            with leases.held("job.a") as second:
                assert second is None
        assert not elsewhere.is_gone("job.a")
    assert elsewhere.is_gone("job.a")
    with elsewhere.held("job.a") as lease:
        assert lease is not None


def test_of_many_that_take_one_at_the_same_moment_one_gets_it(make: Make) -> None:
    barrier, over, taken = Barrier(6), Barrier(6), []

    def race(machine: int) -> None:
        leases = make(f"machine {machine}")
        barrier.wait()
        with leases.held("job.a") as lease:
            taken.append(lease is not None)
            over.wait(30)

    threads = [Thread(target=race, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(True) == 1


def test_a_holder_that_was_killed_is_followed_at_once_on_its_machine(
    make: Make, database_url: str, tmp_path: Path
) -> None:
    script = (
        "import sys, pathlib\n"
        "from pawsonalize.work.leases import Leases\n"
        "from pawsonalize.storage.database import Database\n"
        "from pawsonalize.work.tables import WorkTable\n"
        "leases = Leases(WorkTable(Database(sys.argv[1])), pathlib.Path(sys.argv[2]))\n"
        "with leases.held('job.a'):\n"
        "    print(flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, database_url, str(tmp_path / "here")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        assert not make().is_gone("job.a")
        process.kill()
        process.wait()
    assert make().is_gone("job.a")
    assert not make("there").is_gone("job.a"), "nobody there knows yet"
    with make().held("job.a") as lease:
        assert lease is not None
        assert lease.generation == 2


def test_another_machine_follows_once_no_beat_was_seen_for_the_length_of_a_lease(
    make: Make, table: WorkTable, steady: Steady
) -> None:
    here, there = make(), make("there")
    dead = table.claim("job.a", None, "elsewhere/1")
    assert dead is not None
    assert dead.token is not None
    for _ in range(4):
        assert not there.is_gone("job.a")
        steady.moment += 2.4
    table.heartbeat({"job.a": dead.token})  # it was only slow
    for _ in range(4):
        assert not there.is_gone("job.a")
        steady.moment += 2.4
    assert not there.is_gone("job.a")
    steady.moment += 1
    assert there.is_gone("job.a")
    assert not here.is_gone("job.a"), "who has just begun to look waits as long"
    with there.held("job.a") as lease:
        assert lease is not None
    with here.held("job.a") as lease:
        assert lease is not None, "it was free again"


def test_who_could_not_look_for_a_while_takes_nothing_for_it(
    make: Make, table: WorkTable, steady: Steady
) -> None:
    leases = make()
    table.claim("job.a", None, "elsewhere/1")
    assert not leases.is_gone("job.a")
    steady.moment += 60  # the database was away, for the holder as well
    assert not leases.is_gone("job.a")


def test_clocks_of_machines_do_not_count(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with make().held("job.a") as lease:
        assert lease is not None
        monkeypatch.setattr(time, "time", lambda: 4e9)
        with make("there").held("job.a") as second:
            assert second is None


def test_who_lost_a_lease_writes_nothing_any_more(
    make: Make, database: Database, table: WorkTable
) -> None:
    with make().held("job.a"):
        write(database)
        seen = table.find("job.a")
        assert table.claim("job.a", seen, "elsewhere/1") is not None
        with capture_logs() as logs, pytest.raises(LeaseLost, match=r"goes on with job\.a"):
            write(database)
        assert [(line["event"], line["lease"]) for line in logs] == [
            ("another process goes on", "job.a")
        ], "the holder may end without a word"
    write(database)
    found = table.find("job.a")
    assert found is not None
    assert found.holder == "elsewhere/1", "and it frees nothing that is another's"


def test_who_lost_a_lease_puts_no_file_into_place(
    make: Make, database: Database, table: WorkTable, tmp_path: Path
) -> None:
    outputs = Outputs((tmp_path,), None, open_objects, confirm=database.confirm_leases)
    output = outputs.at((tmp_path / "exports").as_uri())
    with make().held("job.a"):
        with output.file("before.csv") as file:
            file.write(b"a")
        table.revoke("job.a")
        with pytest.raises(LeaseLost), output.file("after.csv") as file:
            file.write(b"a")
    assert [one.name for one in (tmp_path / "exports").iterdir()] == ["before.csv"]


def test_other_threads_of_who_lost_a_lease_write_on(
    make: Make, database: Database, table: WorkTable
) -> None:
    with make().held("job.a"):
        table.revoke("job.a")
        thread = Thread(target=write, args=(database,))
        thread.start()
        thread.join()


def come(table: WorkTable, name: str, beats: int) -> None:
    deadline = time.monotonic() + 120
    while (row := table.find(name)) is None or row.heartbeats < beats:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_holder_beats_and_is_told_when_another_one_has_the_lease(
    database: Database, table: WorkTable, tmp_path: Path
) -> None:
    lost = Event()
    leases = Leases(table, tmp_path / "here", 0.5, on_lost=lambda _name: lost.set())
    with leases.held("job.a"):
        come(table, "job.a", beats=2)
        table.revoke("job.a")
        assert lost.wait(30)
    leases.close()


def test_a_beat_that_cannot_be_written_is_tried_again(
    database: Database, table: WorkTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([StorageUnavailable("no database")])
    beat = WorkTable.heartbeat

    def fail_once(self: WorkTable, tokens: dict[str, int]) -> frozenset[str]:
        if (error := next(failures, None)) is not None:
            raise error
        return beat(self, tokens)

    monkeypatch.setattr(WorkTable, "heartbeat", fail_once)
    leases = Leases(table, tmp_path / "here", 0.5)
    with leases.held("job.a"):
        come(table, "job.a", beats=1)
    leases.close()


def test_a_child_goes_on_with_what_its_parent_took(make: Make, table: WorkTable) -> None:
    parent, child = make(), make()
    with parent.for_child("training.v1") as lease:
        assert lease is not None
        inherited = os.dup(lease.lock)
        lease.is_handed_over = True
    assert not child.is_gone("training.v1")
    with child.adopted("training.v1", lease.token):
        assert table.find("training.v1") is not None
    os.close(inherited)
    assert child.is_gone("training.v1")
    assert table.find("training.v1") is None


def test_a_parent_beats_for_a_child_that_lives_and_does_not_come_to_it(
    table: WorkTable, tmp_path: Path
) -> None:
    parent = Leases(table, tmp_path / "here", 0.5)
    with parent.for_child("training.v1") as lease:
        assert lease is not None
        child = os.dup(lease.lock)
        lease.is_handed_over = True
    come(table, "training.v1", beats=2)
    os.close(child)
    time.sleep(0.3)  # a beat that has begun may still be written
    died_at = table.find("training.v1")
    time.sleep(1)
    assert table.find("training.v1") == died_at
    assert parent.is_gone("training.v1")
    parent.close()


def test_who_leads_keeps_the_lease_until_it_lets_go(make: Make, steady: Steady) -> None:
    one, other = make(), make("there")
    first, again = one.lead("refresh"), one.lead("refresh")
    assert first is not None
    assert again == first
    assert other.lead("refresh") is None
    one.let_go("refresh")
    assert other.lead("refresh") is None, "it looks once a second"
    steady.moment += 1
    assert other.lead("refresh") is not None
    assert one.lead("refresh") is None
    other.close()
    steady.moment += 1
    assert one.lead("refresh") is not None


def test_copies_of_a_machine_that_have_other_folders_are_other_machines(make: Make) -> None:
    assert make().machine == make().machine
    assert make().machine != make("there").machine
