"""A visitor's history in pages, newest first, with a cursor that arrivals do not disturb."""

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from pawsonalize.core.event import Event, LoggedEvent, Visitor
from pawsonalize.core.limits import check_between, match_cursor
from pawsonalize.core.times import iso
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import HistoryQuery, Position

MAX_PAGE = 500
# Milliseconds and an offset: no more digits than fit into 64 bits.
_CURSOR = re.compile(r"(\d{1,15})\.(\d{1,18})")


class HistoryPage(msgspec.Struct, frozen=True):
    """Events, newest first, and the cursor of the next page, None on the last."""

    events: tuple[LoggedEvent, ...]
    next_cursor: str | None


class PastEvent(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An event as it was stored; times are ISO 8601 UTC."""

    event_id: str
    """Its id."""
    event_type: str
    """Type of the event."""
    item_id: str
    """The group, or the item; empty for a `no-pick`."""
    sent_at: str
    """When it happened."""
    received_at: str
    """When it came in."""
    user_id: str | None = None
    """The user."""
    session_id: str | None = None
    """The session."""
    animal_id: str | None = msgspec.field(name="animal_id", default=None)
    """The animal."""
    event_value: float | None = None
    """Value of the event."""
    recommendation_id: str | None = None
    """The answer that led to it."""
    impression: list[str] = []
    """Items that were shown."""
    properties: dict[str, Any] | None = None
    """Other properties that were sent."""


class History(msgspec.Struct, frozen=True, rename="camel"):
    """Events, newest first; `nextCursor` fetches the next page and is null on the last."""

    events: list[PastEvent]
    next_cursor: str | None


def read_cursor(cursor: str) -> Position:
    """The position a cursor stands for; InvalidInput if it is not one of ours."""
    match = match_cursor(_CURSOR, cursor)
    return Position(int(match[1]), int(match[2]))


def history_page(log: EventLog, visitor: Visitor, query: HistoryQuery) -> HistoryPage:
    """One page of a visitor's history; `query.limit` events at most."""
    check_between("limit", query.limit, 1, MAX_PAGE)
    # One more than asked for tells whether there is a next page.
    found = log.history(visitor, replace(query, limit=query.limit + 1))
    shown = tuple(found[: query.limit])
    if len(found) <= query.limit:
        return HistoryPage(shown, None)
    last = shown[-1]
    return HistoryPage(shown, f"{last.event.sent_at}.{last.offset}")


def past_event(event: Event) -> PastEvent:
    """Return the event as it is answered."""
    shown = {name: getattr(event, name) for name in PastEvent.__struct_fields__}
    shown |= {"sent_at": iso(event.sent_at), "received_at": iso(event.received_at)}
    if event.properties is not None:
        shown["properties"] = msgspec.json.decode(event.properties)
    shown |= {"impression": list(event.impression), "animal_id": event.animal_id or None}
    return PastEvent(**shown)
