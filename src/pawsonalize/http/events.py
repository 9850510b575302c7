"""POST /v1/events: one event, a list or `{"events": […]}`, each bare or in the stream envelope."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.decoding import decode
from pawsonalize.engine.event_form import EventForm
from pawsonalize.engine.ingest import MAX_EVENTS
from pawsonalize.http.addressing import read_group
from pawsonalize.http.json import json_response, read_body
from pawsonalize.http.metrics import EVENTS
from pawsonalize.http.services import Services


class EnvelopedEvent(msgspec.Struct, frozen=True):
    """An event in the stream's envelope."""

    data: EventForm = msgspec.field(name="Data")
    partition_key: str | int | None = msgspec.field(name="Partitionkey", default=None)


_BOUNDS = Meta(min_length=1, max_length=MAX_EVENTS)
Events = Annotated[list[EventForm], _BOUNDS]
EnvelopedEvents = Annotated[list[EnvelopedEvent], _BOUNDS]


class EventList(msgspec.Struct, frozen=True):
    """Several events."""

    events: Events


# What the API document shows. Decoding goes event by event, so that a bad one costs no other.
EVENT_BODIES = (EventForm, EnvelopedEvent, Events, EnvelopedEvents, EventList)


class _Wrapped(msgspec.Struct, frozen=True):
    events: list[Raw] | UnsetType = UNSET


_LIST = msgspec.json.Decoder(list[Raw])
_WRAPPED = msgspec.json.Decoder(_Wrapped)


class RejectedEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why the event at `index` was not taken."""

    index: int
    code: str
    message: str
    field: str | None = None


class EventsReceipt(msgspec.Struct, frozen=True):
    """What became of the events: accepted ones are on disk, duplicates already were."""

    accepted: int
    duplicates: int
    rejected: list[RejectedEvent]


async def post_events(request: Request) -> Response:
    """Take events; answers 202 once the good ones are durable."""
    services: Services = request.app.state.services
    received_at = services.now()
    group = await read_group(request)
    body = await read_body(request, services.max_body_bytes)
    receipt = await services.ingest.accept(_split(body), received_at, group)
    EVENTS.labels("accepted").inc(receipt.accepted)
    EVENTS.labels("duplicate").inc(receipt.duplicates)
    EVENTS.labels("rejected").inc(len(receipt.rejected))
    rejected = [
        RejectedEvent(one.index, one.code, one.message, one.field) for one in receipt.rejected
    ]
    return json_response(EventsReceipt(receipt.accepted, receipt.duplicates, rejected), 202)


def _split(body: bytes) -> Sequence[bytes | Raw]:
    if body.lstrip()[:1] == b"[":
        return decode(_LIST, body)
    wrapped = decode(_WRAPPED, body).events
    return [body] if wrapped is UNSET else wrapped
