"""Rates and times to answer, from counts that only grow."""

import pytest

from pawsonalize.core.times import HOUR, MINUTE, SECOND
from pawsonalize.plugins.console.traffic import TrafficCounts, TrafficHistory, TrafficKind

ASKED = TrafficKind.RECOMMENDATIONS
NOW = 1_790_000_000_000


def counts(requests: float, *, failed: float = 0.0, events: float = 0.0) -> TrafficCounts:
    """Half of the requests are answered within 10 ms, all within 20 ms."""
    return TrafficCounts(
        {(ASKED, 200): requests - failed, (ASKED, 503): failed},
        {(ASKED, 0.01): requests / 2, (ASKED, 0.02): requests, (ASKED, float("inf")): requests},
        accepted=events,
    )


def history(*samples: tuple[int, TrafficCounts]) -> TrafficHistory:
    """Samples at so many milliseconds; the last is what is counted now."""
    readings = [reading for _, reading in samples]
    made = TrafficHistory(lambda: readings.pop(0), samples[0][0])
    for at, _ in samples[1:-1]:
        made.sample(at)
    return made


def test_a_rate_is_of_the_last_minute_and_a_count_of_the_hour() -> None:
    made = history(
        (NOW, counts(0)),
        (NOW + 30 * MINUTE, counts(9_000)),
        (NOW + 31 * MINUTE, counts(9_600, failed=6, events=300)),
    )
    found = made.traffic(NOW + 31 * MINUTE)
    asked = found.kinds[0]
    assert (asked.per_second, asked.requests, asked.failed) == (10.0, 9_600, 6)
    assert found.events_per_second == 5.0
    assert found.seconds == 31 * 60


def test_times_to_answer_are_read_between_the_bounds_of_the_histogram() -> None:
    found = history((NOW, counts(0)), (NOW + MINUTE, counts(100))).traffic(NOW + MINUTE)
    asked = found.kinds[0]
    assert asked.p50_ms == pytest.approx(10.0)
    assert asked.p95_ms == pytest.approx(19.0)


def test_without_requests_there_are_no_times() -> None:
    found = history((NOW, counts(5)), (NOW + MINUTE, counts(5))).traffic(NOW + MINUTE)
    assert found.kinds[0].per_second == 0.0
    assert found.kinds[0].p50_ms is None


def test_counts_that_fell_because_a_worker_died_are_no_negative_rate() -> None:
    found = history((NOW, counts(50)), (NOW + MINUTE, counts(7))).traffic(NOW + MINUTE)
    assert found.kinds[0].requests == 0


def test_an_hour_is_kept_and_drawn_a_point_a_minute() -> None:
    step = 15 * SECOND
    samples = [(NOW + n * step, counts(60 * n)) for n in range(400)]
    found = history(*samples).traffic(samples[-1][0])
    assert found.seconds == HOUR / SECOND + 15
    assert 59 <= len(found.points) <= 61
    assert {round(one.answers_per_second, 6) for one in found.points} == {4.0}
