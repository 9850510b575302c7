"""POST /v1/events: `{"events": […]}`, one event or a list, each bare or in an envelope."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import Forbidden, InputTooLarge, InvalidInput, TooManyRequests
from pawsonalize.domain.events import Event
from pawsonalize.engine.ingest.decoder import Form
from pawsonalize.engine.ingest.event_form import EventForm
from pawsonalize.engine.ingest.events import MAX_EVENTS, IngestReceipt
from pawsonalize.engine.ingest.payloads import Part, unpack
from pawsonalize.engine.ingest.refusals import HTTP, RefusedInput
from pawsonalize.http.addressing import ADDRESS_PARAMETERS, read_group
from pawsonalize.http.callers import UNSIGNED, caller_of, check_visitor, leave
from pawsonalize.http.errors import ErrorDetail, Rejected, error_of_all
from pawsonalize.http.examples import ONE_EVENT, SEVERAL_EVENTS, SHOP_EVENT
from pawsonalize.http.json import json_response, read_body, unknown_of
from pawsonalize.http.metrics import EVENTS
from pawsonalize.http.operation import About, Operations
from pawsonalize.http.services import Services
from pawsonalize.kinds import access_keys

_REQUEST_ID = "x-amz-firehose-request-id"
_MOST_EVENTS = 100_000  # what a body can hold is less

Take = Callable[[Request, int], Awaitable[IngestReceipt]]


class _Delivered(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    request_id: str
    timestamp: int
    error_message: str | None = None


def delivery_of(request: Request) -> str | None:
    """The id of a delivery; None for any other request."""
    return request.headers.get(_REQUEST_ID)


async def delivered(request: Request, delivery: str, take: Take) -> Response:
    """Take a delivery's events, however many they are; InputTooLarge for a body that is."""
    services: Services = request.app.state.services
    request.state.lost = 0
    try:
        refused = (await take(request, _MOST_EVENTS)).rejected
        reason = refused[0].message if refused else ""
    except InputTooLarge:
        raise
    except InvalidInput as error:
        reason = error.message
    is_lost = bool(reason) and request.state.lost > 0
    answer = _Delivered(delivery, services.now(), reason if is_lost else None)
    return json_response(answer, 400 if is_lost else 200)


_NOT_INPUT = frozenset({UNSIGNED, Forbidden.code, TooManyRequests.code})
_EMPTY = frozenset({b"", b"[]"})


async def refused_events(
    request: Request,
    parts: Sequence[Part],
    dataset_group: str,
    at: int,
    receipt: IngestReceipt,
) -> None:
    """Count what was taken and what was not, and keep what was refused as input."""
    services: Services = request.app.state.services
    reasons = [
        one.field or one.code for one in receipt.rejected if one.code != TooManyRequests.code
    ]
    services.intake.count(at, receipt.accepted + receipt.duplicates, reasons)
    await _keep(
        request,
        [
            RefusedInput(
                HTTP,
                dataset_group,
                at,
                bytes(parts[one.index].raw),
                one.code,
                one.message,
                one.field,
            )
            for one in receipt.rejected
            if one.code not in _NOT_INPUT
        ],
    )


async def refused_call(
    request: Request, body: bytes, dataset_group: str, at: int, error: InvalidInput
) -> None:
    """The same for a body of which no event could be told."""
    services: Services = request.app.state.services
    services.intake.count(at, 0, [error.field or error.code])
    if body.strip() not in _EMPTY:
        refusal = RefusedInput(
            HTTP, dataset_group, at, body, error.code, error.message, error.field
        )
        await _keep(request, [refusal])


async def _keep(request: Request, refused: Sequence[RefusedInput]) -> None:
    """Keep them; the request then knows of how many nothing is left."""
    services: Services = request.app.state.services
    request.state.lost = len(refused)
    if refused and services.refusals is not None:
        caller = caller_of(request)
        request.state.lost = await services.refusals.keep(
            refused, is_page=caller.is_page, user_id=caller.user_id
        )


OPERATIONS = Operations()
_OTHER_WRAPPINGS = (
    "A bad event costs no good one: the answer lists it under `rejected`. A body that is one event,"
    ' or a list of events, is taken too, and each event may be in an envelope, `{"Partitionkey":'
    ' …, "Data": {…}}`, in base64, a CloudEvent, or a record as AWS Lambda and Amazon Data Firehose'
    " hand it on."
)


# What the API document shows. Decoding goes event by event, so that a bad one costs no other.
class EventList(Form, frozen=True):
    """One or several events."""

    events: Annotated[list[EventForm], Meta(min_length=1, max_length=MAX_EVENTS)]
    """In any order: `sentAt` tells when each was."""


class EventsReceipt(msgspec.Struct, frozen=True):
    """What became of the events."""

    accepted: int
    """Events that are on disk now."""
    duplicates: int
    """Events that were there already, by their `eventId`."""
    rejected: list[Rejected]
    """Events that were not taken, each with its place in the call and why."""
    warnings: list[ErrorDetail] | UnsetType = UNSET
    """If there are any: event types among the accepted events that have no meaning, and so count as
    views, with the known type that they may stand for; at most 20."""


class RefusedEvents(msgspec.Struct, frozen=True):
    """A call of which no event was taken: an error, and the receipt beside it."""

    error: ErrorDetail
    rejected: list[Rejected]
    accepted: int = 0
    duplicates: int = 0


@OPERATIONS.add(
    "POST",
    "/v1/events",
    access_keys.EVENTS | access_keys.BROWSER,
    about=About.ANSWER,
    request=EventList,
    answer=EventsReceipt,
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
async def post_events(request: Request) -> Response:
    """Take events; answers 202 once the good ones are durable, 400 if there are none."""
    if (delivery := delivery_of(request)) is not None:
        return await delivered(request, delivery, partial(_taken, whole=True))
    receipt = await _taken(request)
    rejected = [Rejected(one.index, one.code, one.message, one.field) for one in receipt.rejected]
    limit = receipt.limit
    headers = {} if limit is None else {"Retry-After": str(limit.retry_after)}
    if receipt.is_refusal:
        status, error = 400, error_of_all("event", rejected)
        if limit is not None:
            status, error = 429, ErrorDetail(limit.code, limit.message)
        return json_response(RefusedEvents(error, rejected), status, headers=headers)
    warnings = [ErrorDetail("unknown_event_type", one, "eventType") for one in receipt.warnings]
    answer = EventsReceipt(receipt.accepted, receipt.duplicates, rejected, warnings or UNSET)
    return json_response(answer, 202, headers=headers)


async def _taken(request: Request, most: int = MAX_EVENTS, *, whole: bool = False) -> IngestReceipt:
    """Take the body's events, if they are not more than `most`; `whole` is of limits."""
    services: Services = request.app.state.services
    received_at = services.now()
    group = await read_group(request)
    unknown = unknown_of(request)
    body = await read_body(request)
    check = partial(_check_user, request) if caller_of(request).is_page else None
    try:
        parts = unpack(body, unknown=unknown)
        receipt = await services.ingest.accept(
            parts,
            received_at,
            group,
            unknown,
            check,
            most,
            whole=whole,
            before_commit=partial(leave, request),
        )
    except InvalidInput as error:
        await refused_call(request, body, group, received_at, error)
        raise
    await refused_events(request, parts, group, received_at, receipt)
    EVENTS.labels("accepted").inc(receipt.accepted)
    EVENTS.labels("duplicate").inc(receipt.duplicates)
    EVENTS.labels("rejected").inc(len(receipt.rejected))
    return receipt


def _check_user(request: Request, event: Event) -> None:
    check_visitor(request, event.user_id)
