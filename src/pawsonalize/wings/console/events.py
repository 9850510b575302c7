"""Events on the console: the newest ones, those of an event or a visitor, and the archive."""

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.events import EventTypes, LoggedEvent, Visitor
from pawsonalize.domain.limits import match_cursor
from pawsonalize.domain.times import iso
from pawsonalize.http.json import read_count, read_text, report_of
from pawsonalize.pages.reports import RefusalReports, RefusedEvent
from pawsonalize.storage.events.event_reads import GroupEvents, TailQuery
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
