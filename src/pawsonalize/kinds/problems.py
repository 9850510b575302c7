"""Standing problems: what goes wrong in the background and lasts; the outbox of notifications."""

from collections.abc import Callable, Iterable
from hashlib import sha256

import structlog

from pawsonalize.domain.notifications import Notification, NotificationKind
from pawsonalize.domain.times import MINUTE, iso
from pawsonalize.storage.journal import Problem, ProblemTable
from pawsonalize.work.tables import Deliveries, Delivery

_WARNINGS = {
    *(NotificationKind.FAILED, NotificationKind.TIMED_OUT),
    *(NotificationKind.CAPACITY_WARNING, NotificationKind.PROBLEM),
}
# A log keeps what it is told, so no name and no message of a person may get there.
_PERSONAL = {
    *(NotificationKind.INQUIRY, NotificationKind.INQUIRY_RECEIVED, NotificationKind.LETTER),
    *(NotificationKind.ALERT, NotificationKind.ALERTS_STOPPED),
}
_RENEW_AFTER = MINUTE  # a problem that is reported all the time is written no more often
_LONGEST_MESSAGE = 2000

log = structlog.get_logger()


class Outbox:
    """Takes notifications, durably, for every notifier; without one, each is a line of the log."""

    def __init__(
        self,
        deliveries: Deliveries,
        notifiers: Iterable[str],
        chosen: Callable[[NotificationKind], Iterable[str]] = lambda _kind: (),
    ) -> None:
        """`chosen` reads the names of those that wish a kind by now, beside the notifiers."""
        self._deliveries = deliveries
        self._notifiers = tuple(notifiers)
        self._chosen = chosen

    def enqueue(self, notification: Notification) -> None:
        """Store it for every notifier; an id that was stored before changes nothing."""
        if not self._notifiers:
            log_notification(notification)
        self._deliveries.add(self.deliveries_of(notification))

    def deliveries_of(self, notification: Notification) -> list[Delivery]:
        """Return its deliveries, for those who store them in a transaction of their own.

        Call it before that begins: it reads the tables.
        """
        return [Delivery(notification, name) for name in self.names(notification.kind)]

    def names(self, kind: NotificationKind) -> list[str]:
        """Return the notifiers that get notifications of a kind; the log gets none of persons."""
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
                self._tell(problem, now)

    def _tell(self, problem: Problem, now: int) -> None:
        # The outbox knows the id if another process was faster; who dies between the two lines
        # has it told by the next who looks.
        self._outbox.enqueue(_begun(problem, now))
        if not self._table.tell(problem, now):
            left = self._table.find(problem.name)
            if left is None or left.since != problem.since:  # ended meanwhile, and untold
                self._outbox.enqueue(_ended(problem, now))

    def _end(self, problem: Problem, now: int) -> None:
        if problem.notified_at is not None:
            self._outbox.enqueue(_ended(problem, now))
        if self._table.remove(problem):
            log.info("problem over", name=problem.name)


def is_over(problem: Problem, now: int) -> bool:
    """True if it has gone without a report for too long."""
    return problem.expires_at is not None and problem.expires_at <= now


def _begun(problem: Problem, now: int) -> Notification:
    text = (
        f"{problem.message}\nSince {iso(problem.since)}. Everything that needs attention:"
        " pawsonalize doctor"
    )
    kind, subject = NotificationKind.PROBLEM, f"Problem: {problem.name}"
    return Notification(_id(problem), kind, subject, text, now, details=_details(problem))


def _ended(problem: Problem, now: int) -> Notification:
    kind, subject = NotificationKind.PROBLEM_ENDED, f"Problem over: {problem.name}"
    text = f"It began at {iso(problem.since)}: {problem.message}"
    name = f"{_id(problem)}:ended"
    return Notification(name, kind, subject, text, now, details=_details(problem))


def _id(problem: Problem) -> str:
    # The same for every process that notifies. A name may hold what an id must not.
    return f"problem-{sha256(problem.name.encode()).hexdigest()[:16]}-{problem.since}"


def _details(problem: Problem) -> dict[str, object]:
    return {"name": problem.name, "since": iso(problem.since)}
