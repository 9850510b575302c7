"""The outbox and its couriers, on every database: at least once, and one never blocks another."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.notifications import Notification
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.problems import Deliveries, Delivery, Outbox
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.plugins.notifications.delivery import GIVEN_UP_AFTER, Courier
from pawsonalize.plugins.notifications.notifiers import SmtpNotifier, WebhookNotifier
from tests.plugins.notifications.channels import Posts
from tests.plugins.notifications.receivers import NEWS, SECRET, WebServer, web_server

T0 = NEWS.happened_at


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def deliveries(database: Database) -> Deliveries:
    return Deliveries(WorkTable(database))


@pytest.fixture
def outbox(deliveries: Deliveries) -> Outbox:
    return Outbox(deliveries, ["webhook", "email"])


@pytest.fixture
def courier(deliveries: Deliveries, leases: Leases, server: WebServer) -> Courier:
    return webhook_courier(deliveries, leases, server)


def webhook_courier(deliveries: Deliveries, leases: Leases, server: WebServer) -> Courier:
    return Courier(deliveries, leases, "webhook", WebhookNotifier(server.url, SECRET, lambda: T0))


@pytest.fixture
def dead(deliveries: Deliveries, leases: Leases) -> Courier:
    """Nobody listens on port 1."""
    notifier = SmtpNotifier("smtp://127.0.0.1:1", "paw@x.example", ["a@x.example"])
    return Courier(deliveries, leases, "email", notifier)


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
    deliveries: Deliveries, outbox: Outbox, courier: Courier, dead: Courier, server: WebServer
) -> None:
    outbox.enqueue(NEWS)
    waits: list[int] = []
    now = T0
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
    assert deliveries.count_undelivered() == 3, "the e-mails"


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
    deliveries: Deliveries, outbox: Outbox, dead: Courier
) -> None:
    outbox.enqueue(NEWS)
    now, attempts = T0, 0
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
    assert (deliveries.count_undelivered(), deliveries.count_undelivered("news-2")) == (4, 2)
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


_DYING = """
import os, pathlib, sys
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.database.database import Database
from pawsonalize.core.work.problems import Deliveries
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.plugins.notifications.delivery import Courier
from pawsonalize.plugins.notifications.notifiers import WebhookNotifier

class Dying(WebhookNotifier):
    def send(self, notification):
        super().send(notification)
        os.kill(os.getpid(), 9)

url, folder, hook, secret, now = sys.argv[1:]
work, notifier = WorkTable(Database(url)), Dying(hook, secret, lambda: int(now))
leases = Leases(work, pathlib.Path(folder))
Courier(Deliveries(work), leases, "webhook", notifier).deliver_due(int(now))
"""


def test_a_courier_that_is_killed_after_sending_is_followed_with_the_same_id(
    deliveries: Deliveries,
    outbox: Outbox,
    courier: Courier,
    server: WebServer,
    database_url: str,
    tmp_path: Path,
) -> None:
    outbox.enqueue(NEWS)
    arguments = (database_url, str(tmp_path / "leases"), server.url, SECRET, str(T0))
    killed = subprocess.run([sys.executable, "-c", _DYING, *arguments], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert courier.deliver_due(T0) == 1, "its lock is free at once"
    assert arrived(server) == [NEWS.notification_id] * 2
    assert [post.headers["webhook-id"] for post in server.posts] == [NEWS.notification_id] * 2
    assert state(deliveries, "webhook").attempts == 2
    assert courier.deliver_due(T0 + DAY) == 0


def test_what_another_courier_is_sending_is_not_sent_beside_it(
    deliveries: Deliveries, outbox: Outbox, courier: Courier, leases: Leases, server: WebServer
) -> None:
    for number in (1, 2):
        outbox.enqueue(news(number))
    first, _ = deliveries.due("webhook", T0, 9)
    with leases.held(first.lease):
        assert courier.deliver_due(T0) == 1
    assert arrived(server) == ["news-2"]


def test_couriers_of_several_processes_send_each_notification_once(
    deliveries: Deliveries, outbox: Outbox, server: WebServer, database: Database, tmp_path: Path
) -> None:
    for number in range(30):
        outbox.enqueue(news(number))

    def deliver_all(machine: int) -> None:
        leases = Leases(WorkTable(database), tmp_path / f"{machine % 2}")
        own = webhook_courier(deliveries, leases, server)
        while deliveries.due("webhook", T0, 1):
            own.deliver_due(T0)
        leases.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(deliver_all, range(4)))
    assert sorted(arrived(server)) == sorted(f"news-{number}" for number in range(30))


class Broken:
    """A notifier with a bug."""

    def send(self, notification: Notification) -> None:
        raise ZeroDivisionError(notification.notification_id)


def test_a_notifier_that_breaks_in_a_way_nobody_foresaw_is_retried_like_any_other(
    deliveries: Deliveries, outbox: Outbox, leases: Leases
) -> None:
    outbox.enqueue(NEWS)
    assert Courier(deliveries, leases, "webhook", Broken()).deliver_due(T0) == 0
    failed = state(deliveries, "webhook")
    assert failed.last_error == "ZeroDivisionError: run-1:not-promoted"
    assert failed.next_attempt_at is not None
    assert T0 < failed.next_attempt_at <= T0 + 10 * SECOND


def test_old_deliveries_are_forgotten_unless_an_attempt_is_yet_to_come(
    deliveries: Deliveries,
) -> None:
    done, given_up, waiting, young = (Delivery(news(number), "webhook") for number in range(4))
    deliveries.add([done, given_up, waiting, young])
    deliveries.delivered(done, T0)
    deliveries.failed(given_up, "no", None, T0)
    deliveries.delivered(young, T0 + DAY)
    assert deliveries.forget(T0 + DAY) == 2
    left = [delivery.notification.notification_id for delivery in deliveries.newest(9)]
    assert left == ["news-3", "news-2"]


def test_news_for_which_there_is_no_notifier_are_in_the_log(deliveries: Deliveries) -> None:
    with capture_logs() as logged:
        Outbox(deliveries, ()).enqueue(news(1))
    assert [(one["event"], one["notification_id"]) for one in logged] == [(NEWS.subject, "news-1")]
    assert deliveries.newest(10) == []
