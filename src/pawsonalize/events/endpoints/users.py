"""Histories of users and sessions, their erasure, and users' attributes."""

import re
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor
from starlette.requests import Request

from pawsonalize.animals.tables.catalogue import User, Value
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.event import Visitor
from pawsonalize.core.forms.decoder import Form
from pawsonalize.core.http.examples import USER
from pawsonalize.core.http.json import read_count, read_form, read_limit, read_text, report_of
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import check_length, parse_id
from pawsonalize.core.preferences import PREFERRED_AT, WantedValues
from pawsonalize.core.scopes import SITE
from pawsonalize.core.times import iso, parse_moment
from pawsonalize.events.erasure.tables import STEPS, Erasure, ErasureStatus
from pawsonalize.events.event_form import IN_THE_QUERY
from pawsonalize.events.history import History, history_page, past_event, read_cursor
from pawsonalize.events.tables.event_reads import HistoryQuery
from pawsonalize.operations.addressing import ADDRESS_PARAMETERS, enter, own_group, read_group
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.context import stored_wishes
from pawsonalize.recommend.endpoints.queries import PreferencesForm

OPERATIONS = Operations(SITE, about=About.GROUP)

USER_ID = RequestParameter("userId", "The user.", where="path", required=True)
SESSION_ID = RequestParameter("sessionId", "The session.", where="path", required=True)
_OF_EVENTS = (
    RequestParameter("limit", "Most events that a page holds, 1 to 500; 50 if left out.", int),
    RequestParameter("cursor", "The `nextCursor` of the page before."),
    RequestParameter("eventType", "Only events of this type."),
    RequestParameter("since", "Only events at or after this moment."),
    RequestParameter("until", "Only events before this moment."),
    *ADDRESS_PARAMETERS,
)
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_MAX_ATTRIBUTES = 25
_MAX_VALUE_CHARS = 1_000


@OPERATIONS.add("GET", "/v1/users/{user_id:path}/history", parameters=(USER_ID, *_OF_EVENTS))
async def get_user_history(request: Request) -> History:
    """A user's events, newest first."""
    user_id = parse_id(request.path_params["user_id"], "userId")
    return await _history(request, Visitor(user_id=user_id))


@OPERATIONS.add(
    "GET", "/v1/sessions/{session_id:path}/history", parameters=(SESSION_ID, *_OF_EVENTS)
)
async def get_session_history(request: Request) -> History:
    """A session's events, newest first; of a session bound to a user, all of that user's."""
    session_id = parse_id(request.path_params["session_id"], "sessionId")
    return await _history(request, Visitor(session_id=session_id))


async def _history(request: Request, visitor: Visitor) -> History:
    services = services_of(request)
    given = request.query_params
    log = services.log.of(await read_group(request))
    query = HistoryQuery(
        limit=read_limit(given.get("limit"), 50),
        before=read_cursor(given["cursor"]) if "cursor" in given else None,
        event_type=read_text(given, "eventType"),
        since=parse_moment(given["since"], "since") if "since" in given else None,
        until=parse_moment(given["until"], "until") if "until" in given else None,
    )
    page = await services.read(history_page, log, visitor, query)
    events = [past_event(logged.event) for logged in page.events]
    return History(events, page.next_cursor)


class NotedErasure(msgspec.Struct, frozen=True, rename="camel"):
    """An erasure that was written down: from now on it is done, whatever happens."""

    erasure_id: str
    status: ErasureStatus
    dataset_group: str


class ErasureTrouble(msgspec.Struct, frozen=True):
    """Reason that a part of an erasure is not done yet; with `waits` it needs no help of yours."""

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
    status=202,
    parameters=(SESSION_ID, *ADDRESS_PARAMETERS),
)
async def delete_session(request: Request) -> NotedErasure:
    """Erase a visitor who has but a session; 409 for a user's session."""
    session_id = parse_id(request.path_params["session_id"], "sessionId")
    return await _erase(request, services_of(request).erasing.erase_session, session_id)


@OPERATIONS.add(
    "GET",
    "/v1/erasures",
    parameters=(RequestParameter("limit", "At most so many, 1 to 500; 20 if left out.", int),),
    about=About.SERVICE,
)
async def get_erasures(request: Request) -> ErasureList:
    """The newest erasures and how far they are."""
    services = services_of(request)
    limit = read_count(request.query_params, "limit", 20, 1, 500)

    def newest() -> list[ErasureAnswer]:
        return [_erasure(services, one) for one in services.erasing.table.newest(limit)]

    return ErasureList(await services.read(newest))


@OPERATIONS.add(
    "GET",
    "/v1/erasures/{erasure_id}",
    parameters=(RequestParameter("erasureId", "The erasure.", where="path", required=True),),
)
async def get_erasure(request: Request) -> ErasureAnswer:
    """One erasure: its steps, what keeps it from being done, files for you to delete."""
    services = services_of(request)
    erasure_id: str = request.path_params["erasure_id"]
    found = await services.read(services.erasing.table.get, erasure_id)
    # A key of another dataset group learns no more than that of a wrong id.
    if found is None or own_group(request) not in {None, found.dataset_group}:
        raise NotFound(f"there is no erasure {erasure_id}: see GET /v1/erasures")
    await enter(request, found.dataset_group)
    return await services.read(_erasure, services, found)


def _erasure(services: Services, one: Erasure) -> ErasureAnswer:
    users, sessions = services.erasing.table.count(one.erasure_id)
    done = {step: getattr(one, f"{step}_at") for step in STEPS}
    # An attempt that is due at 0 is due at once.
    next_at = None if one.next_attempt_at is None else iso(one.next_attempt_at or one.noted_at)
    return report_of(
        ErasureAnswer,
        one,
        users=users,
        sessions=sessions,
        steps={step: None if at is None else iso(at) for step, at in done.items()},
        next_attempt_at=next_at,
        troubles=[report_of(ErasureTrouble, trouble) for trouble in one.troubles],
    )


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


@OPERATIONS.add(
    "PUT",
    "/v1/users/{user_id:visitor}",
    request=UserRequest,
    examples={"an adopter": USER},
    parameters=(USER_ID, *ADDRESS_PARAMETERS),
)
async def put_user(request: Request) -> UserAnswer:
    """Store attributes and quiz answers of a user; they replace what was stored."""
    services = services_of(request)
    user_id = parse_id(request.path_params["user_id"], "userId")
    given = await read_form(request, UserRequest)
    attributes = _attributes(given.attributes)
    catalogue = services.catalogue.of(await read_group(request))
    if given.preferences is not None:
        quiz = given.preferences.read()
        attributes |= quiz.attributes()
        if wishes := quiz.wishes(services.now()):
            before = await services.read(catalogue.user, user_id)
            stored = [] if before is None else stored_wishes(before.attributes)
            same = len(stored) == len(wishes) and all(map(WantedValues.repeats, wishes, stored))
            attributes[PREFERRED_AT] = float((stored if same else wishes)[0].stated_at)
    user = User(user_id, attributes)
    await run_in_threadpool(catalogue.put_users, [user])
    return UserAnswer(user.user_id, dict(user.attributes))


@OPERATIONS.add("GET", "/v1/users/{user_id:visitor}", parameters=(USER_ID, *ADDRESS_PARAMETERS))
async def get_user(request: Request) -> UserAnswer:
    """Attributes and quiz answers that are stored of a user."""
    services = services_of(request)
    user_id = parse_id(request.path_params["user_id"], "userId")
    catalogue = services.catalogue.of(await read_group(request))
    user = await services.read(catalogue.user, user_id)
    if user is None:
        raise NotFound(f"nothing is stored of user {user_id}: PUT it first", field="userId")
    return UserAnswer(user.user_id, dict(user.attributes))


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


@OPERATIONS.add(
    "DELETE", "/v1/users/{user_id:visitor}", status=202, parameters=(USER_ID, *ADDRESS_PARAMETERS)
)
async def delete_user(request: Request) -> NotedErasure:
    """Erase a user with all sessions, wherever anything is stored; see the erasure for how far."""
    user_id = parse_id(request.path_params["user_id"], "userId")
    return await _erase(request, services_of(request).erasing.erase_user, user_id)


async def _erase(
    request: Request, erase: Callable[[str, str], Erasure], visitor_id: str
) -> NotedErasure:
    group = await read_group(request)
    noted = await run_in_threadpool(erase, visitor_id, group)
    return NotedErasure(noted.erasure_id, noted.status, group)


class VisitorConvertor(PathConvertor):
    """Converts any id, also one with `/` in it, but not the path of a history."""

    regex = "(?!.*/history$).+"
