"""Calls that take their time, made beside the thread that wants their results."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class SideCalls:
    """A few threads that make calls; what comes of a call is dealt with in the owner's thread.

    Nobody waits for a call that hangs: neither `close`, nor the end of the process.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._started = 0
        self._going = 0
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    @property
    def free(self) -> int:
        """How many more calls would begin at once."""
        return self._threads - self._going

    def start(self, call: Callable[[], _T], then: Callable[[_T | Exception], None]) -> None:
        """Make a call; `settle` gives what it returned or raised to `then`."""

        def run() -> None:
            try:
                result: _T | Exception = call()
            except Exception as error:  # noqa: BLE001 - raised where it is dealt with
                result = error
            self._results.put(lambda: then(result))

        self._going += 1
        if self._started < self._threads and self._going > self._started:
            self._started += 1
            threading.Thread(target=self._work, daemon=True).start()
        self._calls.put(run)

    def settle(self, wait: float) -> None:
        """Deal with the calls that are done; if none is, wait for one up to `wait` seconds."""
        while True:
            try:
                then = self._results.get(timeout=wait) if wait > 0 else self._results.get_nowait()
            except queue.Empty:
                return
            self._going -= 1
            wait = 0
            then()

    def close(self) -> None:
        """End the threads, each after the call that it makes; results are dropped."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
