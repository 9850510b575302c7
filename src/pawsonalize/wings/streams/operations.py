"""GET /v1/streams: who reads which shard of which stream, and how far behind."""

from itertools import groupby

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.times import iso
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operation
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import MONITOR
from pawsonalize.wings.streams.stream_shards import Shard


class ShardAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A shard, and how far its reader is; `lag…` is null where the stream does not tell."""

    shard: str
    consumer: str | None
    position: str | None
    is_ended: bool
    lag_seconds: float | None
    lag_messages: int | None
    looked_at: str | None


class StreamAnswer(msgspec.Struct, frozen=True):
    """A stream that is read, or was."""

    stream: str
    shards: list[ShardAnswer]


class StreamList(msgspec.Struct, frozen=True):
    """The streams."""

    streams: list[StreamAnswer]


async def get_streams(request: Request) -> Response:
    """List the streams with their shards."""
    services: Services = request.app.state.services
    shards = await services.read(services.shards)
    streams = groupby(shards, lambda one: one.stream)
    return json_response(
        StreamList([StreamAnswer(name, list(map(_answer, of_it))) for name, of_it in streams])
    )


def _answer(one: Shard) -> ShardAnswer:
    return ShardAnswer(
        one.shard,
        one.holder,
        one.position,
        one.is_ended,
        one.lag_seconds,
        one.lag_messages,
        None if one.looked_at is None else iso(one.looked_at),
    )


STREAM_OPERATIONS = (
    Operation(
        "GET",
        "/v1/streams",
        get_streams,
        "The streams that events are read from: who reads which shard, and how far behind.",
        MONITOR,
        answer=StreamList,
    ),
)
