"""POST /v1/events, histories of users and sessions, their erasure, and users' attributes."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.animals.tables.catalogue import User, Value
from pawsonalize.core import scopes
from pawsonalize.core.errors import (
    Forbidden,
    InputTooLarge,
    InvalidInput,
    NotFound,
    TooManyRequests,
)
from pawsonalize.core.event import Visitor
from pawsonalize.core.forms.decoder import Form, Rejected
from pawsonalize.core.http.errors import EntryWarning, ErrorDetail, all_rejected_error, warnings_of
from pawsonalize.core.http.examples import ONE_EVENT, SEVERAL_EVENTS, SHOP_EVENT, USER
from pawsonalize.core.http.json import (
    json_response,
    read_body,
    read_count,
    read_form,
    read_limit,
    read_text,
    report_of,
    unknown_of,
)
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import check_length, parse_id
from pawsonalize.core.metrics import EVENTS
from pawsonalize.core.preferences import PREFERRED_AT, WantedValues
from pawsonalize.core.scopes import SITE
from pawsonalize.core.times import iso, parse_moment
from pawsonalize.events.erasure.tables import STEPS, Erasure, ErasureStatus
from pawsonalize.events.event_form import IN_THE_QUERY, EventForm, unpack
from pawsonalize.events.history import History, history_page, past_event, read_cursor
from pawsonalize.events.ingest import HTTP, MAX_EVENTS, IngestReceipt, RefusedInput
from pawsonalize.events.tables.event_reads import HistoryQuery
from pawsonalize.operations.addressing import (
    ADDRESS_PARAMETERS,
    UNSIGNED,
    caller_of,
    check_visitor,
    enter,
    leave,
    own_group,
    read_group,
)
from pawsonalize.operations.services import Services, services_of
from pawsonalize.recommend.endpoints.queries import PreferencesForm
from pawsonalize.recommend.query import stored_wishes

OPERATIONS = Operations(SITE, about=About.GROUP)
_DELIVERY = "x-amz-firehose-request-id"
_MOST_DELIVERED = 100_000  # more than a body can hold
# Events that are refused so are good: this caller may not send them, or not yet.
_NOT_INPUT = frozenset({UNSIGNED, Forbidden.code, TooManyRequests.code})
_EMPTY = frozenset({b"", b"[]"})
_OTHER_WRAPPINGS = (
    "A bad event costs no good one: the answer lists it under `rejected`. A body that is one event,"
    ' or a list of events, is taken too, and each event may be in an envelope, `{"Partitionkey":'
    ' …, "Data": {…}}`, in base64, a CloudEvent, or a record as AWS Lambda and Amazon Data Firehose'
    " hand it on."
)


# Amazon Data Firehose delivers here too. It sends a batch again until it gets 200 with the id of
# its request. So events that are refused are kept as dead letters, and the batch is accepted; where
# one cannot be kept, the batch is refused, and Firehose keeps it in its bucket. Source:
# https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
# What the API document shows. Decoding goes event by event, so that a bad one costs no other.
class EventList(Form, frozen=True):
    """One or several events."""

    events: Annotated[list[EventForm], Meta(min_length=1, max_length=MAX_EVENTS)]
    """In any order: `sentAt` tells when each was."""


class EventsReceipt(msgspec.Struct, frozen=True):
    """Result for the events."""

    accepted: int
    """Events that are on disk now."""
    duplicates: int
    """Events that were there already, by their `eventId`."""
    rejected: list[Rejected]
    """Events that were not taken, each with its place in the call and why."""
    warnings: list[EntryWarning] | UnsetType = UNSET
    """If there are any: event types among the accepted events that have no meaning, and so count as
    views, with the known type that they may stand for; and ids of attributes without a meaning. At
    most 20 of each."""


@OPERATIONS.add(
    "POST",
    "/v1/events",
    scopes.EVENTS | scopes.BROWSER,
    about=About.ANSWER,
    request=EventList,
    notes=_OTHER_WRAPPINGS,
    status=202,
    examples={
        "one event": ONE_EVENT,
        "several": SEVERAL_EVENTS,
        "on an item of another group": {"events": [SHOP_EVENT]},
    },
    parameters=ADDRESS_PARAMETERS,
    summary="What visitors did; answered once it is on disk.",
)
async def post_events(request: Request) -> EventsReceipt | Response:
    """Take events; answers 202 once the good ones are durable, 400 if there are none."""
    if (delivery := request.headers.get(_DELIVERY)) is not None:
        return await _answer_delivery(request, delivery)
    receipt = await _take(request)
    rejected, limit = list(receipt.rejected), receipt.limit
    headers = {} if limit is None else {"Retry-After": str(limit.retry_after)}
    if receipt.is_refusal:
        status, error = 400, all_rejected_error("event", rejected)
        if limit is not None:
            status, error = 429, ErrorDetail(limit.code, limit.message)
        refusal = {"error": error, "rejected": rejected, "accepted": 0, "duplicates": 0}
        return json_response(refusal, status, headers=headers)
    warnings = [EntryWarning("unknown_event_type", one, "eventType") for one in receipt.warnings]
    warnings += warnings_of(receipt.odd) or []
    answer = EventsReceipt(receipt.accepted, receipt.duplicates, rejected, warnings or UNSET)
    return json_response(answer, 202, headers=headers)


class _Delivered(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    request_id: str
    timestamp: int
    error_message: str | None = None


async def _answer_delivery(request: Request, delivery: str) -> Response:
    """Take all events of a delivery; InputTooLarge for a body that is too large."""
    request.state.lost = 0
    try:
        refused = (await _take(request, _MOST_DELIVERED, whole=True)).rejected
        reason = refused[0].message if refused else ""
    # What was not read whole cannot be kept here: Firehose keeps it.
    except InputTooLarge:
        raise
    except InvalidInput as error:
        reason = error.message
    is_lost = bool(reason) and request.state.lost > 0
    answer = _Delivered(delivery, services_of(request).now(), reason if is_lost else None)
    return json_response(answer, 400 if is_lost else 200)


async def _take(request: Request, most: int = MAX_EVENTS, *, whole: bool = False) -> IngestReceipt:
    """Take the body's events, if they are not more than `most`; `whole` is of limits."""
    services = services_of(request)
    at = services.now()
    group = await read_group(request)
    unknown = unknown_of(request)
    body = await read_body(request)
    refusal = partial(RefusedInput, HTTP, group, at)
    try:
        parts = unpack(body, unknown=unknown, most=most)
        receipt = await services.ingest.accept(
            parts,
            at,
            group,
            unknown,
            lambda event: check_visitor(request, event.user_id),
            whole=whole,
            # To wait for the disk needs no slot.
            before_commit=partial(leave, request),
        )
    except InvalidInput as error:
        services.intake.count(at, 0, [error.field or error.code])
        if body.strip() not in _EMPTY:
            await _keep(request, [refusal(body, error.code, error.message, error.field)])
        raise
    reasons = [
        one.field or one.code for one in receipt.rejected if one.code != TooManyRequests.code
    ]
    services.intake.count(at, receipt.accepted + receipt.duplicates, reasons)
    refused = [
        refusal(bytes(parts[one.index].raw), one.code, one.message, one.field)
        for one in receipt.rejected
        if one.code not in _NOT_INPUT
    ]
    await _keep(request, refused)
    EVENTS.labels("accepted").inc(receipt.accepted)
    EVENTS.labels("duplicate").inc(receipt.duplicates)
    EVENTS.labels("rejected").inc(len(receipt.rejected))
    return receipt


async def _keep(request: Request, refused: list[RefusedInput]) -> None:
    """Keep refused input, if a plugin does; notes how much of it could not be kept."""
    services = services_of(request)
    request.state.lost = len(refused)
    if refused and services.refusals is not None:
        caller = caller_of(request)
        request.state.lost = await services.refusals.keep(
            refused, is_page=caller.is_page, user_id=caller.user_id
        )


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
