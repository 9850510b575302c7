"""Callers: admitted by key, and let in to dataset groups by limits and in fair turns."""

from starlette.requests import Request

from pawsonalize.access.admission import Admission, Call, Caller
from pawsonalize.access.limits import Tenants, check_reach
from pawsonalize.access.services import services_of
from pawsonalize.domain.errors import Forbidden, NotFound
from pawsonalize.domain.limits import parse_id
from pawsonalize.engine.ingest.event_form import Id
from pawsonalize.kinds.access_keys import MONITOR, Scope
from pawsonalize.kinds.resource import Resource

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
