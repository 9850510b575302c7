"""GET /v1/servers: who serves, works and consumes; and what a server says that does not answer."""

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.times import iso
from pawsonalize.engine.resources.access_keys import MONITOR
from pawsonalize.engine.resources.servers import ServerState
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operation
from pawsonalize.http.services import Services


class ServerAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A process of a server. `lives` is null until it was watched for some seconds.

    `tables` is the revision of the tables that its program knows; `serves` has the solution version
    of each campaign that it has loaded.
    """

    name: str
    host: str
    port: int | None
    roles: tuple[str, ...]
    lives: bool | None
    version: str
    tables: str
    serves: Mapping[str, str]
    started_at: str


class ServerList(msgspec.Struct, frozen=True):
    """Every process of every server, also those that died within the last hour."""

    servers: list[ServerAnswer]


def as_answer(state: ServerState) -> ServerAnswer:
    """The process as JSON has it."""
    one = state.server
    return ServerAnswer(
        one.name,
        one.host,
        one.port,
        one.roles,
        state.lives,
        one.version,
        one.revision,
        one.serves,
        iso(one.started_at),
    )


async def get_servers(request: Request) -> Response:
    """List the processes, as this one sees them."""
    services: Services = request.app.state.services
    return json_response(ServerList([as_answer(one) for one in services.servers.states()]))


async def refuse(request: Request) -> Response:
    """What a server says that has not the role to answer."""
    services: Services = request.app.state.services
    raise NotReady(
        f"this server does not answer: its roles are {', '.join(services.roles)}. Ask one that has"
        " the role serve",
        code="not_serving",
    )


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
