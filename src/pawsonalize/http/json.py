"""Request bodies and parameters in, bounded; JSON out."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InputTooLarge, InvalidInput

_ENCODER = msgspec.json.Encoder()


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body; InputTooLarge as soon as it exceeds `limit` bytes."""
    chunks = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise InputTooLarge(f"a request body may have {limit} bytes: send less at a time")
        chunks.append(chunk)
    return b"".join(chunks)


def read_limit(given: str | None, default: int, field: str = "limit") -> int:
    """A query parameter that is a whole number."""
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise InvalidInput(f"{field} must be a whole number", field=field)
    return int(given)


def json_response(
    content: Any, status: int = 200, *, headers: dict[str, str] | None = None
) -> Response:
    """A JSON answer."""
    return Response(_ENCODER.encode(content), status, headers, media_type="application/json")
