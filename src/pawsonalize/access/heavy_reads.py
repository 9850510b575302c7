"""Capacity of their own for reports, so that answers to visitors never wait for one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from pawsonalize.domain.errors import NotReady
from pawsonalize.storage.answering import in_time

P = ParamSpec("P")
T = TypeVar("T")

_WAITING = 8


class HeavyReads:
    """Makes a few reports at a time, in threads of their own; a few more wait."""

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="reports")
        self._most = at_once + _WAITING
        self._asked = 0

    async def make(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns; NotReady at once if too many wait already."""
        if self._asked >= self._most:
            raise NotReady(
                f"{self._asked} reports are asked for already: ask again in a moment",
                code="too_busy",
            )
        self._asked += 1
        loop = asyncio.get_running_loop()
        work = partial(in_time(call), *args, **kwargs)
        making = loop.run_in_executor(self._threads, work)
        # Whoever asked may be gone by then; the thread is busy until it is done.
        making.add_done_callback(self._done)
        return await asyncio.shield(making)

    def close(self) -> None:
        """Begin no other report."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: object) -> None:
        self._asked -= 1
