"""Addresses of queries: dataset group or campaign, the parts that answer, and the visitor."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request

from pawsonalize.access.services import Services, services_of
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.engine.ingest.event_form import Id
from pawsonalize.engine.serving.animals.recommender import Individuals
from pawsonalize.engine.serving.campaigns import Address, Purpose
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.http.callers import enter, own_group
from pawsonalize.http.operation import RequestParameter
from pawsonalize.kinds.defaults import DATASET_GROUP, RECOMMENDER, RERANKER

_GROUP = "The dataset group, by its name or ARN; the default one if left out."
_CAMPAIGN = "The campaign or recommender, by its name or ARN; its dataset group counts."

DatasetGroupName = Annotated[str | None, Meta(description=_GROUP)]
CampaignName = Annotated[
    str | None, Meta(description=f"{_CAMPAIGN} If left out, the one of the group that fits best.")
]

_ITS_OWN = frozenset({RECOMMENDER, RERANKER})

ADDRESS_PARAMETERS = (
    RequestParameter("datasetGroup", _GROUP),
    RequestParameter("campaign", _CAMPAIGN),
)


class Answering(msgspec.Struct, frozen=True):
    """Runtime that answers a query, and the dataset group whose filters and items count."""

    dataset_group: str
    runtime: Runtime


def for_caller(request: Request, address: Address) -> Address:
    """Return the address; with a key of one dataset group, that one, or Forbidden."""
    confined_to = own_group(request)
    if confined_to is None:
        return address
    return services_of(request).directory.within(address, confined_to)


def address_of(
    request: Request, dataset_group: str | None = None, campaign: str | None = None
) -> Address:
    """Return the address in the body, or the query parameters; InvalidInput where they differ."""
    group = _once(request, "datasetGroup", dataset_group)
    return for_caller(request, Address(group, _once(request, "campaign", campaign)))


def _once(request: Request, field: str, body: str | None) -> str | None:
    query = request.query_params.get(field)
    if body is not None and query is not None and body != query:
        raise InvalidInput(
            f"{field} is {body} in the body and {query} in the query: send it once", field=field
        )
    return query if body is None else body


async def read_group(request: Request) -> str:
    """Return the dataset group that the query parameters name; the request enters it."""
    return await enter_group(request, address_of(request))


async def enter_group(request: Request, address: Address) -> str:
    """Return the dataset group of the address; the request enters it."""
    services = services_of(request)
    group = DATASET_GROUP  # the usual one, and nothing has to be looked up
    if not address.is_default:
        group = await services.read(services.directory.dataset_group, address)
    await enter(request, group)
    return group


async def answering(request: Request, address: Address, purpose: Purpose) -> Answering:
    """Return what answers the query; raises as `Directory.campaign` and `Runtimes.of` do."""
    services = services_of(request)
    group = await enter_group(request, address)
    # Nearly every query is this one, and nothing has to be looked up for it.
    if address.is_default and _is_trained(services.runtime, purpose):
        return Answering(DATASET_GROUP, services.runtime)
    if group == DATASET_GROUP and address.campaign is None:
        runtime = await _of_default_group(services, purpose)
        if runtime is not None:
            return Answering(group, runtime)
    campaign = await services.read(services.directory.campaign, address, purpose)
    return Answering(group, await services.runtimes.of(campaign))


async def _of_default_group(services: Services, purpose: Purpose) -> Runtime | None:
    """Return its own campaigns, another that serves a model, or what answers before any does."""
    default = services.runtime
    if _is_trained(default, purpose):
        return default
    campaign = await services.read(services.directory.serving, DATASET_GROUP, purpose)
    if campaign is not None and campaign not in _ITS_OWN:
        return await services.runtimes.of(campaign)
    return default if default.can_answer else None


def _is_trained(default: Runtime, purpose: Purpose) -> bool:
    """True if the default campaigns answer that; comparisons are another recipe's."""
    if purpose is Purpose.RANKING:
        return default.can_rank
    return purpose is Purpose.RECOMMENDING and default.can_recommend


async def individuals_for(request: Request, address: Address, purpose: Purpose) -> Individuals:
    """Return what answers of animals: with a campaign named, by its model.

    InvalidInput for another dataset group than the default one: animals are of that alone.
    """
    services = services_of(request)
    wanted = Purpose.RANKING if purpose is Purpose.RANKING else Purpose.RECOMMENDING
    group = await enter_group(request, address)
    if address.is_default and _is_trained(services.runtime, wanted):
        return services.individuals
    if group != DATASET_GROUP:
        raise InvalidInput(
            f"animals are the inventory of dataset group {DATASET_GROUP}, and {group} has none:"
            " leave this out, or ask for groups",
            field="datasetGroup" if address.dataset_group is not None else "campaign",
        )
    if address.campaign is not None:
        named = await answering(request, address, purpose)
        return services.individuals.with_runtime(named.runtime)
    runtime = await _of_default_group(services, wanted)
    return services.individuals if runtime is None else services.individuals.with_runtime(runtime)


def read_visitor(user_id: Id | None, session_id: Id | None) -> Visitor:
    """Return the visitor; either id may be missing."""
    return Visitor(
        None if user_id is None else parse_id(user_id, "userId"),
        None if session_id is None else parse_id(session_id, "sessionId"),
    )
