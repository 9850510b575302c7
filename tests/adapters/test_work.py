"""Work of every kind: claimed by one, given back, fenced, tried again, gone on with, forgotten.

One holder at a time, in the tables and inside a machine, whoever is killed; who lost it writes
nothing.
"""

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

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import LeaseLost, StorageUnavailable
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.tables import OPEN, Work, WorkTable, forget_processes
from pawsonalize.events.job_files import Outputs
from tests.event_data import T0

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


CHORE = "chore"


def chore(key: str = "one", at: int = T0, queue: str = "") -> Work:
    return Work(f"{CHORE}.{key}", CHORE, queue, payload="{}", created_at=at, due_at=at)


def end(table: WorkTable, key: str, at: int = T0, state: str = "done") -> None:
    assert table.change(f"{CHORE}.{key}", state=state, ended_at=at, due_at=None)


def at_once(times: int, work: Callable[[int], object]) -> list[object]:
    """The results of calls in so many threads that begin together."""
    barrier, results = Barrier(times), []

    def run(number: int) -> None:
        barrier.wait()
        results.append(work(number))

    threads = [Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == times
    return results


def test_work_comes_back_as_it_was_stored(table: WorkTable) -> None:
    assert table.add([chore("a"), chore("b")])
    assert table.find("chore.a") == chore("a")
    assert chore("a").key == "a"
    assert table.find("chore.c") is None


def test_a_name_is_added_once_and_stays_as_it_is(table: WorkTable) -> None:
    assert table.add([chore()])
    table.change("chore.one", payload="changed")
    assert not table.add([chore()])
    end(table, "one")
    assert not table.add([chore()]), "nor when it has ended"
    found = table.find("chore.one")
    assert found is not None
    assert found.payload == "changed"


def test_work_that_is_to_be_alone_begins_after_what_is_open_has_ended(table: WorkTable) -> None:
    assert table.add([Work("other.one", "other")])
    assert table.add([chore("a")], alone=True)
    assert not table.add([chore("b")], alone=True)
    end(table, "a")
    assert table.open(CHORE) is None
    assert table.add([chore("b")], alone=True)


def test_of_many_that_begin_work_alone_at_once_one_does(table: WorkTable) -> None:
    begun = at_once(6, lambda number: table.add([chore(f"{number}")], alone=True))
    assert begun.count(True) == 1


@pytest.mark.parametrize("name", ["chore.one", "housekeeping"], ids=["work", "a lease alone"])
def test_of_many_that_take_one_at_the_same_moment_one_gets_it(
    table: WorkTable, make: Make, name: str
) -> None:
    table.add([chore()])
    over = Barrier(6)

    def hold(number: int) -> bool:
        with make(f"machine {number // 2}").held(name) as lease:
            over.wait(30)
            return lease is not None

    assert at_once(6, hold).count(True) == 1


def test_each_claim_counts_as_an_attempt_and_work_that_is_given_back_stays(
    table: WorkTable, make: Make
) -> None:
    table.add([chore()])
    for attempt in (1, 2):
        with make("here").held("chore.one") as lease:
            assert lease is not None
            assert lease.generation == 1, "the one before gave it back"
            found = table.find("chore.one")
            assert found is not None
            assert (found.attempts, found.holder is None) == (attempt, False)
    found = table.find("chore.one")
    assert found is not None
    assert (found.state, found.holder, found.token, found.generation) == (OPEN, None, None, 0)


def test_who_follows_a_dead_holder_goes_on_with_the_payload_and_the_time_worked(
    table: WorkTable, make: Make
) -> None:
    table.add([chore()])
    with make("here").for_child("chore.one") as lease:
        assert lease is not None
        table.change("chore.one", payload="half", worked_ms=700)
        lease.is_handed_over = True  # to a child that dies
    with make("here").held("chore.one") as lease:
        assert lease is not None
        assert lease.generation == 2
        found = table.find("chore.one")
    assert found is not None
    assert (found.payload, found.worked_ms, found.attempts) == ("half", 700, 2)


def test_a_holder_that_comes_back_after_another_one_followed_changes_nothing(
    table: WorkTable, make: Make
) -> None:
    table.add([chore()])
    with make("here").held("chore.one"):
        table.revoke("chore.one")  # as after too long a silence
        follower = Thread(target=lambda: follow(table, make("there")))
        follower.start()
        follower.join()
        with pytest.raises(LeaseLost, match=r"goes on with chore\.one"):
            table.change("chore.one", payload="by the first")
    found = table.find("chore.one")
    assert found is not None
    assert found.payload == "by the second"


def follow(table: WorkTable, leases: Leases) -> None:
    with leases.held("chore.one"):
        table.change("chore.one", payload="by the second")


def test_a_free_name_can_be_claimed_only_as_it_was_seen(table: WorkTable) -> None:
    table.add([chore()])
    seen = table.find("chore.one")
    first = table.claim("chore.one", seen, "one")
    assert first is not None
    assert table.claim("chore.one", seen, "two") is None
    table.revoke("chore.one")
    assert table.claim("chore.one", seen, "three") is None, "somebody was at it in between"


def test_a_lease_without_work_leaves_nothing_behind(table: WorkTable, make: Make) -> None:
    with make("here").held("housekeeping"):
        assert table.find("housekeeping") is not None
    assert table.find("housekeeping") is None


def test_what_is_due_longest_comes_first_and_later_attempts_wait(table: WorkTable) -> None:
    table.add([chore("c", T0 + 3), chore("a", T0 + 1), chore("b", T0 + 2)])
    table.add([chore("elsewhere", T0, queue="other")])

    def due(now: int) -> list[str]:
        return [one.key for one in table.due(CHORE, "", now, 9)]

    assert due(T0) == []
    assert due(T0 + 2) == ["a", "b"]
    assert due(T0 + 9) == ["a", "b", "c"]
    assert [one.key for one in table.due(CHORE, "", T0 + 9, 1)] == ["a"]
    table.change("chore.a", due_at=T0 + 8, error="it failed")
    assert due(T0 + 7) == ["b", "c"]
    end(table, "b")
    assert due(T0 + 9) == ["c", "a"]


def test_what_has_ended_is_as_it_ended(table: WorkTable) -> None:
    table.add([chore()])
    end(table, "one", T0 + 5)
    assert not table.change("chore.one", state="again")
    found = table.find("chore.one")
    assert found is not None
    assert (found.state, found.ended_at) == ("done", T0 + 5)


def test_work_is_listed_newest_first_counted_by_state_and_forgotten_when_old(
    table: WorkTable,
) -> None:
    for number in range(3):
        table.add([chore(f"{number}", T0 + number)])
        end(table, f"{number}", T0 + number, "done" if number else "given up")
    table.add([chore("going on", T0 - 1), Work("other.old", "other", ended_at=T0)])
    assert [one.key for one in table.newest(CHORE, 2)] == ["2", "1"]
    assert table.count(CHORE, {"done"}) == 2
    assert table.count(CHORE, {"done", "given up", OPEN}) == 4
    assert table.count(CHORE, {"done"}, "chore.2") == 1
    assert table.forget(CHORE, T0 + 2) == 2
    assert [one.key for one in table.newest(CHORE, 9)] == ["2", "going on"]
    assert table.find("other.old") is not None


def test_what_was_given_up_is_opened_again_by_state_and_name(table: WorkTable) -> None:
    table.add([chore("a"), chore("a.b"), chore("b")])
    for key in ("a", "a.b", "b"):
        end(table, key, state="given up")
    assert table.retry(CHORE, {"given up"}, T0, "chore.a") == 2
    assert [one.key for one in table.due(CHORE, "", T0, 9)] == ["a", "a.b"]


def test_leases_that_came_with_a_copy_are_nobodys_and_the_work_stays(
    table: WorkTable, database: Database
) -> None:
    table.add([chore()])
    table.claim("chore.one", table.find("chore.one"), "elsewhere/1")
    table.claim("housekeeping", None, "elsewhere/1")
    forget_processes(database)
    assert table.find("housekeeping") is None
    found = table.find("chore.one")
    assert found is not None
    assert (found.holder, found.payload) == (None, "{}")


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


def test_a_holder_that_was_killed_is_followed_at_once_on_its_machine(
    make: Make, database_url: str, tmp_path: Path
) -> None:
    script = (
        "import sys, pathlib\n"
        "from pawsonalize.core.work.leases import Leases\n"
        "from pawsonalize.core.database.database import Database\n"
        "from pawsonalize.core.work.tables import WorkTable\n"
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
    deadline, died_at = time.monotonic() + 120, None
    while (row := table.find("training.v1")) != died_at:  # a beat that has begun is still written
        assert time.monotonic() < deadline, "it beats on"
        died_at = row
        time.sleep(1)
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
