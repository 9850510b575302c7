"""GET /v1/audit, and the noting of what was done by other operations."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.access.auditing import ANYBODY_CALLED, note
from pawsonalize.domain.errors import InvalidInput, PawsonalizeError
from pawsonalize.domain.times import iso
from pawsonalize.http.callers import caller_of
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.services import Services
from pawsonalize.storage.audit import AuditEntry

_DEFAULT_LIMIT = 50
_MAX_LIMIT = 500
_NAMES = ("name", "run_id", "animal_id", "letter_id")  # of a path; ids of visitors are not noted


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


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None


_NAMED = msgspec.json.Decoder(_Named)


async def get_audit(request: Request) -> Response:
    """Show what operators did."""
    services: Services = request.app.state.services
    given = request.query_params
    limit = read_limit(given.get("limit"), _DEFAULT_LIMIT)
    if not 1 <= limit <= _MAX_LIMIT:
        raise InvalidInput(f"limit must be from 1 to {_MAX_LIMIT}", field="limit")
    before = read_limit(given["cursor"], 0, "cursor") if "cursor" in given else None
    found = await services.read(services.audit.newest, limit, before)
    shown = [
        AuditedAction(iso(one.at), one.who, one.what, one.outcome, one.target) for _, one in found
    ]
    return json_response(AuditPage(shown, str(found[-1][0]) if len(found) == limit else None))


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
