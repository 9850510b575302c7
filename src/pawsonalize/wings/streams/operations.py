"""GET /v1/streams: who reads which shard of which stream, and how far behind."""

from itertools import groupby

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.times import iso
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operations
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import MONITOR
from pawsonalize.wings.streams.served import ServedStreams
from pawsonalize.wings.streams.stream_shards import Shard

OPERATIONS = Operations()


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


@OPERATIONS.add("GET", "/v1/streams", MONITOR, answer=StreamList)
async def get_streams(request: Request) -> Response:
    """The streams that events are read from: who reads which shard, and how far behind."""
    services: Services = request.app.state.services
    served: ServedStreams = request.app.state.wings["streams"]
    streams = groupby(await services.read(served.shards), lambda one: one.stream)
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
