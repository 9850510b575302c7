"""Group commit: calls that wait at the same time share one transaction and one fsync."""

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Generic, TypeVar

import msgspec

from pawsonalize.core.errors import NotReady, StorageUnavailable

T = TypeVar("T")
FlagT = TypeVar("FlagT")
_LATELY = 100  # commits
_SHARE = 4  # who waits may have so many times as much waiting as there is room left


class _Call(msgspec.Struct, Generic[T, FlagT], frozen=True):
    events: Sequence[T]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[FlagT]]


# `commit` stores events durably, all or none, and returns a flag for each. Beyond `max_waiting`
# events a call is refused at once, and nothing of it is stored.
class GroupCommit(Generic[T, FlagT]):
    """One writer thread: while a commit is on its way to the disk, the next calls collect."""

    def __init__(
        self,
        commit: Callable[[Sequence[T]], list[FlagT]],
        *,
        max_batch: int = 5_000,
        max_each: int = 1_000,
        max_waiting: int = 100_000,
    ) -> None:
        self._commit = commit
        self._max_each, self._max_batch, self._max_waiting = max_each, max_batch, max_waiting
        # Those whose turn it is next are first; who has nothing waiting is not in it.
        self._calls: OrderedDict[str, deque[_Call[T, FlagT]]] = OrderedDict()
        self._waiting: dict[str, int] = {}
        self._commits = 0
        self._seen: dict[str, int] = {}
        """The number of the last commit with calls of each that came lately."""
        self._closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    async def submit(self, events: Sequence[T], owner: str = "") -> list[FlagT]:
        """Store the events durably; NotReady if too much waits or the service stops."""
        loop = asyncio.get_running_loop()
        call: _Call[T, FlagT] = _Call(events, loop, loop.create_future())
        with self._wake:
            if self._closing:
                raise NotReady("the service is shutting down: send the events again")
            room = self._max_waiting - sum(self._waiting.values())
            theirs = self._waiting.get(owner, 0)
            # The more an owner has waiting, the more room must be left: so who floods is refused
            # while others are not.
            if len(events) > room or theirs > _SHARE * room:
                raise NotReady("too many events are waiting: send them again in a moment")
            self._waiting[owner] = theirs + len(events)
            self._calls.setdefault(owner, deque()).append(call)
            self._wake.notify()
        return await call.answer

    def close(self) -> None:
        """Commit what waits, then stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._calls and not self._closing:
                    self._wake.wait()
                calls = list(self._in_turns())
            if not calls:
                return
            self._commit_together(calls)

    def _in_turns(self) -> Iterator[_Call[T, FlagT]]:
        self._commits += 1
        self._seen |= dict.fromkeys(self._calls, self._commits)
        if len(self._seen) > 1:
            recent = self._commits - _LATELY
            self._seen = {owner: at for owner, at in self._seen.items() if at > recent}
        each = self._max_each if len(self._seen) > 1 else self._max_batch
        size, sizes = 0, dict.fromkeys(self._calls, 0)
        # One call of each owner in turn, and at most `max_each` events of one while several send.
        turns = deque(self._calls)
        while turns:
            owner = turns.popleft()
            waiting = self._calls[owner]
            events = len(waiting[0].events)
            # A call that is larger than a batch goes alone.
            if size and size + events > self._max_batch:
                return
            if sizes[owner] and sizes[owner] + events > each:
                continue
            size += events
            sizes[owner] += events
            self._waiting[owner] -= events
            yield waiting.popleft()
            if waiting:
                self._calls.move_to_end(owner)
                turns.append(owner)
            else:
                del self._calls[owner], self._waiting[owner]

    def _commit_together(self, calls: list[_Call[T, FlagT]]) -> None:
        try:
            flags = self._commit([event for call in calls for event in call.events])
        except Exception as error:  # noqa: BLE001 - it is handed to the calls that wait for it
            # If the storage is down, it is down for every call, those too that came meanwhile: it
            # may have taken long to fail.
            is_down = isinstance(error, StorageUnavailable)
            if is_down:
                with self._wake:
                    calls = [*calls, *chain.from_iterable(self._calls.values())]
                    self._calls.clear()
                    self._waiting.clear()
            if is_down or len(calls) == 1:
                for call in calls:
                    _resolve(call, error)
                return
            for call in calls:  # so that one call's failure costs no other
                self._commit_together([call])
            return
        start = 0
        for call in calls:
            end = start + len(call.events)
            _resolve(call, flags[start:end])
            start = end


def _resolve(call: _Call[T, FlagT], outcome: list[FlagT] | Exception) -> None:
    def deliver() -> None:
        if call.answer.done():  # the client went away
            return
        if isinstance(outcome, Exception):
            call.answer.set_exception(outcome)
        else:
            call.answer.set_result(outcome)

    if not call.loop.is_closed():
        call.loop.call_soon_threadsafe(deliver)
