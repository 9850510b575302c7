"""Request bodies in, bounded; JSON out."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InputTooLarge

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


def json_response(
    content: Any, status: int = 200, *, headers: dict[str, str] | None = None
) -> Response:
    """A JSON answer."""
    return Response(_ENCODER.encode(content), status, headers, media_type="application/json")
