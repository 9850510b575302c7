"""Impressions: every answer is logged, a moment later and many at a time."""

import threading
from collections import deque

import structlog

from pawsonalize.domain.errors import StorageUnavailable, reason_of
from pawsonalize.domain.events import Visitor
from pawsonalize.storage.events.impressions import Impression, Impressions

# Each commit makes readers forget the pages they know, and writes nearly as many pages for a few
# answers as for many.
_LINGER_SECONDS = 0.25
_MAX_WAITING = 100_000
log = structlog.get_logger()


# An impression that cannot be stored is dropped: it is a measurement, and must never take the
# answers down with it. It is counted in `lost`, and `report_lost` says so.
class ImpressionLog:
    """Gathers impressions and writes them in the background, so that no answer waits."""

    def __init__(self, table: Impressions) -> None:
        self._table = table
        self._waiting: deque[Impression] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self.lost = 0
        self._reported = 0
        self._reason = ""
        self._thread = threading.Thread(target=self._run, name="impressions", daemon=True)
        self._thread.start()

    def add(self, impression: Impression) -> None:
        """Take an impression; returns at once."""
        if len(self._waiting) >= _MAX_WAITING:
            self._note_lost(1, "more came in than could be written")
            return
        self._waiting.append(impression)
        if not self._wake.is_set():  # to set it takes a lock, and it is set already in a busy hour
            self._wake.set()

    def waiting_of(self, visitor: Visitor) -> list[Impression]:
        """The visitor's answers that are yet to be written."""
        return [
            one
            for one in self._waiting.copy()
            if (one.user_id is not None and one.user_id == visitor.user_id)
            or (one.session_id is not None and one.session_id == visitor.session_id)
        ]

    def unseen(self) -> "UnseenAnswers":
        """Knows the same answers, and drops new ones."""
        return UnseenAnswers(self)

    def report_lost(self) -> None:
        """Raise StorageUnavailable if impressions were lost since it was last called."""
        lost, self._reported = self.lost - self._reported, self.lost
        if lost:
            raise StorageUnavailable(
                f"{lost:,} answers could not be logged ({self._reason}): outcomes and exploration"
                " count without them; see that the database can be written"
            )

    def _note_lost(self, count: int, reason: str) -> None:
        self.lost += count
        self._reason = reason

    def close(self) -> None:
        """Write what waits, then stop."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(_LINGER_SECONDS)
            # Before the flush, so that what comes in meanwhile wakes this thread again.
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        batch = list(self._waiting.copy())
        try:
            self._table.append(batch)
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever happens
            self._note_lost(len(batch), reason_of(error))
            log.warning("impressions lost", count=len(batch), reason=str(error))
        finally:
            for _ in batch:  # not before: until they are written, they are read from here
                self._waiting.popleft()


class UnseenAnswers:
    """Stands in for the log in an operator's preview: nothing is logged."""

    def __init__(self, log: ImpressionLog | None = None) -> None:
        self._log = log

    def add(self, impression: Impression) -> None:
        """Drop it."""

    def waiting_of(self, visitor: Visitor) -> list[Impression]:
        """See `ImpressionLog.waiting_of`."""
        return [] if self._log is None else self._log.waiting_of(visitor)

    def unseen(self) -> "UnseenAnswers":
        """Itself."""
        return self
