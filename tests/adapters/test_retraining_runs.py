"""`RetrainingRuns`: one at a time, one worker at a time."""

from dataclasses import replace
from threading import Barrier, Thread

import pytest

from pawsonalize.storage.database import Database
from pawsonalize.storage.retraining_runs import RUNNING, RetrainingRun, RetrainingRuns
from tests.event_data import T0


@pytest.fixture
def runs(database: Database) -> RetrainingRuns:
    return RetrainingRuns(database)


def a_run(name: str = "one", at: int = T0) -> RetrainingRun:
    return RetrainingRun(name, at, "{}")


def begun(runs: RetrainingRuns, name: str = "one", at: int = T0) -> RetrainingRun:
    """A run that a worker `a` works on."""
    assert runs.begin(a_run(name, at))
    held = runs.assign(name, "a")
    assert held is not None
    return held


def end(runs: RetrainingRuns, held: RetrainingRun, at: int = T0) -> None:
    assert runs.save(replace(held, status="promoted", ended_at=at, record='{"end": 1}'))


def test_a_second_run_begins_only_after_the_first_has_ended(runs: RetrainingRuns) -> None:
    held = begun(runs)
    assert not runs.begin(a_run("two"))
    end(runs, held)
    assert runs.running() is None
    assert runs.begin(a_run("two"))


def test_an_id_begins_once_however_many_servers_see_the_tick(runs: RetrainingRuns) -> None:
    end(runs, begun(runs, "tick"))
    assert not runs.begin(a_run("tick"))


def test_of_many_that_begin_at_once_one_does(runs: RetrainingRuns) -> None:
    barrier, begun_by = Barrier(6), []

    def race(name: str) -> None:
        barrier.wait()
        if runs.begin(a_run(name)):
            begun_by.append(name)

    threads = [Thread(target=race, args=(f"run {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun_by) == 1


def test_the_work_is_remembered_for_who_goes_on(runs: RetrainingRuns) -> None:
    held = begun(runs)
    assert runs.renew(replace(held, worked_ms=700)) is not None
    taken = runs.assign("one", "b")
    assert taken is not None
    assert (taken.worker, taken.worked_ms) == ("b", 700)


def test_who_no_longer_works_on_it_changes_nothing_any_more(runs: RetrainingRuns) -> None:
    stalled = begun(runs)
    runs.assign("one", "b")
    assert runs.renew(stalled) is None
    assert not runs.save(replace(stalled, status="failed", ended_at=T0))
    found = runs.running()
    assert found is not None
    assert found.worker == "b"


def test_the_worker_is_told_that_somebody_asked_to_cancel(runs: RetrainingRuns) -> None:
    held = begun(runs)
    assert runs.ask_cancel("one")
    renewed = runs.renew(held)
    assert renewed is not None
    assert renewed.cancel_asked


def test_an_ended_run_is_as_it_ended(runs: RetrainingRuns) -> None:
    held = begun(runs)
    end(runs, held, T0 + 5)
    assert not runs.ask_cancel("one")
    assert not runs.save(replace(held, status=RUNNING))
    assert runs.assign("one", "b") is None
    found = runs.get("one")
    assert found is not None
    assert (found.status, found.ended_at, found.record) == ("promoted", T0 + 5, '{"end": 1}')


def test_runs_are_listed_newest_first_and_forgotten_when_old(runs: RetrainingRuns) -> None:
    for n in range(3):
        end(runs, begun(runs, f"run {n}", T0 + n), T0 + n)
    begun(runs, "going on", T0 - 1)
    assert [run.run_id for run in runs.newest(2)] == ["run 2", "run 1"]
    assert runs.forget(T0 + 2) == 2
    assert [run.run_id for run in runs.newest(9)] == ["run 2", "going on"]
