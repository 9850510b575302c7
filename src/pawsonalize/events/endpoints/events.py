"""POST /v1/events: `{"events": […]}`, one event or a list, each bare or in an envelope."""

from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core import scopes
from pawsonalize.core.errors import Forbidden, InputTooLarge, InvalidInput, TooManyRequests
from pawsonalize.core.forms.decoder import Form, Rejected
from pawsonalize.core.http.errors import EntryWarning, ErrorDetail, error_of_all, warnings_of
from pawsonalize.core.http.examples import ONE_EVENT, SEVERAL_EVENTS, SHOP_EVENT
from pawsonalize.core.http.json import json_response, read_body, unknown_of
from pawsonalize.core.http.operation import About, Operations
from pawsonalize.core.metrics import EVENTS
from pawsonalize.events.event_form import EventForm, unpack
from pawsonalize.events.ingest import HTTP, MAX_EVENTS, IngestReceipt, RefusedInput
from pawsonalize.operations.addressing import (
    ADDRESS_PARAMETERS,
    UNSIGNED,
    caller_of,
    check_visitor,
    leave,
    read_group,
)
from pawsonalize.operations.services import services_of

_DELIVERY = "x-amz-firehose-request-id"
_MOST_DELIVERED = 100_000  # more than a body can hold
# Events that are refused so are good: this caller may not send them, or not yet.
_NOT_INPUT = frozenset({UNSIGNED, Forbidden.code, TooManyRequests.code})
_EMPTY = frozenset({b"", b"[]"})
OPERATIONS = Operations()
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
        status, error = 400, error_of_all("event", rejected)
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
