"""Events on the console: the newest ones, where one is, and faults of the newest with remedies."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.pages.reports import LetterReason, RefusalReports, RefusedEvent
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import (
    AS_SENT,
    DEFAULT_DATASET_GROUP,
    SESSION_KEY,
    USER_KEY,
    Event,
    EventTypes,
    LoggedEvent,
    Visitor,
    visitor_key,
)
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.http.json import read_count, read_text, report_of
from pawsonalize.core.limits import match_cursor
from pawsonalize.core.times import DAY, MINUTE, iso
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import GroupEvents, HistoryQuery, TailQuery
from pawsonalize.train.retraining.checking import bots_among

_CURSOR = re.compile(r"\d{1,18}", re.ASCII)


class TailEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event as it was stored. `number` is its place in the log.

    `meaning` is what its type counts as; null for a type that nobody knows, which counts as a view.
    `isArchived` says whether the archive has it.
    """

    number: int
    event_id: str
    event_type: str
    meaning: str | None
    item_id: str
    animal_id: str | None
    user_id: str | None
    session_id: str | None
    sent_at: str
    received_at: str
    recommendation_id: str | None
    is_archived: bool


class EventAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Events, newest first; `nextCursor` fetches the next page and is null on the last.

    If an event, a session or a user is named, `verdict` says whether it was accepted, and
    `refused` are the dead letters that name it, of the newest 2,000.
    """

    events: list[TailEvent]
    next_cursor: str | None
    verdict: str
    refused: list[RefusedEvent]


class ArchiveState(msgspec.Struct, frozen=True, rename="camel"):
    """Sizes of the archive. `waiting` are events that are in no object of it yet."""

    objects: int
    unconfirmed_objects: int
    events: int
    archived_through: int
    newest: int
    waiting: int


class EventViews(msgspec.Struct, frozen=True):
    """Looks at the events of any dataset group."""

    adapters: Adapters
    refusals: RefusalReports | None

    def events(self, given: Mapping[str, str], group: str) -> EventAnswer:
        """Return the newest events, or those that parameters name, with their fate in words."""
        visitor = Visitor(read_text(given, "userId"), read_text(given, "sessionId"))
        cursor = given.get("cursor")
        query = TailQuery(
            read_count(given, "limit", 25, 1, 500),
            before=None if cursor is None else int(match_cursor(_CURSOR, cursor)[0]),
            event_type=read_text(given, "eventType"),
        )
        event_id = read_text(given, "eventId")
        found = self._found(event_id, visitor, query, group)
        shown = found[: query.limit]
        archived = self.adapters.ledger.totals()[3]
        named = [one for one in (event_id, visitor.user_id, visitor.session_id) if one]
        refused = self.refusals.naming(named, group) if named and self.refusals else []
        types = self.adapters.log.of(group).event_types
        return EventAnswer(
            [
                report_of(
                    TailEvent,
                    one.event,
                    number=one.offset,
                    meaning=meaning_of(one.event.event_type, types),
                    is_archived=one.offset <= archived,
                )
                for one in shown
            ],
            str(shown[-1].offset) if len(found) > query.limit else None,
            _verdict(event_id, shown, refused) if named else "",
            refused,
        )

    def archive(self) -> ArchiveState:
        """Return the sizes of the archive, of all dataset groups."""
        objects, unconfirmed, events, through = self.adapters.ledger.totals()
        newest = self.adapters.log.head()
        return ArchiveState(objects, unconfirmed, events, through, newest, max(newest - through, 0))

    def _found(
        self, event_id: str | None, visitor: Visitor, query: TailQuery, group: str
    ) -> list[LoggedEvent]:
        """Return the events, one more than the page has if there are more."""
        tail = GroupEvents(self.adapters.database, group)
        if event_id is not None:
            one = tail.find(event_id)
            return [] if one is None else [one]
        if visitor != Visitor():
            return self.adapters.log.of(group).history(visitor, HistoryQuery(query.limit))
        return tail.newest(replace(query, limit=query.limit + 1))


def meaning_of(event_type: str, types: EventTypes) -> str | None:
    """Return the meaning of a type; None for one that nobody knows."""
    return types.meaning(event_type) if types.knows(event_type) else None


def _verdict(
    event_id: str | None, found: Sequence[LoggedEvent], refused: Sequence[RefusedEvent]
) -> str:
    parts = []
    if found and event_id is not None:
        event = found[0].event
        parts.append(f"Yes: it was accepted at {iso(event.received_at)} and is stored.")
        parts.append("The same id counts once: sent again, it is a duplicate.")
    elif found:
        newest = max(one.event.received_at for one in found)
        parts.append("Yes: events of this visitor are stored.")
        parts.append(f"The newest came in at {iso(newest)}.")
    if refused:
        begin = "Some were refused" if found else "No: it was refused"
        parts.append(f"{begin}. The newest reason: {refused[0].message}.")
    if not parts:
        of = "of that id" if event_id is not None else "of this visitor"
        parts.append(
            f"No event {of} is stored, and no dead letter names it. It never came in, it was"
            " refused and not kept, it has left the table for the archive, or its visitor was"
            " erased. The answer to the call that sent it says which."
        )
    return " ".join(parts)


_LOOKED_AT = 5_000
_TYPES = 30
_BOTS = 20
_AHEAD = 5 * MINUTE

# Faults of single events: code, what such events do, the remedy, and the test of an event.
_FAULTS: tuple[tuple[str, str, str, Callable[[Event], bool]], ...] = (
    (
        "no_recommendation_id",
        "do not name the answer that led to them, so nothing is learned of what was passed by",
        "send the recommendationId of the answer with each event that it led to",
        lambda one: one.recommendation_id is None,
    ),
    (
        "no_user",
        "have no user: they count for their session alone",
        "send the userId once somebody is signed in; of all others this is as it should be",
        lambda one: one.user_id is None,
    ),
    (
        "late",
        "came in more than a day after they happened",
        "look whether a sender was away, and at the unit of its moments; old events that were"
        " imported are no fault",
        lambda one: one.received_at - one.sent_at > DAY,
    ),
    (
        "ahead",
        "say that they happened later than they came in",
        "set the sender's clock, or leave sentAt out",
        lambda one: one.sent_at - one.received_at > _AHEAD,
    ),
)


class QualityCheck(msgspec.Struct, frozen=True, rename="camel"):
    """Number of the events looked at that have one fault; `examples` are values that have it."""

    code: str
    says: str
    events: int
    share: float
    fix: str
    examples: list[str]


class TypeCount(msgspec.Struct, frozen=True, rename="camel"):
    """Number of the events looked at of one type; `meaning` is null for one that nobody knows."""

    event_type: str
    events: int
    meaning: str | None


class SuspectedBot(msgspec.Struct, frozen=True, rename="camel"):
    """A visitor whose events follow each other faster than a person reads."""

    user_id: str | None
    session_id: str | None
    events: int


class DataReport(msgspec.Struct, frozen=True, rename="camel"):
    """Quality of the newest 5,000 events of a dataset group, and reasons of refused ones.

    Trainings leave suspected bots in, and warn of them: the data are yours to mend.
    """

    looked_at: int
    since: str | None
    checks: list[QualityCheck]
    types: list[TypeCount]
    bots: list[SuspectedBot]
    letters: list[LetterReason]


class QualityViews(msgspec.Struct, frozen=True):
    """Judges the events of a dataset group."""

    _settings: Settings
    _reads: Database
    _log: EventLog
    _refusals: RefusalReports | None

    def report(self, group: str) -> DataReport:
        """Return faults, types and suspected bots of the newest events."""
        found = GroupEvents(self._reads, group).newest(TailQuery(_LOOKED_AT))
        events = [one.event for one in found]
        types = self._log.of(group).event_types
        counts = Counter(one.event_type for one in events)
        return DataReport(
            len(events),
            iso(events[-1].received_at) if events else None,
            [_check(events, *fault) for fault in self._faults(events, group, types)],
            [TypeCount(n, count, meaning_of(n, types)) for n, count in counts.most_common(_TYPES)],
            self._bots(events),
            [] if self._refusals is None else self._refusals.reasons(group),
        )

    def _faults(
        self, events: Sequence[Event], group: str, types: EventTypes
    ) -> Iterator[tuple[str, str, str, list[str | None]]]:
        """Yield the code of each fault, what it is, its remedy, and the values that have it."""
        if types is not AS_SENT:
            yield (
                "unknown_types",
                "have a type that nobody knows: it counts as a view",
                "name what the type means in the setting event_types",
                [one.event_type for one in events if not types.knows(one.event_type)],
            )
        if group == DEFAULT_DATASET_GROUP:
            named = {one.animal_id for one in events if one.animal_id is not None}
            known = Animals(self._reads).get_many(sorted(named))
            yield (
                "unknown_animals",
                "name an animal that is not in the inventory",
                "send the inventory before its events, and use the same ids in both",
                [i for one in events if (i := one.animal_id) and i not in known],
            )
        items = Catalogue(self._reads, group)
        odd = {one.item_id for one in events if AnimalGroup.parse(one.item_id) is None}
        bare = {item for item in odd if items.item(item) is None}
        yield (
            "unknown_items",
            "are about an item that has no attributes",
            "import the items, or send animalMetadata with each event",
            [one.item_id for one in events if one.item_id in bare],
        )
        for code, says, fix, is_faulty in _FAULTS:
            yield code, says, fix, [one.event_type for one in events if is_faulty(one)]

    def _bots(self, events: Sequence[Event]) -> list[SuspectedBot]:
        """Find visitors whose pace is that of bots, by the checks before a training."""
        if not events:
            return []
        keys = [visitor_key(one.user_id, one.session_id) for one in events]
        counts = Counter(keys)
        names, user = np.unique(np.array(keys, object), return_inverse=True)
        _, item = np.unique(np.array([one.item_id for one in events], object), return_inverse=True)
        time = np.array([one.sent_at for one in events], np.int64)
        order = np.lexsort((time, user))
        checks = self._settings.checks
        found = bots_among(user[order], item[order], time[order], len(names), checks)
        suspects = sorted((str(names[one]) for one in found), key=lambda key: -counts[key])
        return [
            SuspectedBot(
                key[2:] if key.startswith(USER_KEY) else None,
                key[2:] if key.startswith(SESSION_KEY) else None,
                counts[key],
            )
            for key in suspects[:_BOTS]
        ]


def _check(
    events: Sequence[Event], code: str, says: str, fix: str, values: Sequence[str | None]
) -> QualityCheck:
    share = len(values) / len(events) if events else 0.0
    commonest = Counter(one for one in values if one is not None).most_common(5)
    return QualityCheck(code, says, len(values), share, fix, [value for value, _ in commonest])
