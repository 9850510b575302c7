"""Batches as Lambda's event source hands them on, and what a tracker may answer."""

import base64
import itertools
import json
from typing import Any

import httpx
from botocore.awsrequest import AWSResponse

from pawsonalize.core import clock
from pawsonalize_functions.clients import client
from tests.aws.wire.server import Wire

STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks-{}"
_NUMBERS = itertools.count()  # so that no two tests have a record in common


def record(event: Any, number: int = 1, *, shard: int = 0, **kinesis: Any) -> dict[str, Any]:
    """A record of a stream; `event` is bytes, or what JSON is made of."""
    data = event if isinstance(event, bytes) else json.dumps(event).encode()
    name = f"shardId-{shard:012}"
    return {
        "eventSource": "aws:kinesis",
        "eventSourceARN": STREAM.format(next(_NUMBERS)),
        "eventID": f"{name}:{number}",
        "kinesis": {
            "sequenceNumber": str(number),
            "partitionKey": "any",
            "approximateArrivalTimestamp": clock.now() / 1000,
            "data": base64.b64encode(data).decode(),
        }
        | kinesis,
    }


def batch(*events: Any) -> dict[str, Any]:
    """A batch of one shard; the records are numbered from 1."""
    return {"Records": [record(event, number) for number, event in enumerate(events, 1)]}


def failures(answer: dict[str, Any]) -> list[str]:
    """The sequence numbers of the records that come again."""
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def history(wire: Wire, user: str) -> list[dict[str, Any]]:
    """The user's events, oldest first."""
    url = f"{wire.url.removesuffix('/aws')}/v1/users/{user}/history"
    found: list[dict[str, Any]] = httpx.get(url, params={"limit": 100}).json()["events"]
    return found[::-1]


class Calls:
    """The calls of PutEvents; the tracker is throttled after so many of them."""

    def __init__(self, allowed: int | None = None) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._allowed = allowed
        events = client("personalize-events").meta.events
        events.register("before-send.personalize-events.PutEvents", self._sending)

    def _sending(self, request: Any, **_: Any) -> AWSResponse | None:
        self.bodies.append(json.loads(request.body))
        if self._allowed is None or len(self.bodies) <= self._allowed:
            return None
        headers = {"x-amzn-ErrorType": "ThrottlingException"}
        return AWSResponse(request.url, 429, headers, _Body(b'{"message": "slow down"}'))


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        return iter([self._content])
