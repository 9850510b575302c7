"""When a notification is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.core.work.problems import Delivery
from pawsonalize.plugins.notifications.delivery import GIVEN_UP_AFTER, next_attempt_at

T0 = 1_795_533_300_000


def failed(attempts: int, news_id: str = "news") -> Delivery:
    news = Notification(news_id, NotificationKind.FAILED, "It failed", "Why it failed.", T0)
    return Delivery(news, "webhook", attempts)


@given(st.integers(1, 1000), st.text("abc", min_size=1))
def test_the_wait_doubles_up_to_an_hour_and_is_cut_by_up_to_a_half(
    attempts: int, news_id: str
) -> None:
    again_at = next_attempt_at(failed(attempts, news_id), T0)
    assert again_at is not None
    full = min(10 * SECOND * 2 ** (attempts - 1), HOUR)
    assert full / 2 <= again_at - T0 <= full


@given(st.integers(1, 1000), st.integers(0, 10 * DAY))
def test_no_attempt_is_planned_beyond_the_age(attempts: int, age: int) -> None:
    again_at = next_attempt_at(failed(attempts), T0 + age)
    if age > GIVEN_UP_AFTER:
        assert again_at is None
    elif age < GIVEN_UP_AFTER - HOUR:
        assert again_at is not None
    assert again_at is None or T0 + age < again_at <= T0 + GIVEN_UP_AFTER


def test_the_same_attempt_waits_the_same_time_and_others_do_not() -> None:
    waits = [next_attempt_at(failed(5, f"news-{n}"), T0) for n in range(20)]
    assert waits == [next_attempt_at(failed(5, f"news-{n}"), T0) for n in range(20)]
    assert len(set(waits)) > 15
