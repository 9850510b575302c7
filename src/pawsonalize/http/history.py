"""Histories of users and sessions."""

from starlette.requests import Request

from pawsonalize.access.services import services_of
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.history import History, history_page, past_event, read_cursor
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.json import read_limit, read_text
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.users import SESSION_ID, USER_ID
from pawsonalize.kinds.access_keys import SITE
from pawsonalize.storage.events.histories import HistoryQuery

OPERATIONS = Operations(SITE, about=About.GROUP)
_PARAMETERS = (
    RequestParameter("limit", "Most events that a page holds, 1 to 500; 50 if left out.", int),
    RequestParameter("cursor", "The `nextCursor` of the page before."),
    RequestParameter("eventType", "Only events of this type."),
    RequestParameter("since", "Only events at or after this moment."),
    RequestParameter("until", "Only events before this moment."),
    *ADDRESS_PARAMETERS,
)


@OPERATIONS.add("GET", "/v1/users/{user_id:path}/history", parameters=(USER_ID, *_PARAMETERS))
async def get_user_history(request: Request) -> History:
    """A user's events, newest first."""
    user_id = parse_id(request.path_params["user_id"], "userId")
    return await _history(request, Visitor(user_id=user_id))


@OPERATIONS.add(
    "GET", "/v1/sessions/{session_id:path}/history", parameters=(SESSION_ID, *_PARAMETERS)
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
