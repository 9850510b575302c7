"""The outbox and its couriers, on every database: at least once, and one never blocks another."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.notifications import Notification
from pawsonalize.domain.times import DAY, HOUR, SECOND
from pawsonalize.kinds.problems import Outbox
from pawsonalize.storage.database import Database
from pawsonalize.storage.deliveries import Deliveries, Delivery
from pawsonalize.wings.notifications.courier import GIVEN_UP_AFTER, Courier
from pawsonalize.wings.notifications.smtp import SmtpNotifier
from pawsonalize.wings.notifications.webhook import WebhookNotifier
from tests.adapters.notify.channels import Posts
from tests.adapters.notify.receivers import NEWS, SECRET, WebServer, web_server

T0 = NEWS.happened_at


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Deliveries(database)


@pytest.fixture
def outbox(deliveries: Deliveries) -> Outbox:
    return Outbox(deliveries, ["webhook", "email"])


@pytest.fixture
def courier(deliveries: Deliveries, server: WebServer) -> Courier:
    return webhook_courier(deliveries, server)


def webhook_courier(deliveries: Deliveries, server: WebServer) -> Courier:
    return Courier(deliveries, "webhook", WebhookNotifier(server.url, SECRET, lambda: T0))


def dead_courier(deliveries: Deliveries) -> Courier:
    """Nobody listens on port 1."""
    dead = SmtpNotifier("smtp://127.0.0.1:1", "paw@x.example", ["a@x.example"])
    return Courier(deliveries, "email", dead)


def news(number: int) -> Notification:
    return replace(NEWS, notification_id=f"news-{number}", happened_at=T0 + number)


def arrived(server: WebServer) -> list[str]:
    return [arrived.news_id for arrived in Posts(server).arrived()]


def state(deliveries: Deliveries, notifier: str) -> Delivery:
    (found,) = [each for each in deliveries.newest(100) if each.notifier == notifier]
    return found


def test_what_was_enqueued_comes_back_as_it_was(deliveries: Deliveries, outbox: Outbox) -> None:
    outbox.enqueue(NEWS)
    assert deliveries.newest(10) == [Delivery(NEWS, "email"), Delivery(NEWS, "webhook")]


def test_the_newest_news_come_first(deliveries: Deliveries, outbox: Outbox) -> None:
    for number in (2, 1, 3):
        outbox.enqueue(news(number))
    listed = [each.notification.notification_id for each in deliveries.newest(4)]
    assert listed == ["news-3", "news-3", "news-2", "news-2"]


def test_the_same_id_is_told_once_though_a_step_runs_again(
    outbox: Outbox, courier: Courier, server: WebServer
) -> None:
    outbox.enqueue(NEWS)
    assert courier.deliver_due(T0) == 1
    outbox.enqueue(replace(NEWS, text="again, in other words"))
    assert courier.deliver_due(T0 + DAY) == 0
    assert arrived(server) == [NEWS.notification_id]


def test_an_id_that_a_signature_cannot_carry_is_refused() -> None:
    for bad in ("", "a b", "a.b", "a\n", "ä", "x" * 257):
        with pytest.raises(InvalidInput, match="notification id"):
            replace(NEWS, notification_id=bad)


def test_news_are_told_in_the_order_they_happened(
    outbox: Outbox, courier: Courier, server: WebServer
) -> None:
    for number in (2, 3, 1):
        outbox.enqueue(news(number))
    assert courier.deliver_due(T0) == 3
    assert arrived(server) == ["news-1", "news-2", "news-3"]


def test_a_dead_notifier_leaves_the_others_delivered_and_is_tried_again_later_and_later(
    deliveries: Deliveries, outbox: Outbox, courier: Courier, server: WebServer
) -> None:
    outbox.enqueue(NEWS)
    dead, now, waits = dead_courier(deliveries), T0, []
    for _ in range(6):
        assert dead.deliver_due(now) == 0
        again_at = state(deliveries, "email").next_attempt_at
        assert again_at is not None
        assert dead.deliver_due(again_at - 1) == 0
        assert state(deliveries, "email").next_attempt_at == again_at, "it was not due"
        waits.append(again_at - now)
        now = again_at
    assert courier.deliver_due(T0) == 1
    assert arrived(server) == [NEWS.notification_id]
    assert state(deliveries, "webhook").delivered_at == T0
    waiting = state(deliveries, "email")
    assert (waiting.attempts, waiting.delivered_at) == (6, None)
    assert "Connection refused" in (waiting.last_error or "")
    assert 5 * SECOND <= waits[0] <= 10 * SECOND
    assert 160 * SECOND <= waits[5] <= 320 * SECOND


def test_a_notifier_that_comes_back_gets_what_waited(
    deliveries: Deliveries, outbox: Outbox, courier: Courier, server: WebServer
) -> None:
    server.status = 503
    for number in range(3):
        outbox.enqueue(news(number))
    courier.deliver_due(T0)
    assert len(server.posts) == 1, "it is not asked again for each that waits"
    server.status = 204
    assert courier.deliver_due(T0 + HOUR) == 3
    assert sorted(arrived(server)[1:]) == ["news-0", "news-1", "news-2"]
    assert deliveries.undelivered() == 3, "the e-mails"


def test_one_notification_that_is_never_taken_does_not_hold_up_the_next(
    outbox: Outbox, courier: Courier, server: WebServer
) -> None:
    outbox.enqueue(news(1))
    server.status = 400
    courier.deliver_due(T0)
    outbox.enqueue(news(2))
    server.status = 204
    assert courier.deliver_due(T0 + SECOND) == 1
    assert arrived(server)[-1] == "news-2"


def test_after_three_days_it_is_given_up_with_a_log_line(
    deliveries: Deliveries, outbox: Outbox
) -> None:
    outbox.enqueue(NEWS)
    dead, now, attempts = dead_courier(deliveries), T0, 0
    with structlog.testing.capture_logs() as lines:
        while (again_at := _attempt(dead, deliveries, now)) is not None:
            assert again_at > now
            now, attempts = again_at, attempts + 1
            assert attempts < 1000
    assert T0 + GIVEN_UP_AFTER - HOUR <= now <= T0 + GIVEN_UP_AFTER
    assert lines[-1]["event"] == "notification given up"
    assert lines[-1]["notification_id"] == NEWS.notification_id
    assert dead.deliver_due(T0 + 30 * DAY) == 0
    assert state(deliveries, "email").attempts == attempts + 1


def _attempt(courier: Courier, deliveries: Deliveries, now: int) -> int | None:
    courier.deliver_due(now)
    return state(deliveries, "email").next_attempt_at


def test_what_was_given_up_can_be_tried_again(
    deliveries: Deliveries, outbox: Outbox, courier: Courier, server: WebServer
) -> None:
    for number in (1, 2):
        outbox.enqueue(news(number))
    late = T0 + 30 * DAY
    server.status = 500
    courier.deliver_due(late)
    courier.deliver_due(late)
    server.status = 204
    assert courier.deliver_due(late + DAY) == 0
    deliveries.retry(late, "news-2")
    assert (deliveries.undelivered(), deliveries.undelivered("news-2")) == (4, 2)
    assert courier.deliver_due(late) == 1
    assert arrived(server)[2:] == ["news-2"]
    deliveries.retry(late)
    assert courier.deliver_due(late) == 1
    assert arrived(server)[3:] == ["news-1"]


def test_retrying_sends_nothing_twice(
    deliveries: Deliveries, outbox: Outbox, courier: Courier, server: WebServer
) -> None:
    outbox.enqueue(NEWS)
    courier.deliver_due(T0)
    deliveries.retry(T0)
    assert courier.deliver_due(T0) == 0
    assert len(server.posts) == 1


class Killed(BaseException):
    pass


def test_a_crash_between_sending_and_noting_it_sends_again_with_the_same_id(
    deliveries: Deliveries,
    outbox: Outbox,
    courier: Courier,
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*_: object) -> None:
        raise Killed

    outbox.enqueue(NEWS)
    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "delivered", die)
        with pytest.raises(Killed):
            courier.deliver_due(T0)
    assert courier.deliver_due(T0 + SECOND) == 0, "whoever claimed it may be sending still"
    assert courier.deliver_due(T0 + HOUR) == 1
    assert arrived(server) == [NEWS.notification_id] * 2
    assert [post.headers["webhook-id"] for post in server.posts] == [NEWS.notification_id] * 2
    assert courier.deliver_due(T0 + DAY) == 0


def test_couriers_of_several_processes_send_each_notification_once(
    deliveries: Deliveries, outbox: Outbox, server: WebServer
) -> None:
    for number in range(30):
        outbox.enqueue(news(number))

    def deliver_all() -> None:
        own = webhook_courier(deliveries, server)
        while own.deliver_due(T0):
            pass

    in_parallel(deliver_all, 4)
    assert sorted(arrived(server)) == sorted(f"news-{number}" for number in range(30))


def test_several_that_claim_at_once_never_get_the_same(
    deliveries: Deliveries, outbox: Outbox
) -> None:
    for number in range(20):
        outbox.enqueue(news(number))
    claimed: list[Any] = []

    def claim_all() -> None:
        while (mine := deliveries.claim("webhook", T0, T0 + HOUR)) is not None:
            claimed.append(mine.notification.notification_id)

    in_parallel(claim_all, 4)
    assert sorted(claimed) == sorted(f"news-{number}" for number in range(20))


def in_parallel(work: Callable[[], None], times: int) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # a thread has no other way to tell
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_who_comes_back_late_neither_undoes_a_delivery_nor_delays_a_newer_attempt(
    deliveries: Deliveries, outbox: Outbox
) -> None:
    outbox.enqueue(NEWS)
    slow = deliveries.claim("webhook", T0, T0 + SECOND)
    newer = deliveries.claim("webhook", T0 + SECOND, T0 + 2 * SECOND)
    assert slow is not None
    assert newer is not None
    deliveries.failed(slow, "too late", T0 + DAY)
    assert state(deliveries, "webhook").next_attempt_at == T0 + 2 * SECOND
    deliveries.delivered(newer, T0 + SECOND)
    deliveries.failed(newer, "nonsense", T0 + DAY)
    deliveries.delivered(slow, T0 + DAY)
    assert state(deliveries, "webhook").delivered_at == T0 + SECOND
    assert state(deliveries, "webhook").next_attempt_at is None


class Broken:
    """A notifier with a bug."""

    def send(self, notification: Notification) -> None:
        raise ZeroDivisionError(notification.notification_id)


def test_a_notifier_that_breaks_in_a_way_nobody_foresaw_is_retried_like_any_other(
    deliveries: Deliveries, outbox: Outbox
) -> None:
    outbox.enqueue(NEWS)
    assert Courier(deliveries, "webhook", Broken()).deliver_due(T0) == 0
    failed = state(deliveries, "webhook")
    assert failed.last_error == "ZeroDivisionError: run-1:not-promoted"
    assert failed.next_attempt_at is not None
    assert T0 < failed.next_attempt_at <= T0 + 10 * SECOND


def test_old_deliveries_are_forgotten_unless_an_attempt_is_yet_to_come(
    deliveries: Deliveries,
) -> None:
    done = Delivery(news(1), "webhook", next_attempt_at=None, delivered_at=T0)
    given_up = Delivery(news(2), "webhook", next_attempt_at=None, last_error="no")
    waiting, young = Delivery(news(3), "webhook"), replace(done, notification=news(DAY))
    deliveries.add([done, given_up, waiting, young])
    assert deliveries.forget(T0 + DAY) == 2
    left = [delivery.notification.notification_id for delivery in deliveries.newest(9)]
    assert left == [f"news-{DAY}", "news-3"]
