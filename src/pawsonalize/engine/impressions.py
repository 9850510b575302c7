"""Impressions: every answer is logged, a moment later and many at a time."""

import threading
from collections import deque

import structlog

from pawsonalize.storage.impressions import Impression, Impressions

_LINGER_SECONDS = 0.05
_MAX_WAITING = 100_000

log = structlog.get_logger()


class ImpressionLog:
    """Gathers impressions and writes them in the background, so that no answer waits.

    An impression that cannot be stored is dropped and counted in `lost`: it is a measurement,
    and must never take the answers down with it.
    """

    def __init__(self, table: Impressions) -> None:
        self._table = table
        self._waiting: deque[Impression] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="impressions", daemon=True)
        self._thread.start()

    def add(self, impression: Impression) -> None:
        """Take an impression; returns at once."""
        if len(self._waiting) >= _MAX_WAITING:
            self.lost += 1
            return
        self._waiting.append(impression)
        self._wake.set()

    def close(self) -> None:
        """Write what waits, then stop."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(_LINGER_SECONDS)
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._table.append(batch)
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever happens
            self.lost += len(batch)
            log.warning("impressions lost", count=len(batch), reason=str(error))
