"""GET /v1/audit, and the noting of what was done by other operations."""

import re
from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.access.auditing import ANYBODY_CALLED, note
from pawsonalize.domain.errors import InvalidInput, PawsonalizeError
from pawsonalize.domain.times import iso
from pawsonalize.http.callers import caller_of
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operations, RequestParameter
from pawsonalize.http.parameters import read_count
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.storage.audit import AuditEntry, AuditLog

OPERATIONS = Operations()

_CURSOR = re.compile(r"\d{1,18}", re.ASCII)
_NAMES = ("name", "run_id", "animal_id", "letter_id")  # of a path; ids of visitors are not noted


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


class AuditedAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who did what, when, to which resource, and how that ended."""

    at: str
    who: str
    what: str
    outcome: str
    target: str | None = None


class AuditPage(msgspec.Struct, frozen=True, rename="camel"):
    """Actions, newest first; `nextCursor` fetches the next page and is null on the last."""

    actions: list[AuditedAction]
    next_cursor: str | None


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
    return json_response(await services.read(audit_page, services.audit, request.query_params))


def audit_page(audit: AuditLog, given: Mapping[str, str]) -> AuditPage:
    """Return what operators did, as the parameters ask."""
    limit = read_count(given, "limit", 50, 1, 500)
    cursor = given.get("cursor")
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
    found = audit.newest(limit, None if cursor is None else int(cursor))
    actions = [
        AuditedAction(iso(one.at), one.who, one.what, one.outcome, one.target) for _, one in found
    ]
    return AuditPage(actions, str(found[-1][0]) if len(found) == limit else None)


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
