"""Requests about dataset groups: let in by their limits and in fair turns, and counted."""

from starlette.requests import Request

from pawsonalize.access.tenants import TenantRequest, Tenants, check_reach
from pawsonalize.domain.errors import NotFound
from pawsonalize.http.callers import caller_of
from pawsonalize.http.services import Services
from pawsonalize.kinds.resource import Resource


async def enter(request: Request, group: str) -> None:
    """Begin to answer about the dataset group, when it is its turn; once in a request.

    Forbidden for a key of another dataset group, TooManyRequests above a limit, NotReady if too
    much of it waits already.
    """
    confined_to = caller_of(request).dataset_group
    check_reach(confined_to, group)
    if _entered_of(request) is not None:
        return
    tenants: Tenants = request.app.state.tenants
    request.state.entered = await tenants.enter(
        group, request.state.lane, is_its_own=confined_to is not None
    )


async def enter_owner(request: Request, kind: type[Resource], name: str) -> None:
    """The same for the dataset group of a resource, by its name.

    For a key of another dataset group it is NotFound, as one that there is not.
    """
    services: Services = request.app.state.services
    group = await services.read(services.registry.group_of_named, kind, name)
    confined_to = caller_of(request).dataset_group
    if confined_to is not None and confined_to != group:
        raise NotFound(f"there is no {kind.kind} named {name}")
    if group is not None:
        await enter(request, group)


def leave(request: Request) -> None:
    """Let the next request in: this one's answer is made, or what it waits for needs no slot."""
    if (entered := _entered_of(request)) is not None:
        entered.leave()


def own_group(request: Request) -> str | None:
    """The only dataset group that the caller reaches; None: all."""
    return caller_of(request).dataset_group


def _entered_of(request: Request) -> TenantRequest | None:
    return getattr(request.state, "entered", None)
