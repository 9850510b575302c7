"""When retrainings are due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY, HOUR, iso, parse_moment
from pawsonalize.train.retraining.schedule import Schedule, read_schedule
from tests.event_data import T0

MOMENTS = st.integers(T0, T0 + 800 * DAY)


def latest(schedule: Schedule | None, moment: str) -> str:
    assert schedule is not None
    tick = schedule(parse_moment(moment, "moment"))
    assert tick is not None
    return iso(tick)


@pytest.mark.parametrize(
    ("moment", "tick"),
    [
        ("2026-11-24T02:00:00Z", "2026-11-24T02:00:00.000Z"),
        ("2026-11-24T02:00:59.999Z", "2026-11-24T02:00:00.000Z"),
        ("2026-11-24T01:59:59.999Z", "2026-11-23T02:00:00.000Z"),
        ("2026-07-24T12:00:00Z", "2026-07-24T01:00:00.000Z"),
    ],
)
def test_cron_ticks_on_the_clocks_of_its_time_zone(moment: str, tick: str) -> None:
    assert latest(read_schedule("0 3 * * *", "Europe/Berlin"), moment) == tick


def test_a_day_whose_hour_is_skipped_or_comes_twice_has_one_tick() -> None:
    schedule = read_schedule("30 2 * * *", "Europe/Berlin")
    assert latest(schedule, "2026-03-29T00:59Z") == "2026-03-28T01:30:00.000Z"
    assert latest(schedule, "2026-03-29T23:00Z") == "2026-03-29T01:00:00.000Z"
    assert latest(schedule, "2026-10-25T00:59Z") == "2026-10-25T00:30:00.000Z"
    assert latest(schedule, "2026-10-25T23:00Z") == "2026-10-25T00:30:00.000Z"


def test_a_rate_ticks_at_the_same_moments_on_every_server() -> None:
    schedule = read_schedule("rate(1 day)", "UTC")
    assert latest(schedule, "2026-11-24T17:21:00Z") == "2026-11-24T00:00:00.000Z"
    schedule = read_schedule("rate(12 hours)", "UTC")
    assert latest(schedule, "2026-11-24T17:21:00Z") == "2026-11-24T12:00:00.000Z"


@given(now=MOMENTS, text=st.sampled_from(["0 3 * * *", "*/7 1-5 * * 1", "rate(30 minutes)"]))
def test_a_tick_is_never_in_the_future_and_stays_until_the_next(now: int, text: str) -> None:
    schedule = read_schedule(text, "America/New_York")
    assert schedule is not None
    tick = schedule(now)
    assert tick is not None
    assert tick <= now
    assert schedule(tick) == tick
    later = schedule(now + HOUR)
    assert later is not None
    assert later >= tick


def test_no_text_is_no_schedule() -> None:
    assert read_schedule(" ", "UTC") is None


def test_a_schedule_nobody_understands_is_named(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str, str]] = [
        ("daily", "UTC", "retrain_schedule"),
        ("61 * * * *", "UTC", "retrain_schedule"),
        ("9" * 5_000 + " * * * *", "UTC", "retrain_schedule"),
        ("0 3 30 2 *", "UTC", "retrain_schedule"),
        ("rate(0 days)", "UTC", "retrain_schedule"),
        ("rate(1 fortnight)", "UTC", "retrain_schedule"),
        ("0 3 * * *", "Europe/Nowhere", "retrain_time_zone"),
        ("0 3 * * *", "../etc", "retrain_time_zone"),
        ("0 3 * * *", "", "retrain_time_zone"),
    ]
    for text, zone, field in cases:
        with subtests.test(text=text, zone=zone, field=field):
            with pytest.raises(InvalidInput) as refused:
                read_schedule(text, zone)
            assert refused.value.field == field
