"""Slots of requests, fair to dataset groups, and of reports, which no visitor waits for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import msgspec

from pawsonalize.domain.errors import NotReady
from pawsonalize.storage.contexts import in_time

P = ParamSpec("P")
T = TypeVar("T")

_WAITING = 8
_SAVED = 1.0  # seconds of processor time that are spent without a wait
_LONGEST_WAIT = 1.0  # seconds: after a long report the next page must not seem dead
_AGAIN = 20.0  # seconds that the second question waits; proxies end a request after 30 or 60
_KEPT = 10.0  # seconds for which what is late waits for who does not ask again


# With a `share`, which is for one at a time, they take that share of one processor's time in the
# long run, so that the rest of the interpreter is left to answers. A second that was not used is
# saved: somebody who clicks through the pages waits for none. A report waits one second at most for
# those before it.
class HeavyReads:
    """Makes a few reports at a time, in threads of their own; `waiting` more may wait."""

    # Where one takes seconds, let few wait: each has a turn of its dataset group meanwhile, and a
    # server that ends answers all of them first.
    def __init__(
        self, at_once: int = 1, share: float | None = None, waiting: int = _WAITING
    ) -> None:
        self._share = share
        self._left, self._seen = _SAVED, time.monotonic()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="reports")
        self._most = at_once + waiting
        self._requested = 0
        self._shared: dict[Hashable, asyncio.Future[Any]] = {}
        self._late: dict[Hashable, asyncio.Future[Any]] = {}

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
        """The same; whoever wants the same key meanwhile gets what the first one gets."""
        # So a slow page that is loaded again and again takes one place.
        if (making := self._shared.get(key)) is None:
            making = self._shared[key] = asyncio.ensure_future(self.make(call))
            making.add_done_callback(lambda _: self._shared.pop(key))
        found: T = await asyncio.shield(making)
        return found

    async def within(
        self, seconds: float, key: Hashable, call: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Return what the call returns; None if it takes longer: then ask again, and it waits."""
        making = self._late.pop(key, None)
        if making is None:
            making = asyncio.ensure_future(call())
        else:
            seconds = _AGAIN
        if (await asyncio.wait({making}, timeout=seconds))[0]:
            found: T = making.result()
            return found
        self._late[key] = making
        later = asyncio.get_running_loop().call_later
        making.add_done_callback(lambda _: later(_KEPT, self._forget, key, making))
        return None

    def _forget(self, key: Hashable, late: asyncio.Future[Any]) -> None:
        if self._late.get(key) is late:
            del self._late[key]

    def _afforded(self, work: Callable[[], T], share: float) -> T:
        """Wait until what the reports before took is earned, then make this one."""
        if (left := self._earned(share)) < 0:
            # What is owed is earned at the pace of the share.
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


_SHARE = 4  # a group may have this many times as many requests waiting as there is room left
_MOST_IDLE = 1_000  # dataset groups whose use is remembered though nothing of theirs waits
_FIRST_COST = 0.001  # seconds; what a request is taken to cost before one was served
_SMOOTHING = 0.1


class _Queue(msgspec.Struct):
    """The requests of one dataset group."""

    used: float  # seconds that it was served for, by its weight; who has the least is next
    weight: int = 1
    cost: float = _FIRST_COST  # recent mean time of its requests, in seconds
    running: int = 0
    waiting: dict[asyncio.Future[None], float] = msgspec.field(default_factory=dict)
    """In the order of their turns, each with the time of the loop at which it came."""


# Of `at_once` slots one dataset group gets at most three quarters, so that others find one free
# while slow work of it goes on. What waits is served by who had the least time so far, by weight.
# Who comes anew begins level with the others: rest earns nothing. Requests that become ready in the
# same turn of the loop all stand in line before the first of them is served. So this is fair, too,
# where answers are made in the loop itself.
class FairSlots:
    """Slots of one event loop, weighted and fair."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._free = at_once
        self._each = max(at_once * 3 // 4, 1)
        self._room = most_waiting
        self._queues: dict[str, _Queue] = {}
        self._waiting: dict[str, _Queue] = {}
        self._level = 0.0
        self._is_due = False

    async def take(self, group: str, weight: int = 1) -> None:
        """Wait for a slot; NotReady at once if too many of the dataset group's wait already."""
        queue = self._queues.get(group)
        if queue is None:
            queue = self._queues[group] = _Queue(self._level)
        if self._room < 1 or len(queue.waiting) > _SHARE * self._room:
            raise NotReady(
                f"too many requests about dataset group {group} wait: send it again in a moment",
                code="too_busy",
            )
        queue.weight = weight
        if not queue.running and not queue.waiting:
            queue.used = max(queue.used, self._level)
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        queue.waiting[place] = loop.time()
        self._waiting[group] = queue
        self._room -= 1
        self._look_soon(loop)
        try:
            await place
        except asyncio.CancelledError:
            # The slot was given at the moment at which the request was called off.
            if place.done() and not place.cancelled():
                self._end(queue)
            elif place in queue.waiting:
                self._leave(group, queue, place)
            raise

    def give_back(self, group: str, seconds: float) -> None:
        """Free the slot after so many seconds."""
        queue = self._queues[group]
        queue.used += (seconds - queue.cost) / queue.weight
        queue.cost += _SMOOTHING * (seconds - queue.cost)
        self._end(queue)

    def waits(self) -> dict[str, float]:
        """For how many seconds the next request of each dataset group has waited for a slot."""
        now = asyncio.get_running_loop().time()
        return {
            group: now - next(iter(one.waiting.values())) for group, one in self._waiting.items()
        }

    def _end(self, queue: _Queue) -> None:
        queue.running -= 1
        self._free += 1
        if self._waiting:
            self._look_soon(asyncio.get_running_loop())
        elif len(self._queues) > _MOST_IDLE:
            self._queues = {
                group: one
                for group, one in self._queues.items()
                if one.running or one.used > self._level
            }

    def _leave(self, group: str, queue: _Queue, place: asyncio.Future[None]) -> None:
        del queue.waiting[place]
        self._room += 1
        if not queue.waiting:
            self._waiting.pop(group, None)

    def _look_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._look)

    def _look(self) -> None:
        self._is_due = False
        while self._free:
            ready = [
                (one.used, group)
                for group, one in self._waiting.items()
                if one.running < self._each
            ]
            if not ready:
                return
            used, group = min(ready)
            self._level = max(self._level, used)
            queue = self._waiting[group]
            place = next(iter(queue.waiting))
            self._leave(group, queue, place)
            if place.cancelled():
                continue
            queue.running += 1
            # As usual, until its own time is known: else many at once would look cheap.
            queue.used += queue.cost / queue.weight
            self._free -= 1
            place.set_result(None)
