"""GET /healthz (the process lives) and /readyz (it can answer)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.times import iso
from pawsonalize.http.json import json_response
from pawsonalize.http.services import Services


class Health(msgspec.Struct, frozen=True):
    """The process lives."""

    status: str


class StandingProblem(msgspec.Struct, frozen=True):
    """Something that goes wrong and lasts; `since` is ISO 8601."""

    name: str
    message: str
    since: str


class Readiness(msgspec.Struct, frozen=True, rename="camel"):
    """What is served right now, and what goes wrong beside."""

    status: str
    solution_version: str
    problems: tuple[StandingProblem, ...] = ()


async def get_healthz(_request: Request) -> Response:
    """Answer while the process lives."""
    return json_response(Health("ok"))


async def get_readyz(request: Request) -> Response:
    """Answer 200 when the tables can be read and a model is live, else 503 with the reason."""
    services: Services = request.app.state.services
    await services.read(services.log.head)
    if not services.live.is_ready:
        raise NotReady("no model is live yet: run `pawsonalize train`")
    version = services.live.current.version.name
    return json_response(Readiness("ready", version, await _problems(services)))


async def _problems(services: Services) -> tuple[StandingProblem, ...]:
    standing = await services.read(services.problems.standing, services.now())
    return tuple(StandingProblem(one.name, one.message, iso(one.since)) for one in standing)
