"""GET /healthz (the process lives) and /readyz (it can answer)."""

from functools import partial

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.core.errors import NotReady, StorageUnavailable
from pawsonalize.core.http.operation import Operations, RequestParameter
from pawsonalize.core.roles import SERVE
from pawsonalize.core.scopes import ANYBODY
from pawsonalize.core.times import iso
from pawsonalize.operations.addressing import is_monitor
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.campaigns import readiness

OPERATIONS = Operations()


class Health(msgspec.Struct, frozen=True):
    """The process lives."""

    status: str


class StandingProblem(msgspec.Struct, frozen=True):
    """Something that goes wrong and lasts; `since` is ISO 8601."""

    name: str
    message: str
    since: str


class CampaignReadiness(msgspec.Struct, frozen=True, rename="camel"):
    """A campaign and the version it serves, null while it serves none."""

    name: str
    dataset_group: str
    solution_version: str | None


class ReadinessAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Solution versions served right now, by default and by every campaign, and the problems.

    `message` says what does not answer yet, or late; it is null where all is well. `roles` are
    what this server does; without `serve` it has no campaigns. Campaigns and problems are listed
    for keys that may monitor.
    """

    status: str
    solution_version: str | None
    message: str | None
    campaigns: list[CampaignReadiness]
    roles: tuple[str, ...]
    problems: tuple[StandingProblem, ...] = ()


@OPERATIONS.add("GET", "/healthz", ANYBODY)
async def get_healthz(_request: Request) -> Health:
    """Does the process live?"""
    return Health("ok")


@OPERATIONS.add(
    "GET",
    "/readyz",
    ANYBODY,
    parameters=(
        RequestParameter(
            "without", "`models`: to be ready to take data in is enough, for a new service."
        ),
    ),
)
async def get_readyz(request: Request) -> ReadinessAnswer:
    """Can it answer?

    200 when events can be stored and something can answer, else 503 with the reason. A server
    without the role `serve` needs nothing that answers; nor does `?without=models`, so that a new
    service gets its first data through a load balancer.
    """
    services = services_of(request)
    # This raises if the tables cannot be read.
    await services.read(services.log.head)
    # A trial write may wait for other writers, so it never runs where answers are made.
    if (reason := await run_in_threadpool(services.why_not_ready)) is not None:
        raise StorageUnavailable(reason)
    monitored = is_monitor(request)
    ready = partial(ReadinessAnswer, "ready", roles=services.roles)
    if SERVE not in services.roles:
        problems = await _problems(services) if monitored else ()
        return ready(None, None, [], problems=problems)
    entries = await services.read(services.directory.entries)
    orders = await services.read(services.animal_recommender.can_order, services.now())
    try:
        found = readiness(services.group_recommender, entries, orders_animals=orders)
    except NotReady as nothing_yet:
        if request.query_params.get("without") != "models":
            raise
        return ready(None, nothing_yet.message, [])
    if not monitored:
        return ready(None, found.message, [])
    campaigns = [
        CampaignReadiness(one.name, one.dataset_group, one.campaign.solution_version)
        for one in found.campaigns
    ]
    late = request.app.state.tenants.why_late()
    message = "; ".join(filter(None, (found.message, late))) or None
    problems = await _problems(services)
    return ready(found.solution_version, message, campaigns, problems=problems)


async def _problems(services: Services) -> tuple[StandingProblem, ...]:
    standing = await services.read(services.problems.standing, services.now())
    return tuple(StandingProblem(one.name, one.message, iso(one.since)) for one in standing)
