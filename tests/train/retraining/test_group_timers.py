"""Dataset groups with a schedule of their own."""

from collections.abc import Callable

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.times import DAY, HOUR, MINUTE, parse_moment
from pawsonalize.core.work.tables import Turns, WorkTable
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import ensure_defaults
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution
from pawsonalize.resources.tables import Resources
from pawsonalize.train.retrained import Part, find_retrained, left_out
from pawsonalize.train.retraining import runs as runs_module
from pawsonalize.train.retraining.runs import RETRAINING, TICKS, GroupTimers, Runs, Trigger
from pawsonalize.train.retraining.schedule import read_schedule
from pawsonalize.train.solutions import DatasetGroups

NOON = parse_moment("2026-05-17T12:00Z", "noon")
FOUR = NOON + 16 * HOUR


@pytest.fixture
def registry(database: Database) -> Registry:
    registry = Registry(Resources(database), 10)
    ensure_defaults(registry, "popularity-count", NOON)
    for name in "abc":
        DatasetGroups(registry).create(name, NOON)
        solution = Solution(name=name, dataset_group=name, recipe="popularity-count")
        registry.create(solution, NOON)
        registry.create(Campaign(name=name, solution=name), NOON)
    return registry


@pytest.fixture
def server(
    database: Database, registry: Registry, rows: WorkTable, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], GroupTimers]:
    """A server of several over these tables, which looks whenever it is asked to."""
    monkeypatch.setattr(runs_module, "_LOOK_SECONDS", 0.0)
    ticks, turns = Turns(database, TICKS), Turns(database, RETRAINING)

    def of() -> GroupTimers:
        read = lambda text: read_schedule(text, "UTC")  # noqa: E731 - as the app gives it
        return GroupTimers(Runs(rows, {}), registry, ticks, turns, read)

    return of


def schedule(registry: Registry, **schedules: str | None) -> None:
    for name, text in schedules.items():
        DatasetGroups(registry).change(name, {"retrain_schedule": text}, NOON)


def finish(rows: WorkTable, now: int) -> None:
    held = rows.open(RETRAINING)
    assert held is not None
    assert rows.change(held.name, state="promoted", ended_at=now)


def parts(rows: WorkTable) -> list[str | None]:
    """The dataset groups of all runs, the oldest first."""
    return [one.part.dataset_group for one in reversed(Runs(rows, {}).newest(99))]


def test_a_run_of_the_dataset_group_alone_begins_at_its_tick_once_however_many_servers(
    registry: Registry, rows: WorkTable, server: Callable[[], GroupTimers]
) -> None:
    schedule(registry, a="0 4 * * *")
    servers = [server(), server()]
    for one in servers:
        one.look(FOUR - 1)
    assert parts(rows) == []
    for one in servers:
        one.look(FOUR + MINUTE)
    assert parts(rows) == ["a"]
    (run,) = Runs(rows, {}).newest(9)
    assert run.trigger is Trigger.SCHEDULE
    finish(rows, FOUR + 2 * MINUTE)
    for one in [*servers, server()]:
        one.look(FOUR + HOUR)
    assert parts(rows) == ["a"]


def test_groups_that_are_due_at_once_take_turns_and_none_waits_for_two_runs_of_another(
    registry: Registry, rows: WorkTable, server: Callable[[], GroupTimers]
) -> None:
    schedule(registry, a="rate(1 minute)", b="rate(1 minute)", c="0 4 * * *")
    one = server()
    for minute in range(6):
        now = FOUR + minute * MINUTE
        one.look(now)
        finish(rows, now + 1)
    order = parts(rows)
    assert sorted(order[:3], key=str) == ["a", "b", "c"]
    assert {order[3], order[4]} == {"a", "b"}


def test_a_tick_that_was_missed_is_made_up_for_by_one_run_and_survives_a_restart(
    registry: Registry, rows: WorkTable, server: Callable[[], GroupTimers]
) -> None:
    schedule(registry, a="0 4 * * *")
    server().look(FOUR + 3 * DAY + HOUR)
    assert parts(rows) == ["a"]


def test_a_tick_before_the_schedule_was_set_begins_nothing(
    registry: Registry, rows: WorkTable, server: Callable[[], GroupTimers]
) -> None:
    schedule(registry, a="0 11 * * *")
    server().look(NOON + HOUR)
    assert parts(rows) == []


def test_a_run_waits_while_another_one_runs(
    registry: Registry, rows: WorkTable, server: Callable[[], GroupTimers]
) -> None:
    schedule(registry, a="0 4 * * *")
    Runs(rows, {}).begin(Trigger.COMMAND, FOUR - 1)
    one = server()
    one.look(FOUR)
    assert parts(rows) == [None]
    finish(rows, FOUR + 1)
    one.look(FOUR + 2)
    assert parts(rows) == [None, "a"]


def test_a_group_with_a_schedule_of_its_own_is_not_retrained_with_all_others(
    registry: Registry,
) -> None:
    schedule(registry, a="0 4 * * *", b="never")
    names = {one.campaign.name for one in find_retrained(registry)}
    assert names == {"recommender", "reranker", "c"}
    assert "schedule of its own" in left_out(registry)["a"]
    assert [one.campaign.name for one in find_retrained(registry, Part("b"))] == ["b"]
    assert "a" not in left_out(registry, Part("a"))


def test_a_run_s_name_leaves_room_for_the_names_of_its_versions(
    registry: Registry, rows: WorkTable, server: Callable[[], GroupTimers]
) -> None:
    name = "x" * 128
    DatasetGroups(registry).create(name, NOON, {"retrain_schedule": "0 4 * * *"})
    server().look(FOUR)
    (run,) = Runs(rows, {}).newest(9)
    stamp = run.run_id.removeprefix("retrain-")
    assert 100 + len("-") + len(stamp) <= 128
