"""Limits of keys and dataset groups, and slots that they take in fair turns."""

import asyncio
import math
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import Enum
from functools import cached_property, lru_cache, partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool

from pawsonalize.core import errors
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import NotReady
from pawsonalize.core.late import late
from pawsonalize.core.times import DAY, SECOND
from pawsonalize.events.tables.event_log import (
    CountMark,
    DayCounts,
    GroupDays,
    GroupSize,
    GroupSizes,
)
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.group_limits import NO_LIMITS, GroupLimits
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion

P = ParamSpec("P")
T = TypeVar("T")

_SAVED = 1.0  # seconds of processor time that are spent without a wait
_LONGEST_WAIT = 1.0  # seconds: after a long report the next page must not seem dead
_AGAIN = 20.0  # seconds that the second question waits; proxies end a request after 30 or 60
_KEPT = 10.0  # seconds for which what is late waits for who does not ask again


# With a `share`, which is for one at a time, they take that share of one processor's time in the
# long run, so that the rest of the interpreter is left to answers. A second that was not used is
# saved: somebody who clicks through the pages waits for none. A report waits one second at most for
# those before it.
_MODELS_SECONDS = 600.0  # to list all models takes long in a bucket


class HeavyReads:
    """Makes a few reports at a time, in threads of their own; `waiting` more may wait."""

    # Where one takes seconds, let few wait: each has a turn of its dataset group meanwhile, and a
    # server that ends answers all of them first.
    def __init__(self, at_once: int = 1, share: float | None = None, waiting: int = 8) -> None:
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

    def drop_late(self) -> None:
        """Make anew what waits to be asked for again: something has changed since."""
        self._late.clear()

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
    """Slots of one event loop, weighted and fair; `idle` ones more, for who only waits in them."""

    def __init__(self, at_once: int, most_waiting: int, idle: int = 0) -> None:
        self._free = at_once + idle
        self._each = max(at_once * 3 // 4, 1) + idle
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
        idle: int = 0,
    ) -> None:
        self.usage = usage
        self._limits = CachedLookup(look, now)
        self._reads_are_local = reads_are_local
        self._processes = processes
        self._calls = _Calls(now)
        self._slots = {
            Lane.ANSWERS: FairSlots(_HERE if reads_are_local else _IN_THREADS, _WAITING, idle),
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


def find_limits(registry: Registry, dataset_group: str) -> GroupLimits:
    """Return the limits of a dataset group; NO_LIMITS if it does not exist."""
    found = registry.find(DatasetGroup, dataset_group)
    return NO_LIMITS if found is None else found.limits


class GroupSizing(msgspec.Struct):
    """Counts what each dataset group has stored.

    New events at each look, and all of them once a day, since some were deleted.
    """

    sizes: GroupSizes
    registry: Registry
    head: Callable[[], int]
    artefacts: Callable[[], Mapping[str, int]]
    _models: dict[str, int] = msgspec.field(default_factory=dict)
    _models_until: float = 0.0

    def count(self, now: int) -> None:
        """Bring the stored sizes of dataset groups up to date."""
        mark, head, known = self.sizes.mark(), self.head(), self.sizes.all()
        groups = {one.name for one in self.registry.all(DatasetGroup)}
        is_anew = mark.anew_at // DAY != now // DAY
        new = self.sizes.events_between(0 if is_anew else mark.through, head)
        models = self._model_bytes()
        changed = []
        for group in sorted(groups):
            before = known.get(group, GroupSize(group, 0, 0))
            events = new.get(group, 0) + (0 if is_anew else before.events)
            size = GroupSize(group, events, models.get(group, 0))
            if size != before:
                changed.append(size)
        gone = known.keys() - groups
        reached = CountMark(head, now if is_anew else mark.anew_at)
        if changed or gone or reached != mark:  # of several processes, the first one writes
            self.sizes.put(changed, gone, reached, expected=mark)

    def _model_bytes(self) -> dict[str, int]:
        if time.monotonic() < self._models_until:
            return self._models
        found: dict[str, int] = {}
        sizes = self.artefacts()
        for version in self.registry.all(SolutionVersion):
            group = self.registry.group_of(version)
            if version.artefact is not None and group is not None:
                found[group] = found.get(group, 0) + sizes.get(version.artefact, 0)
        self._models, self._models_until = found, time.monotonic() + _MODELS_SECONDS
        return found
