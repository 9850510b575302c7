"""Happenings of models and of the service, and their marks on charts."""

from collections.abc import Iterable, Iterator

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.notifications import NotificationKind
from pawsonalize.domain.times import iso
from pawsonalize.engine.training.retraining.record import RunOutcome
from pawsonalize.engine.training.retraining.runs import Runs
from pawsonalize.pages.happenings import Happening
from pawsonalize.wings.console.charts import ChartMark
from pawsonalize.wings.console.runs import run_report

_RUNS, _NOTIFICATIONS = 60, 200
_TROUBLE = (RunOutcome.FAILED, RunOutcome.TIMED_OUT)
_NOTIFIED = {
    NotificationKind.PROBLEM: "bad",
    NotificationKind.PROBLEM_ENDED: "other",
    NotificationKind.CAMPAIGN_UPDATED: "good",
}


def happenings_of(adapters: Adapters, runs: Runs, now: int) -> Iterator[Happening]:
    """Yield promotions, retrainings that failed, and problems that began or were over."""
    for record in runs.newest(_RUNS):
        if record.ended_at is not None and record.outcome in {RunOutcome.PROMOTED, *_TROUBLE}:
            kind = "bad" if record.outcome in _TROUBLE else "good"
            page, verdict = f"/console/models/runs/{record.run_id}", run_report(record, now).verdict
            yield Happening(iso(record.ended_at), verdict, kind, page)
    # Of each notification there is one delivery for every channel.
    by_id = {
        one.notification.notification_id: one for one in adapters.deliveries.newest(_NOTIFICATIONS)
    }
    for one in by_id.values():
        news = one.notification
        if news.kind in _NOTIFIED:
            yield Happening(iso(news.happened_at), news.subject, _NOTIFIED[news.kind])


def marks_of(happened: Iterable[Happening]) -> tuple[ChartMark, ...]:
    """Return marks at the moments of what happened."""
    return tuple(ChartMark(one.moment, one.text, one.kind) for one in happened)
