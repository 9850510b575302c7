"""The outbox of notifications, and problems: what goes wrong in the background and lasts."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import msgspec

from pawsonalize.core.database.journal import Problem, ProblemTable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.times import MINUTE, iso
from pawsonalize.core.work.tables import OPEN, Work, WorkTable

_WARNINGS = {
    *(NotificationKind.FAILED, NotificationKind.TIMED_OUT),
    *(NotificationKind.CAPACITY_WARNING, NotificationKind.PROBLEM),
}
# A log keeps what it is told, so no name and no message of a person may get there.
_PERSONAL = {
    *(NotificationKind.INQUIRY, NotificationKind.INQUIRY_RECEIVED, NotificationKind.LETTER),
    *(NotificationKind.ALERT, NotificationKind.ALERTS_STOPPED, NotificationKind.ALERTS_ASKED),
}
_RENEW_AFTER = MINUTE  # a problem that is reported all the time is written no more often
_LONGEST_MESSAGE = 2000

_KIND = "delivery"
_DELIVERED, _GIVEN_UP = "delivered", "given up"
_UNDELIVERED = (OPEN, _GIVEN_UP)

log = get_logger()


class Delivery(msgspec.Struct, frozen=True):
    """One notification on its way to one notifier."""

    notification: Notification
    notifier: str
    attempts: int = 0  # number of attempts begun
    next_attempt_at: int | None = 0  # none when there is no next one: it was delivered, or given up
    delivered_at: int | None = None
    last_error: str | None = None

    @property
    def lease(self) -> str:
        """The name of the lease that is held while it is delivered."""
        return f"{_prefix(self.notification.notification_id)}{self.notifier}"

    def is_due(self, now: int) -> bool:
        """True if an attempt may begin."""
        return self.next_attempt_at is not None and self.next_attempt_at <= now


class Deliveries:
    """The deliveries of all notifiers; a process changes one only while it holds its lease."""

    def __init__(self, work: WorkTable) -> None:
        self._work = work

    def add(self, batch: Sequence[Delivery]) -> None:
        """Store in one transaction. Deliveries that exist already stay as they are."""
        self._work.add(map(as_work, batch))

    def due(self, notifier: str, now: int, limit: int) -> list[Delivery]:
        """The notifier's deliveries that are due, the longest due first."""
        return [_delivery(row) for row in self._work.due(_KIND, notifier, now, limit)]

    def find(self, lease: str) -> Delivery | None:
        """The delivery whose lease has that name, or None."""
        row = self._work.find(lease)
        return None if row is None or row.kind != _KIND else _delivery(row)

    def delivered(self, one: Delivery, at: int) -> None:
        """Record that the notifier took a delivery."""
        self._work.change(one.lease, state=_DELIVERED, ended_at=at, due_at=None, error=None)

    def failed(self, one: Delivery, error: str, next_attempt_at: int | None, now: int) -> None:
        """Record that an attempt failed; without a next one, the delivery is given up."""
        given_up = {"state": _GIVEN_UP, "ended_at": now} if next_attempt_at is None else {}
        self._work.change(one.lease, error=error, due_at=next_attempt_at, **given_up)

    def retry(self, now: int, notification_id: str | None = None) -> None:
        """Make undelivered ones due, even if given up: of one notification, or of all."""
        self._work.retry(_KIND, _UNDELIVERED, now, _prefix(notification_id))

    def count_undelivered(self, notification_id: str | None = None) -> int:
        """Count the undelivered, given up or not: of one notification, or of all."""
        return self._work.count(_KIND, _UNDELIVERED, _prefix(notification_id))

    def withdraw(self, prefix: str, kind: str) -> None:
        """Delete undelivered ones of notifiers with this prefix that are no resource of `kind`."""
        self._work.withdraw(_KIND, _UNDELIVERED, prefix, kind)

    def forget(self, before: int) -> int:
        """Delete those that were delivered or given up before that moment."""
        return self._work.forget(_KIND, before)

    def newest(self, limit: int) -> list[Delivery]:
        """Deliveries, those of the newest notifications first."""
        return [_delivery(row) for row in self._work.newest(_KIND, limit)]


def _prefix(notification_id: str | None) -> str:
    """Prefix of the names of a notification's deliveries; None: of all deliveries."""
    return f"{_KIND}." if notification_id is None else f"{_KIND}.{notification_id}."


def as_work(new: Delivery) -> Work:
    """Return a delivery as a row of work, to be stored in the caller's own transaction."""
    news = new.notification
    payload = msgspec.json.encode(news).decode()
    return Work(new.lease, _KIND, new.notifier, OPEN, payload, news.happened_at, due_at=0)


def _delivery(row: Work) -> Delivery:
    return Delivery(
        msgspec.json.decode(row.payload, type=Notification),
        row.queue,
        row.attempts,
        row.due_at,
        row.ended_at if row.state == _DELIVERED else None,
        row.error,
    )


class Outbox:
    """Takes notifications, durably, for every notifier; without one, each is a line of the log."""

    def __init__(
        self,
        deliveries: Deliveries,
        notifiers: Iterable[str],
        chosen: Callable[[NotificationKind], Iterable[str]] = lambda _kind: (),
    ) -> None:
        """`chosen` reads the names of more notifiers, which people chose for a kind."""
        self._deliveries = deliveries
        self._notifiers = tuple(notifiers)
        self._chosen = chosen

    def enqueue(self, notification: Notification) -> None:
        """Store a notification for every notifier; an id that was stored before changes nothing."""
        if not self._notifiers:
            log_notification(notification)
        self._deliveries.add(self.make_deliveries(notification))

    def make_deliveries(self, notification: Notification) -> list[Delivery]:
        """Return the deliveries of a notification, for a caller with a transaction of its own.

        Call it before that begins: it reads the tables.
        """
        return [Delivery(notification, name) for name in self.names(notification.kind)]

    def names(self, kind: NotificationKind) -> list[str]:
        """Return the notifiers that get notifications of a kind; the log gets no personal data."""
        found = (*self._notifiers, *self._chosen(kind))
        return [name for name in found if name != "log" or kind not in _PERSONAL]


def log_notification(notification: Notification) -> None:
    """Write the notification to the log."""
    write = log.warning if notification.kind in _WARNINGS else log.info
    write(
        notification.subject,
        notification_id=notification.notification_id,
        kind=notification.kind.value,
        run_id=notification.run_id,
        text=notification.text,
        details=dict(notification.details),
    )


class Problems:
    """Takes reports from every process of every machine, and notifies of problems that last."""

    def __init__(self, table: ProblemTable, outbox: Outbox, notice_after: int) -> None:
        """A problem that lasts for `notice_after` milliseconds is notified."""
        self._table = table
        self._outbox = outbox
        self._notice_after = notice_after

    def report(self, name: str, message: str, now: int, *, within: int | None = None) -> None:
        """Report that something goes wrong, or still does; `message` names the next move.

        The first report of a name begins the problem. With `within`, the problem ends by itself if
        no report follows in so many milliseconds (more than a minute), so a process that dies
        leaves none behind. Without it, the problem lasts until it is cleared. Costs one read if
        nothing is new.
        """
        message = message[:_LONGEST_MESSAGE]
        found = self._table.find(name)
        if found is not None and is_over(found, now):
            self._end(found, now)
            found = None
        if found is None:
            log.warning("problem", name=name, reason=message)
        elif found.message == message and now - found.last_seen < _RENEW_AFTER:
            return
        expires_at = None if within is None else now + within
        self._table.report(Problem(name, message, now, now, expires_at))

    def clear(self, name: str, now: int) -> None:
        """Report that all is well (again). Costs one read if there was no problem."""
        found = self._table.find(name)
        if found is not None:
            self._end(found, now)

    def standing(self, now: int) -> list[Problem]:
        """The problems at that moment, the oldest first."""
        return [problem for problem in self._table.all() if not is_over(problem, now)]

    def look(self, now: int) -> None:
        """Notify once of problems that have lasted, and end those without further reports."""
        for problem in self._table.all():
            if is_over(problem, now):
                self._end(problem, now)
            elif problem.notified_at is None and now - problem.since >= self._notice_after:
                self._notify(problem, now)

    def _notify(self, problem: Problem, now: int) -> None:
        # The outbox knows the id if another process was faster; who dies between the two lines
        # has it told by the next who looks.
        self._outbox.enqueue(_begin_notice(problem, now))
        if not self._table.tell(problem, now):
            left = self._table.find(problem.name)
            if left is None or left.since != problem.since:  # ended meanwhile, and untold
                self._outbox.enqueue(_end_notice(problem, now))

    def _end(self, problem: Problem, now: int) -> None:
        if problem.notified_at is not None:
            self._outbox.enqueue(_end_notice(problem, now))
        if self._table.remove(problem):
            log.info("problem over", name=problem.name)


def is_over(problem: Problem, now: int) -> bool:
    """True if the problem has ended by itself, for want of further reports."""
    return problem.expires_at is not None and problem.expires_at <= now


def _begin_notice(problem: Problem, now: int) -> Notification:
    text = (
        f"{problem.message}\nSince {iso(problem.since)}. Everything that needs attention:"
        " pawsonalize doctor"
    )
    kind, subject = NotificationKind.PROBLEM, f"Problem: {problem.name}"
    return Notification(_id(problem), kind, subject, text, now, details=_details(problem))


def _end_notice(problem: Problem, now: int) -> Notification:
    kind, subject = NotificationKind.PROBLEM_ENDED, f"Problem over: {problem.name}"
    text = f"It began at {iso(problem.since)}: {problem.message}"
    name = f"{_id(problem)}:ended"
    return Notification(name, kind, subject, text, now, details=_details(problem))


def _id(problem: Problem) -> str:
    # The same for every process that notifies. A name may hold what an id must not.
    return f"problem-{sha256(problem.name.encode()).hexdigest()[:16]}-{problem.since}"


def _details(problem: Problem) -> dict[str, object]:
    return {"name": problem.name, "since": iso(problem.since)}
