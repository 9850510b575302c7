"""Limits on calls: of a key, and of a dataset group as one tenant of the server."""

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import cached_property, lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool

from pawsonalize.access.slots import FairSlots
from pawsonalize.domain import errors
from pawsonalize.domain.times import DAY, SECOND
from pawsonalize.kinds.access_keys import AccessKey
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.group_limits import GroupLimits
from pawsonalize.late import late
from pawsonalize.storage.events.group_usage import DayCounts, GroupDays

if TYPE_CHECKING:
    import limits as rates
    from limits import storage, strategies
else:
    rates = late("limits")
    storage, strategies = late("limits.storage"), late("limits.strategies")

_WAITING = 512  # far fewer than connections: who is refused at once makes room for others
_HERE = 4
_IN_THREADS = 6  # enough to wait for a database; more only take turns of the interpreter lock
_WORK = 12
_PAST = 2  # all together are fewer than the threads that requests have
_PAST_WAITING = 16
_LATE_SECONDS = 3.0  # a visitor has left by then
_IPV6_NEIGHBOURS = 64  # bits that one subscriber's addresses have in common


class _Calls:
    """Calls of each caller in a sliding window of time."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    @cached_property
    def _limiter(self) -> "strategies.RateLimiter":
        return strategies.SlidingWindowCounterRateLimiter(storage.MemoryStorage())

    def wait(self, rate: "rates.RateLimitItem", *caller: str) -> int:
        """Count a call; 0 if it may be made, else the seconds until one may."""
        if self._limiter.hit(rate, *caller):
            return 0
        free = self._limiter.get_window_stats(rate, *caller).reset_time
        return max(math.ceil(free - self._now() / SECOND), 1)


class Rates:
    """Counts calls in this process, which gets its share of rates; a public key's by address."""

    def __init__(
        self, browser: str, other: str, now: Callable[[], int], processes: int = 1
    ) -> None:
        """`browser` and `other` are rates of keys that have none of their own; empty: no limit."""
        self._browser = browser
        self._other = other
        self._processes = processes
        self._calls = _Calls(now)

    def check(self, key: AccessKey, client: str) -> None:
        """Count a call; TooManyRequests if it is one too many."""
        text = key.rate or (self._browser if key.is_public else self._other)
        if not text:
            return
        caller = (key.name, _neighbours(client)) if key.is_public else (key.name,)
        if seconds := self._calls.wait(_share(text, self._processes), *caller):
            raise errors.TooManyRequests(
                f"{key.name} may be used {text}" + (" from one address" if key.is_public else ""),
                retry_after=seconds,
            )


class AddressRate:
    """Counts calls of anybody by their addresses, in this process, at one rate."""

    def __init__(self, rate: str, now: Callable[[], int]) -> None:
        self._rate = rate
        self._calls = _Calls(now)

    def check(self, client: str) -> None:
        """Count a call; TooManyRequests if it is one too many."""
        if seconds := self._calls.wait(_parsed(self._rate, "rate"), _neighbours(client)):
            raise errors.TooManyRequests(
                f"this may be done {self._rate} from one address: try again in {seconds:,} s",
                retry_after=seconds,
            )


def check_rate(given: str, field: str) -> None:
    """InvalidInput for text that is no rate."""
    if given:
        _parsed(given, field)


@lru_cache(maxsize=256)
def _share(given: str, processes: int) -> "rates.RateLimitItem":
    rate = _parsed(given, "rate")
    # Each process lets one through at least, however many share the rate.
    return type(rate)(max(rate.amount // processes, 1), rate.multiples)


def _parsed(given: str, field: str) -> "rates.RateLimitItem":
    try:
        return rates.parse(given)
    except ValueError as error:
        raise errors.InvalidInput(
            f"{given!r} is no rate: write a number and second, minute, hour or day, such as"
            " 600/minute",
            field=field,
        ) from error


def _neighbours(client: str) -> str:
    """The addresses that are counted together: one of IPv4, a subscriber's of IPv6."""
    with suppress(ValueError):
        address = ip_address(client)
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped:  # else all of IPv4 were one subscriber
                return str(address.ipv4_mapped)
            return str(ip_network((address, _IPV6_NEIGHBOURS), strict=False))
    return client


class Usage:
    """Counts requests, for one process. What was not stored when the process dies is lost."""

    def __init__(self, days: GroupDays, now: Callable[[], int]) -> None:
        self.days = days
        self._now = now
        self._lock = threading.Lock()
        self._counts: defaultdict[tuple[str, int], list[float]] = defaultdict(lambda: [0, 0, 0.0])

    def count(self, group: str, seconds: float, *, refused: bool = False) -> None:
        """Count a request about the dataset group, and how long its answer took."""
        with self._lock:
            counts = self._counts[group, self._now() // DAY]
            counts[refused] += 1
            counts[2] += seconds

    def store(self) -> None:
        """Add what was counted to the tables; where that fails it is kept for the next time."""
        with self._lock:
            counted, self._counts = self._counts, defaultdict(lambda: [0, 0, 0.0])
        rows = [
            DayCounts(group, day, int(answered), int(refused), round(seconds * SECOND))
            for (group, day), (answered, refused, seconds) in counted.items()
        ]
        try:
            self.days.add(rows)
        except errors.PawsonalizeError:
            with self._lock:
                for place, counts in counted.items():
                    for index, value in enumerate(counts):
                        self._counts[place][index] += value
            raise


class Lane(Enum):
    """Requests of one kind stand in one line."""

    ANSWERS = "answers"
    """Requests that a visitor waits for."""
    WORK = "work"
    """All else, which may take long."""
    # Answers that read the whole inventory first, in a thread: few at a time.
    PAST = "answers of another moment"


class TenantRequest(msgspec.Struct):
    """A request about a dataset group, while it is answered."""

    group: str
    _usage: Usage
    _slots: FairSlots
    _began: float = msgspec.field(default_factory=time.perf_counter)
    _is_over: bool = False

    def leave(self) -> None:
        """Let the next one in; it is counted."""
        if not self._is_over:
            self._is_over = True
            seconds = time.perf_counter() - self._began
            self._slots.give_back(self.group, seconds)
            self._usage.count(self.group, seconds)


# `look` reads a dataset group's limits. With `reads_are_local`, answers are made in the event loop,
# else in threads.
class Tenants:
    """Lets requests about dataset groups in, for one process with its share of each limit."""

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
        self._processes = processes
        self._calls = _Calls(now)
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
        except (errors.TooManyRequests, errors.NotReady):
            self.usage.count(group, 0.0, refused=True)
            raise
        return TenantRequest(group, self.usage, slots)

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
            raise errors.TooManyRequests(
                f"dataset group {group} takes no requests (requests_per_minute is 0): ask whoever"
                " runs this service",
                retry_after=3600,
            )
        rate = rates.RateLimitItemPerMinute(max(most // self._processes, 1))
        if seconds := self._calls.wait(rate, group):
            raise errors.TooManyRequests(
                f"dataset group {group} may be asked {most:,} times a minute"
                f" (requests_per_minute): go on in {seconds} s",
                retry_after=seconds,
            )


def check_reach(confined_to: str | None, group: str | None) -> None:
    """Forbidden for a key of one dataset group that calls for another, or for none."""
    if confined_to is None or confined_to == group:
        return
    raise errors.Forbidden(
        f"this key is for dataset group {confined_to} alone"
        + (": leave datasetGroup out, or name that one" if group is not None else ""),
        code="other_dataset_group",
    )
