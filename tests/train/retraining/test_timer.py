"""The schedule begins each tick's run once."""

from pawsonalize.core.times import DAY, HOUR, parse_moment
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.train.retraining.runs import RETRAINING, Runs, Timer, Trigger
from pawsonalize.train.retraining.schedule import read_schedule

NOON = parse_moment("2026-05-17T12:00Z", "noon")
THREE = NOON - 9 * HOUR


def timer(runs: Runs, now: int) -> Timer:
    schedule = read_schedule("0 3 * * *", "UTC")
    assert schedule is not None
    return Timer(runs, schedule, now)


def finish(rows: WorkTable, now: int) -> None:
    """End whatever runs."""
    held = rows.open(RETRAINING)
    assert held is not None
    assert rows.change(held.name, state="promoted", ended_at=now)


def names(runs: Runs) -> list[str]:
    return [record.run_id for record in runs.newest(99)]


def test_nothing_is_due_before_the_first_tick_that_is_lived_through(runs: Runs) -> None:
    fresh = timer(runs, NOON)
    fresh.look(NOON)
    fresh.look(THREE + DAY - 1)
    assert names(runs) == []
    fresh.look(THREE + DAY)
    assert names(runs) == ["retrain-20260518T030000000Z"]


def test_two_servers_see_a_tick_and_one_run_begins(runs: Runs, rows: WorkTable) -> None:
    servers = [timer(runs, NOON), timer(runs, NOON)]
    for server in servers:
        server.look(THREE + DAY + 300)
    assert len(names(runs)) == 1
    finish(rows, THREE + DAY + 400)
    for server in servers:
        server.look(THREE + DAY + 60_000)
    assert len(names(runs)) == 1


def test_days_without_power_are_made_up_for_by_one_run(runs: Runs, rows: WorkTable) -> None:
    runs.begin(Trigger.COMMAND, NOON)
    finish(rows, NOON + HOUR)
    timer(runs, NOON + 4 * DAY).look(NOON + 4 * DAY)
    assert names(runs)[0] == "retrain-20260521T030000000Z"
    assert len(names(runs)) == 2


def test_a_tick_during_another_run_waits_for_its_end(runs: Runs, rows: WorkTable) -> None:
    server = timer(runs, NOON)
    by_hand = runs.begin(Trigger.COMMAND, THREE + DAY - HOUR)
    server.look(THREE + DAY)
    assert names(runs) == [by_hand.run_id]
    finish(rows, THREE + DAY + HOUR)
    server.look(THREE + DAY + HOUR)
    assert names(runs)[0] == "retrain-20260518T030000000Z"


def test_a_clock_that_jumps_forward_over_ticks_begins_one_run(runs: Runs, rows: WorkTable) -> None:
    server = timer(runs, NOON)
    for moment in (NOON + 9 * DAY, NOON + 9 * DAY + 1000):
        server.look(moment)
    assert names(runs) == ["retrain-20260526T030000000Z"]


def test_a_clock_that_jumps_back_begins_no_tick_twice_and_misses_none(
    runs: Runs, rows: WorkTable
) -> None:
    server = timer(runs, NOON)
    server.look(NOON + DAY)
    finish(rows, NOON + DAY)
    for hour in range(24):  # back before the tick, and through it again
        server.look(NOON + hour * HOUR)
    assert names(runs) == ["retrain-20260518T030000000Z"]
    server.look(NOON + 2 * DAY)
    assert names(runs)[0] == "retrain-20260519T030000000Z"


def test_a_server_that_began_with_a_clock_far_ahead_goes_on_with_the_right_one(runs: Runs) -> None:
    server = timer(runs, NOON + 700 * DAY)
    server.look(NOON + 700 * DAY)
    server.look(NOON)
    server.look(NOON + DAY)
    assert names(runs) == ["retrain-20260518T030000000Z"]


def test_where_the_clock_stands_still_a_second_run_has_a_name_of_its_own(
    runs: Runs, rows: WorkTable
) -> None:
    first = runs.begin(Trigger.API, NOON)
    finish(rows, NOON)
    second = runs.begin(Trigger.API, NOON)
    assert names(runs) == [second.run_id, first.run_id]
    assert second.as_of == NOON
