"""GET /v1/audit, and the noting of what was done by other operations."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.access.auditing import ANYBODY_CALLED, note
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.http.callers import caller_of
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operations, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.storage.audit import AuditEntry
from pawsonalize.wings.console.views.service import AuditPage

OPERATIONS = Operations()

_NAMES = ("name", "run_id", "animal_id", "letter_id")  # of a path; ids of visitors are not noted


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


@OPERATIONS.add(
    "GET",
    "/v1/audit",
    OPERATOR,
    answer=AuditPage,
    parameters=(
        RequestParameter("limit", "How many, 1 to 500; 50 if left out.", int),
        RequestParameter("cursor", "The `nextCursor` of the page before."),
    ),
    summary="What was changed, by which key, newest first.",
)
async def get_audit(request: Request) -> Response:
    """Show what operators did."""
    services: Services = request.app.state.services
    page = services.views.service.audit_page
    return json_response(await services.read(page, request.query_params))


async def note_action(request: Request, what: str, result: Response | PawsonalizeError) -> None:
    """Note what was done, and how it ended."""
    services: Services = request.app.state.services
    path = request.path_params
    target = next((str(path[name]) for name in _NAMES if name in path), None)
    if isinstance(result, PawsonalizeError):
        outcome = result.code
    else:
        outcome = str(result.status_code)
        target = target or _name_in(bytes(result.body))
    who = caller_of(request).key_id or ANYBODY_CALLED
    await note(services.audit, AuditEntry(services.now(), who, what, target, outcome))


def _name_in(body: bytes) -> str | None:
    """What the answer says was made."""
    try:
        return _NAMED.decode(body).name
    except msgspec.MsgspecError:
        return None
