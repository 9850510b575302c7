"""GET /v1/console/visitors: one visitor, and what they would see now."""

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.console.views.visitors import VisitorReport, read_lookup


async def get_console_visitor(request: Request) -> Response:
    """All of one visitor."""
    services: Services = request.app.state.services
    asked = read_lookup(request.query_params)
    if asked is None:
        raise InvalidInput("say which visitor: userId, sessionId or both", field="userId")
    group = await read_group(request)
    make = services.views.visitors.report
    return json_response(await services.console_reads.make(make, asked, group, services.now()))


CONSOLE_VISITOR_OPERATIONS = (
    Operation(
        "GET",
        "/v1/console/visitors",
        get_console_visitor,
        "What a visitor did, was shown and would see now, and why; this is logged nowhere.",
        OPERATOR,
        about=About.GROUP,
        answer=VisitorReport,
        parameters=(
            RequestParameter("userId", "The user."),
            RequestParameter("sessionId", "The session."),
            RequestParameter("version", "The solution version that answers; the live one."),
            RequestParameter("against", "A solution version to compare it with."),
            RequestParameter("limit", "How many events, 1 to 500; 25 if left out.", int),
            RequestParameter("cursor", "The `nextCursor` of the page of events before."),
            *ADDRESS_PARAMETERS,
        ),
    ),
)
