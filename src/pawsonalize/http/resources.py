"""GET /v1/solutions, /v1/solution-versions and /v1/campaigns; POST …/{name}/rollback."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.times import iso
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.pages import ResourcePage, resource_page
from pawsonalize.engine.resources.resource import ResourceT
from pawsonalize.engine.resources.solutions import Progress, Solution, SolutionVersion
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.services import Services

_DEFAULT_LIMIT = 50
_MOMENTS = {"created_at", "updated_at", "requested_at", "settled_at", "as_of"}

AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)


class NamedAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every resource has; times are ISO 8601 UTC."""

    name: str
    status: str
    failure_reason: str | None
    created_at: str
    updated_at: str
    revision: int


class SolutionAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """A recipe with its settings."""

    recipe: str
    settings: Mapping[str, Any]


class SolutionVersionAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """A trained model, or one in training: then `progress` says how far it is."""

    solution: str
    recipe: str
    mode: str
    as_of: str
    log_offset: int
    seed: int
    code_version: str
    progress: Progress | None
    fingerprint: str | None
    events: int
    users: int
    items: int
    metrics: Mapping[str, float]


class CampaignUpdateAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The newest wish to serve another version, and what became of it."""

    solution_version: str
    status: str
    failure_reason: str | None
    warning: str | None
    requested_at: str
    settled_at: str | None


class CampaignAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """A solution version being served; a rollback returns to `previousVersion`."""

    solution: str
    solution_version: str | None
    previous_version: str | None
    latest_update: CampaignUpdateAnswer | None
    min_provisioned_tps: int | None = msgspec.field(name="minProvisionedTPS")
    sustained_tps: float | None = msgspec.field(name="sustainedTPS")


class Solutions(msgspec.Struct, frozen=True, rename="camel"):
    """Solutions, newest first; `nextCursor` fetches the next page and is null on the last."""

    solutions: list[SolutionAnswer]
    next_cursor: str | None


class SolutionVersions(msgspec.Struct, frozen=True, rename="camel"):
    """Solution versions, newest first, in pages as well."""

    solution_versions: list[SolutionVersionAnswer]
    next_cursor: str | None


class Campaigns(msgspec.Struct, frozen=True, rename="camel"):
    """Campaigns, newest first, in pages as well."""

    campaigns: list[CampaignAnswer]
    next_cursor: str | None


async def get_solutions(request: Request) -> Response:
    """List the solutions."""
    page = await read_page(request, Solution)
    answers = [as_answer(solution, SolutionAnswer) for solution in page.resources]
    return json_response(Solutions(answers, page.next_cursor))


async def get_solution_versions(request: Request) -> Response:
    """List the solution versions, of all solutions or of one."""
    page = await read_page(request, SolutionVersion, request.query_params.get("solution"))
    answers = [as_answer(version, SolutionVersionAnswer) for version in page.resources]
    return json_response(SolutionVersions(answers, page.next_cursor))


async def get_campaigns(request: Request) -> Response:
    """List the campaigns."""
    page = await read_page(request, Campaign)
    answers = [_campaign(campaign) for campaign in page.resources]
    return json_response(Campaigns(answers, page.next_cursor))


async def post_rollback(request: Request) -> Response:
    """Serve the version before again; every worker follows within a second."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    campaign = await run_in_threadpool(services.campaigns.rollback, name, services.now())
    return json_response(_campaign(campaign))


async def read_page(
    request: Request, kind: type[ResourceT], parent: str | None = None
) -> ResourcePage[ResourceT]:
    """The page of the kind that the query parameters ask for."""
    services: Services = request.app.state.services
    given = request.query_params
    return await services.read(
        resource_page,
        services.registry,
        kind,
        read_limit(given.get("limit"), _DEFAULT_LIMIT),
        parent=parent,
        cursor=given.get("cursor"),
    )


def _campaign(campaign: Campaign) -> CampaignAnswer:
    update = campaign.latest_update
    shown = None if update is None else as_answer(update, CampaignUpdateAnswer)
    return as_answer(campaign, CampaignAnswer, latest_update=shown)


def as_answer(resource: Any, kind: type[AnswerT], **given: Any) -> AnswerT:
    """The resource's fields that the answer has, moments as text."""
    fields = {name: getattr(resource, name) for name in kind.__struct_fields__ if name not in given}
    moments = {
        name: iso(value) for name, value in fields.items() if name in _MOMENTS and value is not None
    }
    return kind(**{**fields, **moments, **given})
