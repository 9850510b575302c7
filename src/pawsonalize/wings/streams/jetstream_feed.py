"""Messages of one subject from a consumer of its own on the server: in order, without a gap."""

import json
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pawsonalize.domain.times import SECOND
from pawsonalize.wings.streams.stream import Record

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

_BEAT_SECONDS = 1.0
_REQUEST_SECONDS = 20.0
# The position in our tables counts. The server's is for people who look there, so it never has a
# reason to deliver twice; and it forgets consumers that nobody asks.
_ACK_SECONDS = 3600.0
_FORGET_SECONDS = 60.0
_MOST_BYTES = 4_000_000
_NANOSECONDS = 1_000_000_000


# Messages that are lost on the way show as a gap in the server's count, a consumer that is gone by
# its silence. Then the feed is broken, and another one begins behind the last message that was
# read.
class DeliveredMessage(msgspec.Struct, frozen=True):
    """A message as it was delivered."""

    record: Record
    sequence: int
    reply: str
    """Subject by which the server hears that it was stored."""


class Feed:
    """The messages of one subject, from a consumer of its own on the server."""

    def __init__(
        self, client: "Client", stream: str, shard: str, holder: str, arrived: Callable[[], None]
    ) -> None:
        self.client = client
        self._stream = stream
        self._shard = shard
        self._holder = holder
        self._arrived = arrived
        place = re.sub("[^A-Za-z0-9]", "_", shard)[-40:]
        self.name = f"pawsonalize-{place}-{secrets.token_hex(6)}"
        self.fetched: deque[DeliveredMessage] = deque()  # delivered and not read yet
        self.pending: int | None = None  # messages that were still to come at the last delivery
        self._wanted = 0
        self._heard = 0.0
        self._delivered = 0
        self._last = 0
        self._broken = False
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None

    async def open(self, first: int | None, since: int | None, api_seconds: float) -> None:
        """Begin at a sequence or a moment, else with the oldest message."""
        start: dict[str, Any] = {"deliver_policy": "all"}
        if first is not None:
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": max(first, 1)}
        elif since is not None:
            moment = datetime.fromtimestamp(since / SECOND, UTC)
            start = {"deliver_policy": "by_start_time", "opt_start_time": moment}
        # The client needs no limits: no more comes than was asked for.
        self._subscription = await self.client.subscribe(
            self._inbox, cb=self._take, pending_msgs_limit=0, pending_bytes_limit=0
        )
        info = await self.client.jetstream(timeout=api_seconds).add_consumer(
            self._stream,
            name=self.name,
            durable_name=self.name,
            description=f"read by {self._holder}",
            filter_subject=self._shard,
            # What is not acknowledged here must not end the delivery, as our tables count.
            ack_policy="all",
            ack_wait=_ACK_SECONDS,
            max_ack_pending=-1,
            inactive_threshold=_FORGET_SECONDS,
            mem_storage=True,  # on as many nodes as the stream; files made it 20 times as slow
            **start,
        )
        self.pending = info.num_pending
        self._heard = time.monotonic()

    @property
    def is_broken(self) -> bool:
        """True if another feed must take its place."""
        # A beat or two may be late.
        silent = self._wanted > 0 and time.monotonic() - self._heard > 3 * _BEAT_SECONDS
        return self._broken or silent or not self.client.is_connected

    async def ask(self, most: int) -> None:
        """Let the server deliver until so many messages wait here."""
        if self._wanted > 0 or len(self.fetched) >= most:
            return
        self._wanted = most - len(self.fetched)
        self._heard = time.monotonic()
        body = {
            "batch": self._wanted,
            "max_bytes": max(_MOST_BYTES, 2 * self.client.max_payload),
            "expires": int(_REQUEST_SECONDS * _NANOSECONDS),
            "idle_heartbeat": int(_BEAT_SECONDS * _NANOSECONDS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self.name}"
        await self.client.publish(subject, json.dumps(body).encode(), reply=self._inbox)

    async def close(self, api_seconds: float) -> None:
        """Let the server forget the consumer."""
        if self._subscription is not None and self.client.is_connected:
            await self._subscription.unsubscribe()
            context = self.client.jetstream(timeout=api_seconds)
            await context.delete_consumer(self._stream, self.name)

    async def _take(self, message: "Msg") -> None:
        self._heard = time.monotonic()
        if not message.reply.startswith("$JS.ACK."):
            self._hear(message.headers or {})
            return
        metadata = message.metadata
        sequence = metadata.sequence.stream
        if metadata.sequence.consumer != self._delivered + 1 or sequence <= self._last:
            self._broken = True
        if self._broken:
            self._arrived()
            return
        self._delivered += 1
        self._last = sequence
        self._wanted -= 1
        self.pending = metadata.num_pending
        moment = round(metadata.timestamp.timestamp() * SECOND)
        record = Record(self._shard, str(sequence), message.data, moment)
        self.fetched.append(DeliveredMessage(record, sequence, message.reply))
        self._arrived()

    def _hear(self, headers: Mapping[str, str]) -> None:
        status, description = headers.get("Status"), headers.get("Description", "")
        if status == "100" or description == "Batch Completed":  # all of it came, and was counted
            return
        if status in ("404", "408") or description == "Message Size Exceeds MaxBytes":
            self._wanted = 0
        else:
            self._broken = True
        self._arrived()
