"""Work of every kind: claimed by one, given back, fenced, tried again, gone on with, forgotten."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from pawsonalize.domain.errors import LeaseLost
from pawsonalize.storage.database import Database
from pawsonalize.work.leases import Leases
from pawsonalize.work.tables import OPEN, Work, WorkTable, forget_processes
from tests.event_data import T0

CHORE = "chore"


def chore(key: str = "one", at: int = T0, queue: str = "") -> Work:
    return Work(f"{CHORE}.{key}", CHORE, queue, payload="{}", created_at=at, due_at=at)


@pytest.fixture
def table(database: Database) -> WorkTable:
    return WorkTable(database)


Make = Callable[[str], Leases]


@pytest.fixture
def machine(table: WorkTable, tmp_path: Path) -> Iterator[Make]:
    """The leases of a process on the machine of that name."""
    made: list[Leases] = []

    def make(name: str) -> Leases:
        made.append(Leases(table, tmp_path / name))
        return made[-1]

    yield make
    for leases in made:
        leases.close()


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


def test_work_has_one_holder_at_a_time(table: WorkTable, machine: Make) -> None:
    table.add([chore()])
    over = Barrier(6)

    def hold(number: int) -> bool:
        with machine(f"{number % 2}").held("chore.one") as lease:
            over.wait(30)
            return lease is not None

    assert at_once(6, hold).count(True) == 1


def test_each_claim_counts_as_an_attempt_and_work_that_is_given_back_stays(
    table: WorkTable, machine: Make
) -> None:
    table.add([chore()])
    for attempt in (1, 2):
        with machine("here").held("chore.one") as lease:
            assert lease is not None
            assert lease.generation == 1, "the one before gave it back"
            found = table.find("chore.one")
            assert found is not None
            assert (found.attempts, found.holder is None) == (attempt, False)
    found = table.find("chore.one")
    assert found is not None
    assert (found.state, found.holder, found.token, found.generation) == (OPEN, None, None, 0)


def test_who_follows_a_dead_holder_goes_on_with_the_payload_and_the_time_worked(
    table: WorkTable, machine: Make
) -> None:
    table.add([chore()])
    with machine("here").for_child("chore.one") as lease:
        assert lease is not None
        table.change("chore.one", payload="half", worked_ms=700)
        lease.is_handed_over = True  # to a child that dies
    with machine("here").held("chore.one") as lease:
        assert lease is not None
        assert lease.generation == 2
        found = table.find("chore.one")
    assert found is not None
    assert (found.payload, found.worked_ms, found.attempts) == ("half", 700, 2)


def test_a_holder_that_comes_back_after_another_one_followed_changes_nothing(
    table: WorkTable, machine: Make
) -> None:
    table.add([chore()])
    with machine("here").held("chore.one"):
        table.revoke("chore.one")  # as after too long a silence
        follower = Thread(target=lambda: follow(table, machine("there")))
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


def test_a_lease_without_work_leaves_nothing_behind(table: WorkTable, machine: Make) -> None:
    with machine("here").held("housekeeping"):
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
