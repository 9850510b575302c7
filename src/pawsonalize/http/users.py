"""/v1/users/{userId}: a user's attributes, and the user's erasure."""

import re
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.limits import check_between, check_length, parse_id
from pawsonalize.domain.preferences import PREFERRED_AT
from pawsonalize.domain.times import iso
from pawsonalize.engine.ingest.decoder import Form
from pawsonalize.engine.ingest.payloads import IN_THE_QUERY
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.callers import enter, own_group
from pawsonalize.http.examples import USER
from pawsonalize.http.json import json_response, read_form, read_limit
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.queries import PreferencesForm
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import SITE
from pawsonalize.storage.animals.catalogue import User, Value
from pawsonalize.storage.erasures import STEPS, Erasure, ErasureStatus

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
    return json_response(await services.read(_newest_erasures, services, limit))


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
    found = await services.read(_one_erasure, services, erasure_id)
    if own_group(request) not in {None, found.dataset_group}:
        raise _no_erasure(erasure_id)
    await enter(request, found.dataset_group)
    return json_response(found)


def _newest_erasures(services: Services, limit: int) -> ErasureList:
    return ErasureList([_erasure(services, one) for one in services.erasing.table.newest(limit)])


def _one_erasure(services: Services, erasure_id: str) -> ErasureAnswer:
    found = services.erasing.table.get(erasure_id)
    if found is None:
        raise _no_erasure(erasure_id)
    return _erasure(services, found)


def _no_erasure(erasure_id: str) -> NotFound:
    return NotFound(f"there is no erasure {erasure_id}: see GET /v1/erasures")


def _erasure(services: Services, one: Erasure) -> ErasureAnswer:
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


_USER = RequestParameter("userId", "The user.", where="path", required=True)

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_MAX_ATTRIBUTES = 25
_MAX_VALUE_CHARS = 1_000

Attributes = Annotated[
    dict[str, str | float | None],
    Meta(
        description="By name: letters, digits and `_`. Several values of one attribute are"
        " separated by `|`. Those that the Users schema calls categorical change answers."
    ),
]


class UserRequest(Form, frozen=True):
    """A user's attributes and quiz answers, which replace what was stored before."""

    attributes: Attributes = msgspec.field(default_factory=dict)
    preferences: PreferencesForm | None = None
    """Answers of the quiz."""

    synonyms = IN_THE_QUERY


class UserAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A user as stored; quiz answers are attributes like any other."""

    user_id: str
    attributes: dict[str, Value]


_REQUEST = msgspec.json.Decoder(UserRequest)


@OPERATIONS.add(
    "PUT",
    "/v1/users/{user_id:visitor}",
    SITE,
    about=About.GROUP,
    request=UserRequest,
    answer=UserAnswer,
    examples={"an adopter": USER},
    parameters=(_USER, *ADDRESS_PARAMETERS),
)
async def put_user(request: Request) -> Response:
    """Store attributes and quiz answers of a user; they replace what was stored."""
    services: Services = request.app.state.services
    user_id = parse_id(request.path_params["user_id"], "userId")
    given = await read_form(request, _REQUEST)
    preferences = _stored(given.preferences, services.now())
    user = User(user_id, {**_attributes(given.attributes), **preferences})
    catalogue = services.catalogue.of(await read_group(request))
    await run_in_threadpool(catalogue.put_users, [user])
    return json_response(UserAnswer(user.user_id, dict(user.attributes)))


@OPERATIONS.add(
    "GET",
    "/v1/users/{user_id:visitor}",
    SITE,
    about=About.GROUP,
    answer=UserAnswer,
    parameters=(_USER, *ADDRESS_PARAMETERS),
)
async def get_user(request: Request) -> Response:
    """Attributes and quiz answers that are stored of a user."""
    services: Services = request.app.state.services
    user_id = parse_id(request.path_params["user_id"], "userId")
    catalogue = services.catalogue.of(await read_group(request))
    user = await services.read(catalogue.user, user_id)
    if user is None:
        raise NotFound(f"nothing is stored of user {user_id}: PUT it first", field="userId")
    return json_response(UserAnswer(user.user_id, dict(user.attributes)))


def _stored(given: PreferencesForm | None, now: int) -> dict[str, Value]:
    """The quiz's answers as attributes, with when they were given."""
    if given is None:
        return {}
    answers = given.read()
    stored: dict[str, Value] = {**answers.attributes()}
    if answers.wishes(now):
        stored[PREFERRED_AT] = float(now if answers.stated_at is None else answers.stated_at)
    return stored


def _attributes(given: Attributes) -> dict[str, Value]:
    check_length("attributes", len(given), _MAX_ATTRIBUTES, "entries")
    attributes = {name.upper(): value for name, value in given.items()}
    for name, value in attributes.items():
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "a name of an attribute has 1 to 64 letters, digits and _", field="attributes"
            )
        if isinstance(value, str):
            check_length(f"attributes.{name}", len(value), _MAX_VALUE_CHARS)
    return attributes


# A history is another path, and one cannot be deleted.
_HISTORY = "/history"


@OPERATIONS.add(
    "DELETE",
    "/v1/users/{user_id:visitor}",
    SITE,
    about=About.GROUP,
    answer=NotedErasure,
    status=202,
    parameters=(_USER, *ADDRESS_PARAMETERS),
)
async def delete_user(request: Request) -> Response:
    """Erase a user with all sessions, wherever anything is stored; see the erasure for how far."""
    services: Services = request.app.state.services
    if request.path_params["user_id"].endswith(_HISTORY):
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET"})
    user_id = parse_id(request.path_params["user_id"], "userId")
    group = await read_group(request)
    noted = await run_in_threadpool(services.erasing.erase_user, user_id, group)
    return json_response(NotedErasure(noted.erasure_id, noted.status, group), 202)


class VisitorConvertor(Convertor[str]):
    """Any id, also one with `/` in it, but not what is the path of a history."""

    regex = "(?!.*/history$).+"

    def convert(self, value: str) -> str:
        """The id, as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The id, as it is."""
        return value
