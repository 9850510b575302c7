"""What a server repeats does its work on real tables."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.app import opened_app
from pawsonalize.app.upkeep import upkeep
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY
from pawsonalize.core.work.tasks import Reporting, Task, attempt
from pawsonalize.recommend.tables import ANIMALS, Impression
from pawsonalize.resources.kind import new_recommendation_id
from pawsonalize.train.retraining.runs import GroupTimers
from pawsonalize.train.retraining.worker import WorkerProcesses
from tests.animal_data import animal
from tests.event_data import event
from tests.service_data import make_service


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Adapters, dict[str, Task]]]:
    """The tables, and the tasks by name, of a server that keeps answers for three days."""
    settings = msgspec.structs.replace(make_service(tmp_path), impression_days=3)
    with opened_app(settings) as app:
        app.catch_up()
        tasks = app.tasks()
        yield app, {task.name: task for task in tasks}
        app.close()


def test_a_schedule_that_fails_keeps_no_run_from_its_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_timers: GroupTimers, _now: int) -> None:
        raise InvalidInput("a schedule that cannot be read")

    looked: list[int] = []
    monkeypatch.setattr(GroupTimers, "look", fails)
    monkeypatch.setattr(WorkerProcesses, "look", lambda _workers, now: looked.append(now))
    settings = msgspec.structs.replace(make_service(tmp_path), retrain_here=True)
    with opened_app(settings) as app:
        for task in app.tasks():
            if "retrain" in task.name:
                attempt(task.name, task.work, Reporting(app.problems, task.name))
        assert looked
        assert [one.name for one in app.problems.standing(clock.now())] == [
            "retrain dataset groups when due"
        ]
        app.close()


def test_jobs_are_let_end_before_the_worker_of_a_retraining_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_service(tmp_path)
    with opened_app(settings) as app:
        stopping, seen = app.jobs.stopping, list[bool]()
        monkeypatch.setattr(
            WorkerProcesses, "stop", lambda _workers: seen.append(stopping.is_set())
        )
        app.close()
    assert seen == [True]


def answer(days_ago: float) -> Impression:
    at = clock.now() - round(days_ago * DAY)
    return Impression(
        new_recommendation_id(at), ANIMALS, None, "s", at, at, "v", ("2-Beagle-2-3",),
        animal_ids=(("rex",),),
    )  # fmt: skip


def test_answers_older_than_the_setting_are_deleted(
    running: tuple[Adapters, dict[str, Task]],
) -> None:
    adapters, tasks = running
    old, new = answer(3.1), answer(2.9)
    adapters.impressions.append([old, new])
    assert tasks["delete old answers"].work() == 1
    assert adapters.impressions.get(old.recommendation_id) is None
    assert adapters.impressions.get(new.recommendation_id) == new


def test_all_that_keeps_the_disk_small_is_done_in_a_thread_of_its_own(
    running: tuple[Adapters, dict[str, Task]],
) -> None:
    adapters, tasks = running
    wanted = [name for name, _ in upkeep(adapters)]
    assert wanted
    assert len({tasks[name].threads for name in wanted}) == 1
    for name in wanted:
        tasks[name].work()


def test_events_are_joined_and_choices_counted_while_the_server_runs(
    running: tuple[Adapters, dict[str, Task]],
) -> None:
    adapters, tasks = running
    adapters.animals.put([animal("rex")], clock.now())
    shown = [answer(0.01) for _ in range(60)]
    adapters.impressions.append(shown)
    now = clock.now()
    adapters.log.append(
        [event(f"e{n}", session="x", animal_id="rex", sent_at=now) for n in range(220)]
    )
    tasks["join events to answers"].work()
    (problem,) = adapters.problems.standing(now)
    assert problem.name == "events that come from no answer"
    tasks["count choices"].work()
