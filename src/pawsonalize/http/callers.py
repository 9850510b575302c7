"""Who calls: admitted by key, and what a page with a public key may say and see."""

from starlette.requests import Request

from pawsonalize.access.admission import Admission, Call, Caller
from pawsonalize.domain.errors import Forbidden
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.ingest.event_form import Id
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import MONITOR, Scope


async def admit(request: Request, allowed: frozenset[Scope]) -> None:
    """Note who calls, for `caller_of`; raises what `Admission.admit` raises."""
    services: Services = request.app.state.services
    admission: Admission = request.app.state.admission
    client = "" if request.client is None else request.client.host
    call = Call(request.headers, client, allowed)
    request.state.caller = await services.read(admission.admit, call)


def is_monitor(request: Request) -> bool:
    """Whether who calls may know how the service is."""
    caller = caller_of(request)
    return caller.dataset_group is None and not MONITOR.isdisjoint(caller.scopes)


def caller_of(request: Request) -> Caller:
    """Who calls."""
    caller: Caller = request.state.caller
    return caller


def check_visitor(request: Request, user_id: Id | None, *, detailed: bool = False) -> None:
    """Forbidden for a page that names a user, or asks why, without that user's token."""
    caller = caller_of(request)
    if not caller.is_page:
        return
    if user_id is not None and parse_id(user_id, "userId") != caller.user_id:
        raise Forbidden(SIGN_IT, field="userId", code=UNSIGNED)
    if detailed and caller.user_id is None:
        raise Forbidden(
            "reasons tell what a visitor did: a page gets them with the visitor's token, or asks"
            " without detail",
            field="detail",
            code=UNSIGNED,
        )


UNSIGNED = "visitor_unsigned"
SIGN_IT = (
    "a page may name a user only with that user's token, signed by your server, in the header"
    " Pawsonalize-Visitor: send it, or a sessionId alone"
)
