"""Bodies of requests, bounded while they come in."""

from collections.abc import AsyncIterator

from pawsonalize.domain.errors import InputTooLarge


async def read_bounded(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """The whole body; InputTooLarge as soon as it exceeds `limit` bytes."""
    parts = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise InputTooLarge(f"a request body may have {limit} bytes: send less at a time")
        parts.append(chunk)
    return b"".join(parts)
