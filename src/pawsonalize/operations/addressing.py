"""Callers, admitted by key, and what they address: dataset group, campaign, visitor."""

from typing import Annotated

from msgspec import Meta
from starlette.requests import Request

from pawsonalize.core.errors import Forbidden, InvalidInput, NotFound
from pawsonalize.core.event import Visitor
from pawsonalize.core.forms.decoder import Id
from pawsonalize.core.http.operation import RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import MONITOR, Scope
from pawsonalize.operations.admission import Admission, Call, Caller
from pawsonalize.operations.limits import Tenants, check_reach
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.campaigns import Address, Purpose
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.resources.kind import Resource

UNSIGNED = "visitor_unsigned"
SIGN_IT = (
    "a page may name a user only with that user's token, signed by your server, in the header"
    " Pawsonalize-Visitor: send it, or a sessionId alone"
)


async def admit(request: Request, allowed: frozenset[Scope]) -> None:
    """Note who calls, for `caller_of`; raises what `Admission.admit` raises."""
    admission: Admission = request.app.state.admission
    client = "" if request.client is None else request.client.host
    call = Call(request.headers, client, allowed)
    request.state.caller = await services_of(request).read(admission.admit, call)


def is_monitor(request: Request) -> bool:
    """True if the caller may know the state of the service."""
    caller = caller_of(request)
    # A key of one dataset group must not see what others do.
    return caller.dataset_group is None and not MONITOR.isdisjoint(caller.scopes)


def caller_of(request: Request) -> Caller:
    """Return the caller that `admit` noted."""
    caller: Caller = request.state.caller
    return caller


def check_visitor(request: Request, user_id: Id | None, *, detailed: bool = False) -> None:
    """Refuse a page that names a user, or wants reasons, without that user's token."""
    caller = caller_of(request)
    if not caller.is_page:
        return
    # Else a page could ask what any user likes.
    if user_id is not None and parse_id(user_id, "userId") != caller.user_id:
        raise Forbidden(SIGN_IT, field="userId", code=UNSIGNED)
    if detailed and caller.user_id is None:
        raise Forbidden(
            "reasons tell what a visitor did: a page gets them with the visitor's token, or asks"
            " without detail",
            field="detail",
            code=UNSIGNED,
        )


async def enter(request: Request, group: str) -> None:
    """Begin to answer about the dataset group, when it is its turn; once in a request.

    Forbidden for a key of another dataset group, TooManyRequests above a limit, NotReady if too
    much of it waits already.
    """
    confined_to = caller_of(request).dataset_group
    check_reach(confined_to, group)
    # Who is in already must not wait for a turn again.
    if hasattr(request.state, "entered"):
        return
    tenants: Tenants = request.app.state.tenants
    lane, is_its_own = request.state.lane, confined_to is not None
    request.state.entered = await tenants.enter(group, lane, is_its_own=is_its_own)


async def enter_owner(request: Request, kind: type[Resource], name: str) -> None:
    """Enter the dataset group of a resource, by its name; NotFound for a key of another one."""
    services = services_of(request)
    group = await services.read(services.registry.group_of_named, kind, name)
    confined_to = caller_of(request).dataset_group
    if confined_to is not None and confined_to != group:
        # Forbidden would tell that another dataset group has one of that name.
        raise NotFound(f"there is no {kind.kind} named {name}")
    if group is not None:
        await enter(request, group)


def leave(request: Request) -> None:
    """Let the next request in."""
    # This one's answer is made, or what it waits for needs no slot.
    if hasattr(request.state, "entered"):
        request.state.entered.leave()


def own_group(request: Request) -> str | None:
    """Return the only dataset group that the caller reaches; None: all."""
    return caller_of(request).dataset_group


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


async def answering(request: Request, address: Address, purpose: Purpose) -> GroupRecommender:
    """Return what answers; raises as `Directory.campaign` and `CampaignModels.of` do."""
    services = services_of(request)
    group = await enter_group(request, address)
    # Nearly every query is this one, and nothing has to be looked up for it.
    if address.is_default and _is_trained(services.group_recommender, purpose):
        return services.group_recommender
    if group == DATASET_GROUP and address.campaign is None:
        group_recommender = await _of_default_group(services, purpose)
        if group_recommender is not None:
            return group_recommender
    campaign = await services.read(services.directory.campaign, address, purpose)
    return await services.campaign_models.of(campaign)


async def _of_default_group(services: Services, purpose: Purpose) -> GroupRecommender | None:
    """Return its own campaigns, another that serves a model, or what answers before any does."""
    default = services.group_recommender
    if _is_trained(default, purpose):
        return default
    campaign = await services.read(services.directory.serving, DATASET_GROUP, purpose)
    if campaign is not None and campaign not in _ITS_OWN:
        return await services.campaign_models.of(campaign)
    return default if default.can_answer else None


def _is_trained(default: GroupRecommender, purpose: Purpose) -> bool:
    """True if the default campaigns answer that; comparisons are another recipe's."""
    if purpose is Purpose.RANKING:
        return default.can_rank
    return purpose is Purpose.RECOMMENDING and default.can_recommend


async def recommender_for(
    request: Request, address: Address, purpose: Purpose
) -> AnimalRecommender:
    """Return what answers of animals: with a campaign named, by its model.

    InvalidInput for another dataset group than the default one: animals are of that alone.
    """
    services = services_of(request)
    wanted = Purpose.RANKING if purpose is Purpose.RANKING else Purpose.RECOMMENDING
    group = await enter_group(request, address)
    if address.is_default and _is_trained(services.group_recommender, wanted):
        return services.animal_recommender
    if group != DATASET_GROUP:
        raise InvalidInput(
            f"animals are the inventory of dataset group {DATASET_GROUP}, and {group} has none:"
            " leave this out, or ask for groups",
            field="datasetGroup" if address.dataset_group is not None else "campaign",
        )
    if address.campaign is not None:
        named = await answering(request, address, purpose)
        return services.animal_recommender.with_group_recommender(named)
    group_recommender = await _of_default_group(services, wanted)
    return (
        services.animal_recommender
        if group_recommender is None
        else services.animal_recommender.with_group_recommender(group_recommender)
    )


def read_visitor(user_id: Id | None, session_id: Id | None) -> Visitor:
    """Return the visitor; either id may be missing."""
    return Visitor(
        None if user_id is None else parse_id(user_id, "userId"),
        None if session_id is None else parse_id(session_id, "sessionId"),
    )
