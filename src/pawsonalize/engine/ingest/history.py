"""A visitor's history in pages, newest first, with a cursor that arrivals do not disturb."""

import re
from dataclasses import dataclass, replace

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import LoggedEvent, Visitor
from pawsonalize.domain.limits import check_between
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.histories import HistoryQuery, Position

MAX_PAGE = 500
# Milliseconds and an offset: no more digits than fit into 64 bits.
_CURSOR = re.compile(r"(\d{1,15})\.(\d{1,18})")


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Events, newest first, and the cursor of the next page, None on the last."""

    events: tuple[LoggedEvent, ...]
    next_cursor: str | None


def read_cursor(cursor: str) -> Position:
    """The position a cursor stands for; InvalidInput if it is not one of ours."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
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
