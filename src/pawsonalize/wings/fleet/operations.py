"""GET /v1/servers: who serves, works and consumes; and what a server says that does not answer."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.access.services import Services
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operation
from pawsonalize.http.reports import ServerAnswer, server_answer
from pawsonalize.kinds.access_keys import MONITOR


class ServerList(msgspec.Struct, frozen=True):
    """Every process of every server, also those that died within the last hour."""

    servers: list[ServerAnswer]


async def get_servers(request: Request) -> Response:
    """List the processes, as this one sees them."""
    services: Services = request.app.state.services
    return json_response(ServerList([server_answer(one) for one in services.servers.states()]))


SERVER_OPERATIONS = (
    Operation(
        "GET",
        "/v1/servers",
        get_servers,
        "Who serves, works and consumes, with which version of the program.",
        MONITOR,
        answer=ServerList,
    ),
)
