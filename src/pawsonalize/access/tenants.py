"""Dataset groups as tenants of one server: limits on requests, fair turns, counts of use."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.concurrency import run_in_threadpool

from pawsonalize.access.fair_slots import FairSlots
from pawsonalize.domain.errors import Forbidden, NotReady, TooManyRequests
from pawsonalize.domain.times import SECOND
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.group_limits import GroupLimits
from pawsonalize.kinds.usage import Usage

_WAITING = 512  # far fewer than connections: who is refused at once makes room for others
_HERE = 4
_IN_THREADS = 24
_WORK = 12
_PAST = 2  # all together are fewer than the threads that requests have
_PAST_WAITING = 16
_LATE_SECONDS = 3.0


class Lane(Enum):
    """Requests of one kind stand in one line."""

    ANSWERS = "answers"
    """Requests that a visitor waits for."""
    WORK = "work"
    """All else, which may take long."""
    PAST = "answers of another moment"
    """Answers that read the whole inventory first, in a thread: few at a time."""


@dataclass(slots=True)
class TenantRequest:
    """A request about a dataset group, while it is answered."""

    group: str
    _tenants: "Tenants"
    _slots: FairSlots
    _began: float = field(default_factory=time.perf_counter)
    _is_over: bool = False

    def leave(self) -> None:
        """Let the next one in; it is counted."""
        if self._is_over:
            return
        self._is_over = True
        seconds = time.perf_counter() - self._began
        self._slots.give_back(self.group, seconds)
        self._tenants.usage.count(self.group, seconds)


class Tenants:
    """Lets requests about dataset groups in, for one process, which gets its share of each limit.

    `look` reads a dataset group's limits. With `reads_are_local`, answers are made in the event
    loop, else in threads.
    """

    def __init__(
        self,
        look: Callable[[str], GroupLimits],
        usage: Usage,
        now: Callable[[], int],
        processes: int = 1,
        *,
        reads_are_local: bool = True,
    ) -> None:
        self.usage = usage
        self._limits = CachedLookup(look, now)
        self._reads_are_local = reads_are_local
        self._now = now
        self._processes = processes
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._slots = {
            Lane.ANSWERS: FairSlots(_HERE if reads_are_local else _IN_THREADS, _WAITING),
            Lane.WORK: FairSlots(_WORK, _WAITING),
            Lane.PAST: FairSlots(_PAST, _PAST_WAITING),
        }

    async def limits_of(self, group: str) -> GroupLimits:
        """The limits of the dataset group, at most a second old."""
        if self._reads_are_local:
            return self._limits.find(group)
        if (known := self._limits.known(group)) is not None:
            return known[0]
        return await run_in_threadpool(self._limits.find, group)

    async def enter(self, group: str, lane: Lane, *, is_its_own: bool = False) -> TenantRequest:
        """Begin a request as soon as it is its turn; end it with `leave`.

        TooManyRequests above the limit of the dataset group, NotReady if too many of it wait. What
        the operator does in it is not limited, other than what visitors or its own keys do.
        """
        slots, limits = self._slots[lane], await self.limits_of(group)
        try:
            if lane is not Lane.WORK or is_its_own:
                self._check(group, limits.requests_per_minute)
            await slots.take(group, limits.weight)
        except (TooManyRequests, NotReady):
            self.usage.count(group, 0.0, refused=True)
            raise
        return TenantRequest(group, self, slots)

    def why_late(self) -> str | None:
        """Return why requests have waited for seconds, or None. Call it in the event loop."""
        for lane in (Lane.ANSWERS, Lane.WORK):  # who asks of another moment has to wait
            for group, seconds in self._slots[lane].waits().items():
                if seconds >= _LATE_SECONDS:
                    return (
                        f"requests about dataset group {group} wait for seconds, as all its slots"
                        f" for {lane.value} are taken: see with `pawsonalize doctor` whether disk"
                        " and database answer, start more workers, or limit it with `pawsonalize"
                        " dataset-groups update --limit`"
                    )
        return None

    def _check(self, group: str, most: int | None) -> None:
        if most is None:
            return
        if most == 0:
            raise TooManyRequests(
                f"dataset group {group} takes no requests (requests_per_minute is 0): ask whoever"
                " runs this service",
                retry_after=3600,
            )
        rate = RateLimitItemPerMinute(max(most // self._processes, 1))
        if self._limiter.hit(rate, group):
            return
        free = self._limiter.get_window_stats(rate, group).reset_time
        seconds = max(math.ceil(free - self._now() / SECOND), 1)
        raise TooManyRequests(
            f"dataset group {group} may be asked {most:,} times a minute (requests_per_minute): go"
            f" on in {seconds} s",
            retry_after=seconds,
        )


def check_reach(confined_to: str | None, group: str | None) -> None:
    """Forbidden for a key of one dataset group that calls for another, or for none."""
    if confined_to is None or confined_to == group:
        return
    raise Forbidden(
        f"this key is for dataset group {confined_to} alone"
        + (": leave datasetGroup out, or name that one" if group is not None else ""),
        code="other_dataset_group",
    )
