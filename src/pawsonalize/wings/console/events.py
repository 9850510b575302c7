"""Events on the console: the newest ones, whether one was taken, and the archive."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import EventTypes, LoggedEvent, Visitor
from pawsonalize.domain.times import iso
from pawsonalize.http.json import read_count, read_text
from pawsonalize.pages.reports import RefusalReports, RefusedEvent
from pawsonalize.storage.archive_ledger import ArchiveLedger
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.event_reads import EventTail, TailQuery
from pawsonalize.storage.events.histories import HistoryQuery

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

    If an event, a session or a user is asked for, `verdict` says in words whether it was taken, and
    `refused` are the dead letters that name it, of the newest 2,000.
    """

    events: list[TailEvent]
    next_cursor: str | None
    verdict: str
    refused: list[RefusedEvent]


class ArchiveState(msgspec.Struct, frozen=True, rename="camel"):
    """What the archive holds. `waiting` are events that are in no object of it yet."""

    objects: int
    unconfirmed_objects: int
    events: int
    archived_through: int
    newest: int
    waiting: int


@dataclass(frozen=True, slots=True)
class TailLookup:
    """Which events; with an id of an event, a session or a user, whether they were taken."""

    event_id: str | None
    visitor: Visitor | None
    query: TailQuery


def read_tail(given: Mapping[str, str]) -> TailLookup:
    """What parameters ask for; InvalidInput for a bad one."""
    user, session = read_text(given, "userId"), read_text(given, "sessionId")
    cursor = given.get("cursor")
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
    query = TailQuery(
        read_count(given, "limit", 25, 1, 500),
        before=None if cursor is None else int(cursor),
        event_type=read_text(given, "eventType"),
    )
    visitor = None if user is None and session is None else Visitor(user, session)
    return TailLookup(read_text(given, "eventId"), visitor, query)


@dataclass(frozen=True, slots=True)
class EventViews:
    """Looks at the events of any dataset group."""

    log: EventLog
    tail: EventTail
    ledger: ArchiveLedger
    refusals: RefusalReports | None

    def events(self, asked: TailLookup, group: str) -> EventAnswer:
        """The newest events, or those that are asked for, with what became of them."""
        found = self._found(asked, group)
        shown = found[: asked.query.limit]
        more = len(found) > len(shown)
        archived = self.ledger.totals()[3]
        named = [asked.event_id] if asked.event_id is not None else []
        if asked.visitor is not None:
            named += [one for one in (asked.visitor.user_id, asked.visitor.session_id) if one]
        refused = self.refusals.naming(named, group) if named and self.refusals else []
        types = self.log.of(group).event_types
        return EventAnswer(
            [_event(one, types, archived) for one in shown],
            str(shown[-1].offset) if more else None,
            _verdict(asked, shown, refused) if named else "",
            refused,
        )

    def archive(self) -> ArchiveState:
        """What the archive holds, of all dataset groups."""
        objects, unconfirmed, events, through = self.ledger.totals()
        newest = self.log.head()
        return ArchiveState(objects, unconfirmed, events, through, newest, max(newest - through, 0))

    def _found(self, asked: TailLookup, group: str) -> list[LoggedEvent]:
        """One more than asked for, if there are more."""
        limit = asked.query.limit + 1
        if asked.event_id is not None:
            one = self.tail.of(group).find(asked.event_id)
            return [] if one is None else [one]
        if asked.visitor is not None:
            theirs = self.log.of(group).history(asked.visitor, HistoryQuery(asked.query.limit))
            return list(theirs)
        query = TailQuery(limit, before=asked.query.before, event_type=asked.query.event_type)
        return self.tail.of(group).newest(query)


def meaning_of(event_type: str, types: EventTypes) -> str | None:
    """What a type counts as; None for one that nobody knows."""
    return types.meaning(event_type) if types.knows(event_type) else None


def _event(logged: LoggedEvent, types: EventTypes, archived: int) -> TailEvent:
    event = logged.event
    return TailEvent(
        logged.offset,
        event.event_id,
        event.event_type,
        meaning_of(event.event_type, types),
        event.item_id,
        event.animal_id,
        event.user_id,
        event.session_id,
        iso(event.sent_at),
        iso(event.received_at),
        event.recommendation_id,
        logged.offset <= archived,
    )


def _verdict(
    asked: TailLookup, found: Sequence[LoggedEvent], refused: Sequence[RefusedEvent]
) -> str:
    """Whether what is asked for was taken, in words."""
    whose = "of that id" if asked.event_id is not None else "of this visitor"
    said = []
    if found and asked.event_id is not None:
        event = found[0].event
        said.append(f"Yes: it was accepted at {iso(event.received_at)} and is stored.")
        said.append("The same id counts once: sent again, it is a duplicate.")
    elif found:
        newest = max(one.event.received_at for one in found)
        said.append(f"Yes: events of this visitor are stored. The newest came in at {iso(newest)}.")
    if refused:
        first = refused[0]
        begin = "Some were refused" if found else "No: it was refused"
        said.append(f"{begin}. The newest reason: {first.message}.")
    if not said:
        said.append(
            f"No event {whose} is stored, and no dead letter names it. It never came in, it was"
            " refused and not kept, it has left the table for the archive, or its visitor was"
            " erased. The answer to the call that sent it says which."
        )
    return " ".join(said)
