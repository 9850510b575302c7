"""The first retraining, which begins by itself: whoever fills a folder need not know of it."""

from contextlib import suppress

from pawsonalize.domain.errors import Conflict
from pawsonalize.engine.serving.served import Serving
from pawsonalize.engine.training.retraining.record import Outcome, Record, Trigger
from pawsonalize.engine.training.retraining.runs import Runs
from pawsonalize.storage.base import EventLog

_GROWTH = 2
_BROKEN = {Outcome.FAILED, Outcome.TIMED_OUT}


class FirstRun:
    """Begins a run while no model is live and there is something to learn from.

    A run that was cut off goes on where it was, like any other. After one that led to no model
    the next begins once there are `_GROWTH` times as many events; after one that broke, with
    the next start of a server too.
    """

    def __init__(self, runs: Runs, log: EventLog, live: Serving, events: int, now: int) -> None:
        """`events` is how many a training needs; `now` is when this server started."""
        self._runs = runs
        self._log = log
        self._live = live
        self._events = events
        self._since = now
        self._is_over = False

    @property
    def events_needed(self) -> int:
        """How many events a training needs."""
        return self._events

    def look(self, now: int) -> None:
        """Begin the run if it is due; returns at once."""
        if self._is_over or self._live.is_ready:
            self._is_over = True
            return
        events = self._log.head()
        if events < self._events:
            return
        last = next(iter(self._runs.newest(1)), None)
        if last is None or self._is_worth_another(last, events):
            with suppress(Conflict):  # another server was faster
                self._runs.begin(Trigger.FIRST, now)

    def _is_worth_another(self, last: Record, events: int) -> bool:
        if last.ended_at is None:
            return False
        known = last.log_offset
        if known is not None and events >= known * _GROWTH:
            return True
        return last.outcome in _BROKEN and last.ended_at < self._since
