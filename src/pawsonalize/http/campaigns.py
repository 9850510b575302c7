"""/v1/campaigns: GET and POST; GET, PATCH and DELETE …/{name}; POST …/{name}/rollback."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.training.campaigns import create_campaign
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    Tags,
    as_answer,
    read_one,
    read_page_of,
    removed,
)
from pawsonalize.http.services import Services
from pawsonalize.http.tenants import enter_owner
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.solutions import Solution, SolutionVersion

Share = Annotated[float, Meta(ge=0, le=1)]
Days = Annotated[int, Meta(ge=0)]
Rate = Annotated[int, Meta(ge=1)]


class CampaignRequest(Form, frozen=True, kw_only=True, rename="camel"):
    """A campaign to create: which solution, or which version of it, is served, and how.

    With a `solution` alone it serves the newest version, or waits for the first one. Where a
    setting is null or left out, the service's counts, or of an influence what the version was
    trained with. With `followsLatest` it goes on to each newer version by itself.
    """

    name: str
    solution: str | None = None
    solution_version: str | None = None
    exploration_weight: Share | None = None
    exploration_item_age_cut_off: Days | None = None
    min_provisioned_tps: Rate | None = msgspec.field(name="minProvisionedTPS", default=None)
    popularity_influence: Share | None = None
    freshness_influence: Share | None = None
    follows_latest: bool = False
    tags: Tags = msgspec.field(default_factory=dict)


class CampaignChange(Form, frozen=True, kw_only=True, rename="camel"):
    """What to change of a campaign; what is left out stays, and null leaves it to the service.

    With a `revision` only if the campaign is still at that one.
    """

    solution_version: str | None = None
    revision: int | None = None
    exploration_weight: Share | UnsetType | None = UNSET
    exploration_item_age_cut_off: Days | UnsetType | None = UNSET
    min_provisioned_tps: Rate | UnsetType | None = msgspec.field(
        name="minProvisionedTPS", default=UNSET
    )
    popularity_influence: Share | UnsetType | None = UNSET
    freshness_influence: Share | UnsetType | None = UNSET
    follows_latest: bool | UnsetType = UNSET


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
    exploration_weight: float | None
    exploration_item_age_cut_off: int | None
    popularity_influence: float | None
    freshness_influence: float | None
    follows_latest: bool
    min_provisioned_tps: int | None = msgspec.field(name="minProvisionedTPS")
    sustained_tps: float | None = msgspec.field(name="sustainedTPS")


class CampaignList(msgspec.Struct, frozen=True, rename="camel"):
    """Campaigns, newest first, in pages as well."""

    campaigns: list[CampaignAnswer]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(CampaignRequest)
_CHANGE = msgspec.json.Decoder(CampaignChange)


async def get_campaigns(request: Request) -> Response:
    """List the campaigns, of all solutions or of one."""
    page = await read_page_of(request, Campaign, Solution, "solution")
    return json_response(CampaignList([_answer(one) for one in page.resources], page.next_cursor))


async def post_campaign(request: Request) -> Response:
    """Create a campaign; it serves as soon as a server has tried and loaded its version."""
    services: Services = request.app.state.services
    form = await read_form(request, _REQUEST)
    for kind, name in ((Solution, form.solution), (SolutionVersion, form.solution_version)):
        if name is not None:
            await enter_owner(request, kind, name)
    created = await run_in_threadpool(_create, services, form)
    return json_response(_answer(created), 201)


async def get_campaign(request: Request) -> Response:
    """One campaign."""
    return json_response(_answer(await read_one(request, Campaign)))


async def patch_campaign(request: Request) -> Response:
    """Serve another version or other settings; the old ones serve until the new ones do."""
    services: Services = request.app.state.services
    form = await read_form(request, _CHANGE)
    wanted = msgspec.structs.asdict(form)
    version, revision = wanted.pop("solution_version"), wanted.pop("revision")
    settings: dict[str, Any] = {
        field: value for field, value in wanted.items() if value is not UNSET
    }
    name: str = request.path_params["name"]
    await enter_owner(request, Campaign, name)
    if version is not None:
        await enter_owner(request, SolutionVersion, version)
    campaign = await run_in_threadpool(
        services.campaigns.update,
        name,
        version,
        services.now(),
        expected_revision=revision,
        **settings,
    )
    return json_response(_answer(campaign))


async def delete_campaign(request: Request) -> Response:
    """Delete a campaign; its solution and versions stay."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, Campaign, name)
    return json_response(
        _answer(await run_in_threadpool(removed, services.registry, Campaign, name))
    )


async def post_rollback(request: Request) -> Response:
    """Serve the version before again; every worker follows within a second."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, Campaign, name)
    campaign = await run_in_threadpool(services.campaigns.rollback, name, services.now())
    return json_response(_answer(campaign))


def _create(services: Services, form: CampaignRequest) -> Campaign:
    wanted = msgspec.structs.asdict(form)
    version = wanted.pop("solution_version")
    return create_campaign(
        services.campaigns, services.versions, services.now(), version=version, **wanted
    )


def _answer(campaign: Campaign) -> CampaignAnswer:
    update = campaign.latest_update
    shown = None if update is None else as_answer(update, CampaignUpdateAnswer)
    status = campaign.serving_status
    return as_answer(campaign, CampaignAnswer, latest_update=shown, status=status)
