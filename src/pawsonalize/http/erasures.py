"""/v1/erasures: who is being erased and how far that is; and the erasure of a session."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.limits import check_between
from pawsonalize.domain.times import iso
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.json import json_response, read_limit
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.http.tenants import enter, own_group
from pawsonalize.kinds.access_keys import SITE
from pawsonalize.storage.erasing.erasures import STEPS, Erasure, ErasureStatus

OPERATIONS = Operations()

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 500


class NotedErasure(msgspec.Struct, frozen=True, rename="camel"):
    """An erasure that was written down: from now on it is done, whatever happens."""

    erasure_id: str
    status: ErasureStatus
    dataset_group: str


class ErasureTrouble(msgspec.Struct, frozen=True):
    """Why a part of an erasure is not done yet; with `waits`, it will be without your help."""

    place: str
    reason: str
    waits: bool


class ErasureAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """An erasure, without names. Times are ISO 8601 UTC.

    It covers events up to the offset `through`; later ones are of a new visitor. `deleted` are
    rows of the tables. `steps` has the moment of each step that is done. `files` may hold the
    visitor, and are for you to delete.
    """

    erasure_id: str
    status: ErasureStatus
    dataset_group: str
    noted_at: str
    done_at: str | None
    through: int
    users: int
    sessions: int
    deleted: int
    steps: dict[str, str | None]
    attempts: int
    next_attempt_at: str | None
    troubles: list[ErasureTrouble]
    files: tuple[str, ...]


class ErasureList(msgspec.Struct, frozen=True):
    """Erasures, newest first."""

    erasures: list[ErasureAnswer]


@OPERATIONS.add(
    "DELETE",
    "/v1/sessions/{session_id:visitor}",
    SITE,
    about=About.GROUP,
    answer=NotedErasure,
    status=202,
    parameters=(
        RequestParameter("sessionId", "The session.", where="path", required=True),
        *ADDRESS_PARAMETERS,
    ),
)
async def delete_session(request: Request) -> Response:
    """Erase a visitor who has but a session; 409 for a user's session."""
    services: Services = request.app.state.services
    session_id = parse_id(request.path_params["session_id"], "sessionId")
    group = await read_group(request)
    noted = await run_in_threadpool(services.erasing.erase_session, session_id, group)
    return json_response(NotedErasure(noted.erasure_id, noted.status, group), 202)


@OPERATIONS.add(
    "GET",
    "/v1/erasures",
    SITE,
    answer=ErasureList,
    parameters=(RequestParameter("limit", "How many, 1 to 500; 20 if left out.", int),),
)
async def get_erasures(request: Request) -> Response:
    """The newest erasures and how far they are."""
    services: Services = request.app.state.services
    limit = read_limit(request.query_params.get("limit"), _DEFAULT_LIMIT)
    check_between("limit", limit, 1, _MAX_LIMIT)
    return json_response(await services.read(_newest, services, limit))


@OPERATIONS.add(
    "GET",
    "/v1/erasures/{erasure_id}",
    SITE,
    about=About.GROUP,
    answer=ErasureAnswer,
    parameters=(RequestParameter("erasureId", "The erasure.", where="path", required=True),),
)
async def get_erasure(request: Request) -> Response:
    """One erasure: its steps, what keeps it from being done, files for you to delete."""
    services: Services = request.app.state.services
    erasure_id: str = request.path_params["erasure_id"]
    found = await services.read(_one, services, erasure_id)
    if own_group(request) not in {None, found.dataset_group}:
        raise _missing(erasure_id)
    await enter(request, found.dataset_group)
    return json_response(found)


def _newest(services: Services, limit: int) -> ErasureList:
    return ErasureList([_answer(services, one) for one in services.erasing.table.newest(limit)])


def _one(services: Services, erasure_id: str) -> ErasureAnswer:
    found = services.erasing.table.get(erasure_id)
    if found is None:
        raise _missing(erasure_id)
    return _answer(services, found)


def _missing(erasure_id: str) -> NotFound:
    return NotFound(f"there is no erasure {erasure_id}: see GET /v1/erasures")


def _answer(services: Services, one: Erasure) -> ErasureAnswer:
    users, sessions = services.erasing.table.count(one.erasure_id)
    next_attempt_at = one.next_attempt_at or one.noted_at  # 0: at once
    return ErasureAnswer(
        erasure_id=one.erasure_id,
        status=one.status,
        dataset_group=one.dataset_group,
        noted_at=iso(one.noted_at),
        done_at=_moment(one.done_at),
        through=one.through,
        users=users,
        sessions=sessions,
        deleted=one.deleted,
        steps={step: _moment(getattr(one, f"{step}_at")) for step in STEPS},
        attempts=one.attempts,
        next_attempt_at=None if one.next_attempt_at is None else iso(next_attempt_at),
        troubles=msgspec.convert(one.troubles, list[ErasureTrouble], from_attributes=True),
        files=one.files,
    )


def _moment(at: int | None) -> str | None:
    return None if at is None else iso(at)
