"""Ingest: stores good events durably, and names each bad one."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import compress
from typing import TypeVar

import msgspec

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.contexts import in_time
from pawsonalize.core.errors import (
    InvalidInput,
    StorageUnavailable,
    TooManyRequests,
)
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
from pawsonalize.core.forms.decoder import UnknownFields, likely_name
from pawsonalize.core.forms.entries import Odd, Rejected, first_of_each, read_each
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.logs import get_logger
from pawsonalize.events.event_form import read_event
from pawsonalize.events.event_limits import UNLIMITED, EventLimits
from pawsonalize.events.group_commit import GroupCommit
from pawsonalize.events.payloads import Part, Unreadable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.group_usage import DailyLimits

log = get_logger()

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
        found = sum(one.raw is None for one in events)
        if found:
            self.tell(found)
        self._count += found
        # At each tenfold of the count, so that a flood fills no log.
        if found and self._count >= 10 * self._logged:
            self._logged = self._count
            log.warning(
                "events are too long to be archived as they came in",
                count=self._count,
                most_characters=MAX_RAW_CHARS,
            )


MAX_EVENTS = 1_000
_MOST_NAMES = 20  # each is a label of a metric for good, and senders may make up any number
T = TypeVar("T")
PartT = TypeVar("PartT")
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
            rejected += [_over(place, limit) for place in beyond]
        if whole and limit is not None:
            raise limit
        rejected.sort(key=lambda one: one.index)
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
        stored = await self._writer.submit([(one, unit) for one in events], owning_group(group))
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
        bad = {one.index for one in rejected}
        places = [place for place in range(sent) if place not in bad]
        if not events:
            return events, places, rejected, None
        room, refusal = self._limits.room(owning_group(group), len(events), whole=whole)
        if refusal is not None:
            rejected += [_over(place, refusal) for place in places[room:]]
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

        def one(part: Part) -> Event:
            if isinstance(part, Unreadable):
                raise part.error
            event = read_event(part, received_at, self._group_of, dataset_group, unknown)
            if check is not None:
                check(event)
            self._check(event)
            return event

        good, rejected = read_each(parts, one)
        return list(good.values()), rejected


def _over(place: int, limit: TooManyRequests) -> Rejected:
    return Rejected(place, limit.code, limit.message)


def group_at(animals: Animals, animal_id: str, at: int) -> AnimalGroup | None:
    """The group of a known animal at a moment."""
    animal = animals.get(animal_id)
    return None if animal is None else animal.group_at(at)
