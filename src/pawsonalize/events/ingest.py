"""Ingest: stores good events durably, and names each bad one."""

import asyncio
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import compress
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import InvalidInput, StorageUnavailable, TooManyRequests
from pawsonalize.core.event import (
    ACTIONS,
    DEFAULT_DATASET_GROUP,
    MAX_RAW_CHARS,
    SYNONYMS,
    Event,
    EventTypes,
    owning_group,
    plain_spelling,
)
from pawsonalize.core.forms.decoder import (
    Odd,
    Rejected,
    UnknownFields,
    first_of_each,
    likely_name,
    read_each,
)
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.late import late
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY, HOUR, MINUTE, SECOND, iso
from pawsonalize.core.work.problems import Problems
from pawsonalize.events.event_form import Part, Unreadable, read_event
from pawsonalize.events.group_commit import GroupCommit
from pawsonalize.events.tables.event_log import DailyLimits, EventLog, GroupSizes
from pawsonalize.resources.group_limits import NO_LIMITS, GroupLimits
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution, named_types

if TYPE_CHECKING:
    import limits as rates
    from limits import storage, strategies
else:
    rates = late("limits")
    storage, strategies = late("limits.storage"), late("limits.strategies")


Room = tuple[int, TooManyRequests | None]
"""Number of events there is room for, and why for no more."""


class EventLimits:
    """Limits of incoming events; `stored` tells how many of a dataset group were counted last."""

    def __init__(
        self,
        look: Callable[[str], GroupLimits],
        stored: Callable[[str], int],
        now: Callable[[], int],
        processes: int = 1,
    ) -> None:
        self._limits = CachedLookup(look, now)
        self._stored = CachedLookup(stored, now)
        self._now = now
        self._processes = processes

    @cached_property
    def _limiter(self) -> "strategies.RateLimiter":
        return strategies.SlidingWindowCounterRateLimiter(storage.MemoryStorage())

    def room(self, group: str, events: int, *, whole: bool = False) -> Room:
        """Take as many events as the dataset group has room for; with `whole` all or none."""
        limits = self._limits.find(group)
        if limits.stored_events is not None and self._stored.find(group) >= limits.stored_events:
            message = (
                f"dataset group {group} stores {limits.stored_events:,} events (stored_events), and"
                " has them: go on when some have left the table (event_days), or ask whoever runs"
                " this service for more"
            )
            return 0, TooManyRequests(message, retry_after=HOUR // SECOND)
        if limits.events_per_minute is None:
            return events, None
        return self._this_minute(group, events, limits.events_per_minute, whole)

    def _this_minute(self, group: str, events: int, most: int, whole: bool) -> Room:
        # Processes count apart, so each has its share, and at least one.
        rate = rates.RateLimitItemPerMinute(max(most // self._processes, 1 if most else 0))
        window = self._limiter.get_window_stats(rate, group)
        free = max(min(window.remaining, events), 0)
        if whole and free < events:
            free = 0
        if free:
            self._limiter.hit(rate, group, cost=free)
        if free == events:
            return events, None
        seconds = max(math.ceil(window.reset_time - self._now() / SECOND), 1)
        message = (
            f"dataset group {group} takes {most:,} events a minute (events_per_minute): send"
            f" the others again in {seconds} s"
        )
        return free, TooManyRequests(message, retry_after=seconds)

    def daily(self, groups: Iterable[str]) -> dict[str, int]:
        """Return how many new events each dataset group may store a day, if that is limited."""
        limits = {group: self._limits.find(group).events_per_day for group in groups}
        return {group: most for group, most in limits.items() if most is not None}

    def day_is_full(self, group: str, now: int) -> TooManyRequests:
        """Return why no more events are stored today."""
        tomorrow = (now // DAY + 1) * DAY
        most = self._limits.find(group).events_per_day or 0
        return TooManyRequests(
            f"dataset group {group} takes {most:,} events a day (events_per_day), and today's are"
            f" stored: go on at {iso(tomorrow)}",
            retry_after=max(math.ceil((tomorrow - now) / SECOND), 1),
        )


UNLIMITED = EventLimits(lambda _group: NO_LIMITS, lambda _group: 0, lambda: 0)
"""No dataset group has a limit."""


PROBLEM: Final = "take events"
WINDOW: Final = 5 * MINUTE
FEWEST: Final = 20
"""Least number of refusals in the window that is a problem and no single typo."""


class Intake:
    """Counts of events accepted and refused by one process in the last minutes, by any way in."""

    def __init__(self, problems: Problems, notice: float) -> None:
        """Watch for a problem: a share of refusals greater than `notice`; with 1, never."""
        self._problems = problems
        self._notice = notice
        self._minutes: dict[int, Counter[str | None]] = {}  # of reasons; None: it was accepted
        self._lock = threading.Lock()

    def count(self, now: int, accepted: int, reasons: Iterable[str] = ()) -> None:
        """Note what was accepted, and the reason of each refusal: a code, or a field."""
        with self._lock:
            counts = self._window(now).setdefault(now // MINUTE, Counter())
            counts.update(reasons)
            counts[None] += accepted

    def look(self, now: int) -> None:
        """Report the problem if there is one."""
        # It ends by itself when no process reports it.
        with self._lock:
            reasons = sum(self._window(now).values(), Counter[str | None]())
        accepted = reasons.pop(None, 0)
        refused = reasons.total()
        total = accepted + refused
        if refused < FEWEST or refused <= self._notice * total:
            return
        reason, count = reasons.most_common(1)[0]
        message = (
            f"{refused:,} of {total:,} events that came in within {WINDOW // MINUTE} minutes could"
            f" not be taken, {count:,} of them for {reason}: see `pawsonalize dead-letters ls`"
        )
        self._problems.report(PROBLEM, message, now, within=WINDOW)

    def _window(self, now: int) -> dict[int, Counter[str | None]]:
        before = (now - WINDOW) // MINUTE
        self._minutes = {at: counts for at, counts in self._minutes.items() if at > before}
        return self._minutes


HTTP: Final = "http"
"""The source of what came by HTTP."""

log = get_logger()


class RefusedInput(msgspec.Struct, frozen=True):
    """Refused data, as it came in, and the reason."""

    source: str
    """`http`, or the stream's URL without who logs in."""
    dataset_group: str
    """The dataset group that it was to go into."""
    at: int
    """The moment when it came in, in milliseconds since 1970."""
    raw: bytes
    code: str
    """The reason for machines."""
    message: str
    """The reason for people."""
    field: str | None = None
    """The field that is wrong, if it is one."""
    # Its place in the stream: `shard/sequence`, in a list with `/index` behind that.
    position: str | None = None


class RefusalSink(Protocol):
    """Keeps what `/v1/events` refuses: the port `refusals`. Raises nothing, as senders know why."""

    async def keep(
        self, refused: Sequence[RefusedInput], *, is_page: bool = False, user_id: str | None = None
    ) -> int:
        """Keep what may be kept; returns how much there is no room for."""

        # Of what a page sent, nothing is kept that names another user than its own.

    def close(self) -> None:
        """Store what waits, and stop."""


KeepRefusals = Callable[[Sequence[RefusedInput]], object]
"""Keeps what a stream brought, durably on return: the port `stream_refusals`."""


def log_refusals(refused: Sequence[RefusedInput]) -> None:
    """Log what nobody keeps: place and reason, and nothing of a visitor."""
    for reject in refused:
        place = {"source": reject.source, "position": reject.position}
        log.warning("refused", **place, code=reject.code, field=reject.field)


_LONGEST_NAME = 64
OTHERS = "other types"


class UnknownTypes(msgspec.Struct, frozen=True):
    """Reports and logs types as their events come in; at most 20 by name, the others together."""

    event_types: EventTypes
    named: Callable[[], dict[str, frozenset[str]]]
    tell: Callable[[str], None]
    _reported: set[str] = msgspec.field(default_factory=set)

    def among(self, events: Iterable[Event]) -> list[Event]:
        """The events whose type has no meaning."""
        strange = (one for one in events if not self.event_types.knows(one.event_type))
        return [one for one in strange if not one.dataset_group.endswith(ACTIONS)]

    def note(self, events: Iterable[Event]) -> tuple[str, ...]:
        """Report these, except types that a solution names; returns a warning for each type."""
        named = self.named()
        warnings: dict[str, str] = {}
        for event in events:
            known = named.get(event.dataset_group, frozenset())
            if plain_spelling(event.event_type) in known:
                continue
            name = event.event_type[:_LONGEST_NAME]
            if name not in warnings and len(warnings) < _MOST_NAMES:
                warnings[name] = self._warning(name, known)
            if name not in self._reported and len(self._reported) < _MOST_NAMES:
                self._reported.add(name)
                log.warning(warnings.get(name) or self._warning(name, known))
            self.tell(name if name in self._reported else OTHERS)
        return tuple(warnings.values())

    def _warning(self, name: str, known: frozenset[str]) -> str:
        nearest = likely_name(name, (*SYNONYMS, *self.event_types.meanings, *sorted(known)))
        hint = "" if nearest is None else f"did you mean {nearest}? If not, "
        return (
            f"event type {name!r} has no meaning and counts as a view:"
            f" {hint}say what it means in the setting event_types"
        )


class RawTooLong(msgspec.Struct):
    """Reports events that are too long to be kept as they came in, and logs it now and then."""

    tell: Callable[[int], None]
    _count: int = 0
    _logged: int = 0

    def note(self, events: Iterable[Event]) -> None:
        """Report those among these; they are stored without."""
        count = sum(event.raw is None for event in events)
        if count:
            self.tell(count)
        self._count += count
        # At each tenfold of the count, so that a flood fills no log.
        if count and self._count >= 10 * self._logged:
            self._logged = self._count
            log.warning(
                "events are too long to be archived as they came in",
                count=self._count,
                most_characters=MAX_RAW_CHARS,
            )


MAX_EVENTS = 1_000
_MOST_NAMES = 20  # each is a label of a metric for good, and senders may make up any number
T = TypeVar("T")
EventCheck = Callable[[Event], None]


class IngestReceipt(msgspec.Struct, frozen=True):
    """The result for a call's events; accepted ones are durable, duplicates already were."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejected, ...]
    limit: TooManyRequests | None = None
    """The limit of the dataset group for which some of them were rejected."""
    warnings: tuple[str, ...] = ()
    """Likely mistakes in accepted events, once for each event type."""
    odd: Odd = {}
    """Unknown values of accepted events; at most 20."""

    @property
    def is_refusal(self) -> bool:
        """True if every event was refused."""
        return bool(self.rejected) and not self.accepted and not self.duplicates


class Ingest:
    """Takes events into the log; if `reads_are_local`, reading the database is worth no thread.

    `check` raises what is wrong with an event beside its form, whichever way it came.
    """

    def __init__(
        self,
        log: EventLog,
        animals: Animals,
        *,
        reads_are_local: bool,
        check: EventCheck = lambda _event: None,
        unknown_types: UnknownTypes | None = None,
        raw_too_long: RawTooLong | None = None,
        limits: EventLimits = UNLIMITED,
    ) -> None:
        self._limits = limits
        self._check = check
        self._group_of = partial(group_at, animals)
        self._raw_too_long = raw_too_long
        self._unknown_types = unknown_types
        self._reads_are_local = reads_are_local
        self._take_in = log.take_in
        self._writer = GroupCommit(in_time(self._commit))

    async def accept(
        self,
        parts: Sequence[Part],
        received_at: int,
        dataset_group: str = DEFAULT_DATASET_GROUP,
        unknown: UnknownFields | None = None,
        check: EventCheck | None = None,
        *,
        whole: bool = False,
        before_commit: Callable[[], object] = lambda: None,
    ) -> IngestReceipt:
        """Store the good events of a call, in that dataset group, and report on the bad ones.

        `check` raises what this caller may not send. `before_commit` is called when all is done
        but to wait for the disk. InvalidInput for an empty call. StorageUnavailable if
        the events are not known to be stored: send them again, stored ones are duplicates then.
        Above a limit of the dataset group the last events of the call are rejected; with `whole`
        the call is, with TooManyRequests.
        """
        if not parts:
            raise InvalidInput("there are no events in this call: send some", field="events")
        read = partial(self.read, parts, received_at, dataset_group, unknown, check)
        events, places, rejected, limit = await self._in_thread(
            lambda: self._within_limits(*read(), len(parts), dataset_group, whole)
        )
        before_commit()
        flags: list[bool | None] = []
        if events:
            flags = await self._put(events, dataset_group, whole=whole)
        warnings = await self._unknown(compress(events, flags))
        if None in flags:  # the day was full when they were to be stored
            limit = self._limits.day_is_full(owning_group(dataset_group), received_at)
            beyond = compress(places, (flag is None for flag in flags))
            rejected += [Rejected(place, limit.code, limit.message) for place in beyond]
        if whole and limit is not None:
            raise limit
        rejected.sort(key=attrgetter("index"))
        accepted, duplicates = flags.count(True), flags.count(False)
        odd = first_of_each(
            (place, warning)
            for place, event, is_new in zip(places, events, flags, strict=False)
            if is_new and event.dataset_group == DEFAULT_DATASET_GROUP
            if (group := AnimalGroup.parse(event.item_id)) is not None
            for warning in group.warnings()
        )
        return IngestReceipt(accepted, duplicates, tuple(rejected), limit, warnings, odd)

    async def put(self, events: Sequence[Event]) -> None:
        """Store events of one dataset group, all or none.

        TooManyRequests above its limits, Conflict for an answer to another visitor's board.
        """
        group = owning_group(events[0].dataset_group)

        def room() -> tuple[int, TooManyRequests | None]:
            for event in events:
                self._check(event)
            return self._limits.room(group, len(events), whole=True)

        _, refusal = await self._in_thread(room)
        if refusal is not None:
            raise refusal
        flags = await self._put(events, group, whole=True)
        if None in flags:
            raise self._limits.day_is_full(group, events[0].received_at)
        await self._unknown(compress(events, flags))

    async def _in_thread(self, read: Callable[[], T]) -> T:
        # A network may hang, and every other request of the process with it.
        return read() if self._reads_are_local else await asyncio.to_thread(read)

    async def _put(self, events: Sequence[Event], group: str, *, whole: bool) -> list[bool | None]:
        """A flag for each event: False if it was there before, None if it is beyond a limit."""
        unit = object() if whole else None
        stored = await self._writer.submit([(event, unit) for event in events], owning_group(group))
        self._note_long(compress(events, stored))
        return stored

    def _note_long(self, stored: Iterable[Event]) -> None:
        if self._raw_too_long is not None:
            self._raw_too_long.note(stored)

    def _commit(self, batch: Sequence[tuple[Event, object | None]]) -> list[bool | None]:
        groups = {owning_group(event.dataset_group) for event, _ in batch}
        units = [unit for _, unit in batch]
        limits = DailyLimits(self._limits.daily(groups), units)
        return self._take_in([event for event, _ in batch], limits)

    def put_here(self, events: Sequence[Event]) -> list[bool]:
        """Store many events in the caller's thread, without limits; False marks known ones."""
        stored = list(map(bool, self._take_in(events, DailyLimits({}, [None] * len(events)))))
        self._note_long(compress(events, stored))
        types = self._unknown_types
        if types is not None and (unknown := types.among(compress(events, stored))):
            types.note(unknown)
        return stored

    async def _unknown(self, events: Iterable[Event]) -> tuple[str, ...]:
        """Report events of unknown types, which are stored in any case; a warning for each type."""
        types = self._unknown_types
        if types is not None and (unknown := types.among(events)):
            # The events are stored, so a report that fails must not look like a failure of theirs.
            with suppress(StorageUnavailable):
                return await asyncio.to_thread(types.note, unknown)
        return ()

    def close(self) -> None:
        """Store what waits, and stop."""
        self._writer.close()

    def _within_limits(
        self, events: list[Event], rejected: list[Rejected], sent: int, group: str, whole: bool
    ) -> tuple[list[Event], list[int], list[Rejected], TooManyRequests | None]:
        """The events that may be stored, their places in the call, all rejections and the limit."""
        bad = {reject.index for reject in rejected}
        places = [place for place in range(sent) if place not in bad]
        if not events:
            return events, places, rejected, None
        room, refusal = self._limits.room(owning_group(group), len(events), whole=whole)
        if refusal is not None:
            rejected += [Rejected(place, refusal.code, refusal.message) for place in places[room:]]
        return events[:room], places[:room], rejected, refusal

    def read(
        self,
        parts: Sequence[Part],
        received_at: int,
        dataset_group: str,
        unknown: UnknownFields | None = None,
        check: EventCheck | None = None,
    ) -> tuple[list[Event], list[Rejected]]:
        """The good events, not stored yet, and what is wrong with the others."""

        def read_part(part: Part) -> Event:
            if isinstance(part, Unreadable):
                raise part.error
            event = read_event(part, received_at, self._group_of, dataset_group, unknown)
            if check is not None:
                check(event)
            self._check(event)
            return event

        good, rejected = read_each(parts, read_part)
        return list(good.values()), rejected


def group_at(animals: Animals, animal_id: str, at: int) -> AnimalGroup | None:
    """The group of a known animal at a moment."""
    animal = animals.get(animal_id)
    return None if animal is None else animal.group_at(at)


def build_ingest(
    log: EventLog,
    animals: Animals,
    registry: Registry,
    sizes: GroupSizes,
    *,
    reads_are_local: bool,
    keeps_raw: bool,
    check: Callable[[Event], None],
    limits: Callable[[str], GroupLimits],
    workers: int,
) -> Ingest:
    """Return the ingest of events. `check` raises InvalidInput for events that it refuses."""
    # Commands that look at data need none.
    from pawsonalize.core.metrics import RAW_TOO_LONG, UNKNOWN_TYPES  # noqa: PLC0415

    named = CachedLookup[None, dict[str, frozenset[str]]](
        lambda _: named_types(registry.all(Solution)), clock.passed
    )

    def stored(group: str) -> int:
        size = sizes.of(group)  # as of the last count
        return 0 if size is None else size.events

    return Ingest(
        log,
        animals,
        reads_are_local=reads_are_local,
        check=check,
        unknown_types=UnknownTypes(
            log.event_types,
            lambda: named.find(None),
            lambda event_type: UNKNOWN_TYPES.labels(event_type).inc(),
        ),
        raw_too_long=RawTooLong(RAW_TOO_LONG.inc) if keeps_raw else None,
        limits=EventLimits(limits, stored, clock.real_now, workers),
    )
