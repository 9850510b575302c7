"""GET /v1/console/events, /data and /archive: what came in, and how good it is."""

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.console.views.events import (
    ArchiveState,
    EventAnswer,
    read_tail,
)
from pawsonalize.wings.console.views.quality import DataReport


async def get_console_events(request: Request) -> Response:
    """The newest events, or what became of one."""
    services: Services = request.app.state.services
    asked = read_tail(request.query_params)
    group = await read_group(request)
    make = services.views.events.events
    return json_response(await services.console_reads.make(make, asked, group))


async def get_console_data(request: Request) -> Response:
    """How good the newest events are."""
    services: Services = request.app.state.services
    group = await read_group(request)
    return json_response(await services.console_reads.make(services.views.quality.report, group))


async def get_console_archive(request: Request) -> Response:
    """What the archive holds."""
    services: Services = request.app.state.services
    return json_response(await services.console_reads.make(services.views.events.archive))


CONSOLE_EVENT_OPERATIONS = (
    Operation(
        "GET",
        "/v1/console/events",
        get_console_events,
        "The newest events; of an event, a session or a user, whether they were taken, or why not.",
        OPERATOR,
        about=About.GROUP,
        answer=EventAnswer,
        parameters=(
            RequestParameter("eventId", "Was this event accepted?"),
            RequestParameter("sessionId", "Were events of this session accepted?"),
            RequestParameter("userId", "Were events of this user accepted?"),
            RequestParameter("eventType", "Only events of this type, as it was sent."),
            RequestParameter("limit", "How many, 1 to 500; 25 if left out.", int),
            RequestParameter("cursor", "The `nextCursor` of the page before."),
            *ADDRESS_PARAMETERS,
        ),
    ),
    Operation(
        "GET",
        "/v1/console/data",
        get_console_data,
        "How good the newest events are: unknown names, missing fields, suspected bots.",
        OPERATOR,
        about=About.GROUP,
        answer=DataReport,
        parameters=ADDRESS_PARAMETERS,
    ),
    Operation(
        "GET",
        "/v1/console/archive",
        get_console_archive,
        "What the archive holds, and what waits to go there.",
        OPERATOR,
        answer=ArchiveState,
    ),
)
