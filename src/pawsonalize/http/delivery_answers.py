"""Amazon Data Firehose delivers to /v1/events, and wants an answer of its own form.

It sends a batch again until it is told 200 with the id of its request. So what is refused is kept
as dead letters, and the batch is taken; where something cannot be kept, the batch is refused, and
Firehose keeps it in its bucket.
Source: https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InputTooLarge, InvalidInput
from pawsonalize.engine.ingest.events import IngestReceipt
from pawsonalize.http.json import json_response
from pawsonalize.http.services import Services

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
