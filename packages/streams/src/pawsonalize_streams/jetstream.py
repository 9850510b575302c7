"""NATS JetStream: each subject of a stream is a shard, read by one consumer at a time.

Messages of a subject come from a consumer of its own on the server: in order, without a gap.
"""

import asyncio
import json
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from pawsonalize.core.errors import InvalidInput, PawsonalizeError, StreamUnavailable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import SECOND
from pawsonalize_streams.nats_link import API_SECONDS, NatsLink
from pawsonalize_streams.stream import Record, StreamAddress
from pawsonalize_streams.stream_shards import ShardLag, ShardLeases

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


if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamInfo

_LOG = get_logger()
_INFO_SECONDS = 10.0
_AGAIN_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
"""For so long a server that comes up may miss what it had."""
# Calls end by themselves before this; the margin is for a machine that is busy.
_LONGEST_SECONDS = 30.0


# A durable that several share would hand a dead one's messages out after later ones. So shards are
# leased in the tables, the position there is the truth, and whoever takes a shard reads it with a
# consumer of its own on the server, which begins behind that position.
class _Place(msgspec.Struct):
    read: int | None  # the sequence that was read last; None: begin where the address says
    unstored: deque[DeliveredMessage] = msgspec.field(default_factory=deque)
    """Delivered and not acknowledged."""
    feed: Feed | None = None
    again: float = 0.0  # moment of the next try to open a feed
    ahead_since: float | None = None  # moment since which the stream ends before what was read
    lost_through: int = 0  # sequence up to which the log already says that messages are gone


class JetStream:
    """One consumer's view of a stream of NATS."""

    def __init__(self, address: StreamAddress, leases: ShardLeases, now: Callable[[], int]) -> None:
        self._address = address
        self._start = address.start
        self._leases = leases
        self._now = now
        self._places: dict[str, _Place] = {}
        self._dropped: list[Feed] = []
        self._closing: set[asyncio.Future[None]] = set()
        self._info: StreamInfo | None = None
        self._informed = 0.0
        self._turn = 0
        self._arrived = asyncio.Event()
        self._link = NatsLink(address)

    def read(self, limit: int, wait: float) -> Sequence[Record]:
        """The next records of the shards that are ours."""
        until = time.monotonic() + wait
        while True:
            self._look()
            left = max(0.0, until - time.monotonic())
            work = self._read(limit, min(left, self._leases.pause))
            records = self._link.run(work, _LONGEST_SECONDS)
            if records or time.monotonic() >= until:
                return records

    def acknowledge(self, records: Sequence[Record]) -> None:
        """Note how far each shard is stored."""
        stored = {record.shard: int(record.sequence) for record in records}
        replies = []
        for shard, sequence in stored.items():
            place = self._places.get(shard)
            last = None
            while place and place.unstored and place.unstored[0].sequence <= sequence:
                last = place.unstored.popleft()
            # One reply does, as it tells of all before it.
            if last is not None:
                self._leases.note(shard, str(last.sequence))
                replies.append(last.reply)
        self._link.run(self._tell(replies), _LONGEST_SECONDS)

    def lag(self) -> Sequence[ShardLag]:
        """Return the lag of each shard, from when it is known."""
        return [self._lag(shard, place) for shard, place in self._places.items()]

    def close(self) -> None:
        """Let shards, consumers and the connection go."""
        try:
            self._leases.release()
        finally:
            self._dropped += [place.feed for place in self._places.values() if place.feed]
            self._places.clear()
            with suppress(StreamUnavailable):
                self._link.run(self._end(), 1)
            self._link.close()

    def _look(self) -> None:
        # Leases are kept as long as the stream can be reached: otherwise others may have them.
        info = self._link.run(self._informed_now(), _LONGEST_SECONDS)
        if not self._leases.is_due:
            return
        for shard in self._leases.leaving:
            place = self._places.get(shard)
            if place is None or not place.unstored:
                self._leave(shard)
                self._leases.hand_over(shard)
        subjects = info.config.subjects or [">"]
        # Noted at once, so that it stays this moment's; subjects that are added later are read from
        # their beginning.
        start = str(info.state.last_seq) if self._start == "latest" else None
        self._leases.look(dict.fromkeys(subjects, ()), self.lag(), start)
        for shard in self._places.keys() - self._leases.held.keys():
            self._leave(shard)
        for shard, row in self._leases.held.items():
            if shard not in self._places:
                self._places[shard] = _Place(None if row.position is None else int(row.position))

    def _leave(self, shard: str) -> None:
        place = self._places.pop(shard, None)
        if place is not None and place.feed is not None:
            self._dropped.append(place.feed)

    async def _informed_now(self) -> "StreamInfo":
        await self._link.client()
        now = time.monotonic()
        if self._info is None or now - self._informed >= _INFO_SECONDS:
            return self._keep(await self._link.found())
        return self._info

    def _keep(self, info: "StreamInfo") -> "StreamInfo":
        # Other kinds delete what one reader acknowledged, or nobody waits for.
        if info.config.retention not in (None, "limits"):
            raise InvalidInput(
                f"{self._address.shown} deletes what was read (retention"
                f" {info.config.retention}): its retention must be limits"
            )
        self._info, self._informed = info, time.monotonic()
        for shard, place in self._places.items():
            if place.feed is not None and place.feed.pending and not place.feed.fetched:
                self._tell_lost(shard, place, info)
        return info

    async def _read(self, limit: int, wait: float) -> list[Record]:
        self._arrived.clear()
        self._forget()
        leaving = self._leases.leaving
        reading = {one: place for one, place in self._places.items() if one not in leaving}
        failed = await self._open(reading)
        feeds = [place.feed for place in reading.values() if place.feed is not None]
        await self._ask(feeds, limit)
        if not any(feed.fetched for feed in feeds):
            try:
                await asyncio.wait_for(self._arrived.wait(), wait)
            except TimeoutError:
                if failed and not feeds:
                    raise failed[0] from None
        return self._fetched(list(reading.values()), limit)

    async def _open(self, reading: dict[str, _Place]) -> list[PawsonalizeError]:
        # Shards that nothing reads yet, or whose feed is broken, get a new one.
        now = time.monotonic()
        for place in reading.values():
            if place.feed is not None and place.feed.is_broken:
                self._dropped.append(place.feed)
                place.feed = None
        closed = [s for s, place in reading.items() if place.feed is None and now >= place.again]
        if not closed:
            return []
        info = self._keep(await self._link.found())
        client = await self._link.client()
        opened = await asyncio.gather(
            *(self._begin_feed(client, shard, reading[shard], info) for shard in closed)
        )
        return [error for error in opened if error is not None]

    async def _begin_feed(
        self, client: "Client", shard: str, place: _Place, info: "StreamInfo"
    ) -> PawsonalizeError | None:
        place.again = time.monotonic() + _AGAIN_SECONDS
        if self._waits_for_the_rest(shard, place, info.state.last_seq):
            return StreamUnavailable(f"{self._address.shown} has not all that was read from it")
        self._tell_lost(shard, place, info)
        holder, name = self._leases.holder, self._address.name
        feed = Feed(client, name, shard, holder, self._arrived.set)
        first = None if place.read is None else place.read + 1
        since = self._start if isinstance(self._start, int) else None
        try:
            await feed.open(first, since, API_SECONDS)
        except self._link.failures as error:
            self._dropped.append(feed)
            failed = await self._link.failed(error)
            _LOG.warning("stream_shard_unavailable", shard=shard, reason=failed.message)
            return failed
        place.feed = feed
        return None

    def _waits_for_the_rest(self, shard: str, place: _Place, newest: int) -> bool:
        if place.read is None or place.read <= newest:
            place.ahead_since = None
            return False
        # The server may yet find what it has lost; otherwise the stream was made anew.
        now = time.monotonic()
        place.ahead_since = place.ahead_since or now
        if now - place.ahead_since < PATIENCE_SECONDS:
            return True
        shown, read = self._address.shown, place.read
        _LOG.warning("stream_begins_anew", stream=shown, shard=shard, read=read, newest=newest)
        place.read, place.ahead_since = 0, None
        place.unstored.clear()
        self._leases.note(shard, "0")
        return False

    def _tell_lost(self, shard: str, place: _Place, info: "StreamInfo") -> None:
        # What the stream no longer has is never skipped in silence.
        oldest = info.state.first_seq
        if place.read is not None and max(place.read + 1, place.lost_through) < oldest:
            about = {"stream": self._address.shown, "read": place.read, "oldest": oldest}
            _LOG.warning("stream_may_have_lost_messages", shard=shard, **about)
            place.lost_through = oldest

    async def _ask(self, feeds: Sequence[Feed], limit: int) -> None:
        busy = sum(1 for feed in feeds if feed.pending or feed.fetched)
        share = max(1, limit // max(1, busy))
        try:
            for feed in feeds:
                await feed.ask(share if feed.pending else max(1, limit // len(feeds)))
        except self._link.failures as error:
            raise await self._link.failed(error) from error

    def _fetched(self, places: Sequence[_Place], limit: int) -> list[Record]:
        records: list[Record] = []
        self._turn += 1
        turn = self._turn % max(1, len(places))  # another shard is first each time
        for place in chain(places[turn:], places[:turn]):
            feed = place.feed
            while feed is not None and feed.fetched and len(records) < limit:
                delivery = feed.fetched.popleft()
                place.read = delivery.sequence
                place.unstored.append(delivery)
                records.append(delivery.record)
        return records

    async def _tell(self, replies: Sequence[str]) -> None:
        for reply in replies:  # our tables count, so it may fail
            with suppress(StreamUnavailable, *self._link.failures):
                await (await self._link.client()).publish(reply, b"+ACK")

    def _forget(self) -> None:
        # The server forgets consumers itself if this fails.
        for feed in self._dropped:
            task = asyncio.ensure_future(feed.close(API_SECONDS))
            self._closing.add(task)
            task.add_done_callback(self._closed)
        self._dropped.clear()

    def _closed(self, task: "asyncio.Future[None]") -> None:
        self._closing.discard(task)
        task.cancelled() or task.exception()  # looked at, so that nobody complains

    async def _end(self) -> None:
        self._forget()
        if self._closing:
            await asyncio.wait(self._closing, timeout=0.5)

    def _lag(self, shard: str, place: _Place) -> ShardLag:
        feed = place.feed
        if feed is None or feed.pending is None or feed.is_broken:
            return ShardLag(shard)
        messages = feed.pending + len(feed.fetched)
        if not messages:
            return ShardLag(shard, 0.0, 0)
        oldest = feed.fetched[0] if feed.fetched else place.unstored[-1] if place.unstored else None
        if oldest is None or oldest.record.arrived_at is None:
            return ShardLag(shard, None, messages)
        return ShardLag(shard, max(0, self._now() - oldest.record.arrived_at) / SECOND, messages)
