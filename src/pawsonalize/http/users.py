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
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.limits import check_length
from pawsonalize.domain.preferences import PREFERRED_AT
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.ingest.decoding.wrappings import IN_THE_QUERY
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.erasures import NotedErasure
from pawsonalize.http.examples import USER
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.http.recommending.queries import PreferencesForm
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import SITE
from pawsonalize.storage.animals.catalogue import User, Value

OPERATIONS = Operations()
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
