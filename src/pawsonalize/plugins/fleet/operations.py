"""GET /v1/servers: who serves, works and consumes; and what a server says that does not answer."""

import msgspec
from starlette.requests import Request

from pawsonalize.core.http.operation import Operations
from pawsonalize.core.scopes import MONITOR
from pawsonalize.operations.services import services_of
from pawsonalize.reports.endpoints import ServerAnswer, server_answer


class ServerList(msgspec.Struct, frozen=True):
    """Every process of every server, also those that died within the last hour."""

    servers: list[ServerAnswer]


OPERATIONS = Operations(MONITOR)


@OPERATIONS.add(
    "GET",
    "/v1/servers",
    summary="Who serves, works and consumes, with which version of the program.",
)
async def get_servers(request: Request) -> ServerList:
    """List the processes, as this one sees them."""
    return ServerList([server_answer(one) for one in services_of(request).servers.states()])
