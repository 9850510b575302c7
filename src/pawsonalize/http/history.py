"""Histories of users and sessions."""

from typing import Any

import msgspec
from starlette.requests import Request

from pawsonalize.access.services import services_of
from pawsonalize.domain.events import Event, Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.history import history_page, read_cursor
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.json import read_limit, read_text, report_of
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.users import SESSION_ID, USER_ID
from pawsonalize.kinds.access_keys import SITE
from pawsonalize.storage.events.histories import HistoryQuery

OPERATIONS = Operations()
_PARAMETERS = (
    RequestParameter("limit", "How many events a page holds, 1 to 500; 50 if left out.", int),
    RequestParameter("cursor", "The `nextCursor` of the page before."),
    RequestParameter("eventType", "Only events of this type."),
    RequestParameter("since", "Only events at or after this moment."),
    RequestParameter("until", "Only events before this moment."),
    *ADDRESS_PARAMETERS,
)


class PastEvent(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An event as it was stored; times are ISO 8601 UTC."""

    event_id: str
    """Its id."""
    event_type: str
    """Type of the event."""
    item_id: str
    """The group, or the item."""
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


@OPERATIONS.add(
    "GET",
    "/v1/users/{user_id:path}/history",
    SITE,
    about=About.GROUP,
    parameters=(USER_ID, *_PARAMETERS),
)
async def get_user_history(request: Request) -> History:
    """A user's events, newest first."""
    user_id = parse_id(request.path_params["user_id"], "userId")
    return await _history(request, Visitor(user_id=user_id))


@OPERATIONS.add(
    "GET",
    "/v1/sessions/{session_id:path}/history",
    SITE,
    about=About.GROUP,
    parameters=(SESSION_ID, *_PARAMETERS),
)
async def get_session_history(request: Request) -> History:
    """A session's events, newest first; of a session bound to a user, all of that user's."""
    session_id = parse_id(request.path_params["session_id"], "sessionId")
    return await _history(request, Visitor(session_id=session_id))


async def _history(request: Request, visitor: Visitor) -> History:
    services = services_of(request)
    given = request.query_params
    log = services.log.of(await read_group(request))
    query = HistoryQuery(
        limit=read_limit(given.get("limit"), 50),
        before=read_cursor(given["cursor"]) if "cursor" in given else None,
        event_type=read_text(given, "eventType"),
        since=parse_moment(given["since"], "since") if "since" in given else None,
        until=parse_moment(given["until"], "until") if "until" in given else None,
    )
    page = await services.read(history_page, log, visitor, query)
    events = [past_event(logged.event) for logged in page.events]
    return History(events, page.next_cursor)


def past_event(event: Event) -> PastEvent:
    """Return the event as it is answered."""
    sent, shown = event.properties, list(event.impression)
    properties = None if sent is None else msgspec.json.decode(sent)
    return report_of(PastEvent, event, properties=properties, impression=shown)
