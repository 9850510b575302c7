"""Capacity of their own for reports, so that answers to visitors never wait for one."""

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from pawsonalize.domain.errors import NotReady
from pawsonalize.storage.answering import in_time

P = ParamSpec("P")
T = TypeVar("T")

_WAITING = 8
_SAVED = 0.1  # seconds of processor time that are spent without a wait
_LONGEST_WAIT = 1.0  # seconds: after a long report the next page must not seem dead


class HeavyReads:
    """Makes a few reports at a time, in threads of their own; `waiting` more may wait.

    Where one takes seconds, let few wait: each has a turn of its dataset group meanwhile, and a
    server that ends answers all of them first.

    With a `share`, which is for one at a time, they take that share of one processor's time in the
    long run. What was not used is saved, a tenth of a second at most: somebody who looks at a few
    pages waits for none, and reports that are asked for all the time leave the rest of the
    interpreter to answers. A report waits one second at most for those before it.
    """

    def __init__(
        self, at_once: int = 1, share: float | None = None, waiting: int = _WAITING
    ) -> None:
        self._share = share
        self._left, self._seen = _SAVED, time.monotonic()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="reports")
        self._most = at_once + waiting
        self._requested = 0
        self._shared: dict[Hashable, asyncio.Future[Any]] = {}

    async def make(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the call returns; NotReady at once if too many wait already."""
        if self._requested >= self._most:
            raise NotReady(
                f"{self._requested} reports are asked for already: ask again in a moment",
                code="too_busy",
            )
        self._requested += 1
        loop = asyncio.get_running_loop()
        work = partial(in_time(call), *args, **kwargs)
        if self._share is not None:
            work = partial(self._afforded, work, self._share)
        making = loop.run_in_executor(self._threads, work)
        # Whoever asked may be gone by then; the thread is busy until it is done.
        making.add_done_callback(self._done)
        return await asyncio.shield(making)

    async def share(self, key: Hashable, call: Callable[[], T]) -> T:
        """The same; who asks for the same key meanwhile gets what the first one gets.

        So who loads a page again, as it takes long, takes no other place.
        """
        if (making := self._shared.get(key)) is None:
            making = self._shared[key] = asyncio.ensure_future(self.make(call))
            making.add_done_callback(lambda _: self._shared.pop(key))
        found: T = await asyncio.shield(making)
        return found

    def _afforded(self, work: Callable[[], T], share: float) -> T:
        """Wait until what the reports before took is earned, then make this one."""
        if (left := self._earned(share)) < 0:
            time.sleep(-left / share)
        began = time.thread_time()
        try:
            return work()
        finally:
            took = time.thread_time() - began
            self._left = max(self._earned(share) - took, -_LONGEST_WAIT * share)

    def _earned(self, share: float) -> float:
        """Return the processor time that is left by now; below 0 it is owed."""
        now = time.monotonic()
        self._left = min(self._left + share * (now - self._seen), _SAVED)
        self._seen = now
        return self._left

    def close(self) -> None:
        """Begin no other report."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: object) -> None:
        self._requested -= 1
