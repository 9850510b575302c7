"""Puts records into a stream of NATS, so that order and records survive the death of nodes."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

from pawsonalize.app.sending import Outgoing
from pawsonalize.domain.errors import InvalidInput, StreamUnavailable
from pawsonalize.wings.streams.address import StreamAddress
from pawsonalize.wings.streams.nats_link import API_SECONDS, NatsLink

if TYPE_CHECKING:
    from nats.js import JetStreamContext

_AGAIN_SECONDS = 0.5
_LONGEST_SECONDS = 30.0
_PUT_SECONDS = 20.0
_ON_THEIR_WAY = 500
_EXISTS = 10058  # a stream of that name, with other settings
_IN_PROCESS_SECONDS = 5.0
_ID = "Nats-Msg-Id"
_T = TypeVar("_T")


class JetStreamProducer:
    """Puts records into a stream of NATS, each into the subject that its key's hash says."""

    def __init__(self, address: StreamAddress, *, create: bool = False) -> None:
        self._address = address
        self._create = create
        self._subjects: list[str] = []
        self._link = NatsLink(address)

    def put(self, records: Sequence[Outgoing]) -> None:
        """Put all; of one key only one is on its way at a time, so that a failure keeps order."""
        by_key: dict[str, list[Outgoing]] = {}
        for record in records:
            by_key.setdefault(record.key, []).append(record)
        self._link.run(self._put(list(by_key.values())), _PUT_SECONDS + _LONGEST_SECONDS)

    def close(self) -> None:
        """Let the connection go."""
        self._link.close()

    async def _put(self, runs: Sequence[Sequence[Outgoing]]) -> None:
        until = time.monotonic() + _PUT_SECONDS
        if not self._subjects:
            self._subjects = await self._again(self._found, until)
        few = asyncio.Semaphore(_ON_THEIR_WAY)
        sent = await asyncio.gather(
            *(self._put_run(run, until, few) for run in runs), return_exceptions=True
        )
        for one in sent:
            if one is not None:
                raise one

    async def _again(self, work: Callable[[], Awaitable[_T]], until: float) -> _T:
        while True:
            try:
                return await work()
            except StreamUnavailable:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _found(self) -> list[str]:
        if self._create:
            context, name = await self._context(), self._address.name
            subjects = [f"{name}.{n}" for n in range(self._address.count("partitions", 8))]
            replicas = self._address.count("replicas", 1)
            try:
                await context.add_stream(name=name, subjects=subjects, num_replicas=replicas)
            except self._link.failures as error:
                if getattr(error, "err_code", None) != _EXISTS:
                    raise await self._link.failed(error) from error
        info = await self._link.found()
        return info.config.subjects or []

    async def _context(self) -> "JetStreamContext":
        client = await self._link.client()
        return client.jetstream(timeout=API_SECONDS)

    async def _put_run(self, run: Sequence[Outgoing], until: float, few: asyncio.Semaphore) -> None:
        for record in run:
            headers = {_ID: record.event_id or token_hex(16)}
            async with few:
                patience = time.monotonic() + _IN_PROCESS_SECONDS
                await self._again(partial(self._put_one, record, headers, patience), until)

    async def _put_one(self, record: Outgoing, headers: dict[str, str], patience: float) -> None:
        client = await self._link.client()
        if len(record.data) > client.max_payload:
            raise InvalidInput(
                f"a record of {len(record.data)} bytes is more than {self._address.shown}"
                f" takes: {client.max_payload}"
            )
        subject = self._subjects[crc32(record.key.encode()) % len(self._subjects)]
        subject = re.sub(r"[*>]", "events", subject)
        context, name = await self._context(), self._address.name
        try:
            taken = await context.publish(subject, record.data, stream=name, headers=headers)
            is_there = not taken.duplicate or await self._has(context, taken.seq, headers[_ID])
        except self._link.failures as error:
            raise await self._link.failed(error) from error
        if not is_there:
            if taken.seq or time.monotonic() > patience:
                headers[_ID] = token_hex(16)
            raise StreamUnavailable(f"{self._address.shown} has not what it says that it has")

    async def _has(self, context: "JetStreamContext", sequence: int, given_id: str) -> bool:
        """Whether a record that the stream calls a duplicate is there.

        After all nodes were killed at once, one was seen to be missing that had been acknowledged.
        One without a place is not stored yet, and may never be.
        """
        if not sequence:
            return False
        try:
            there = await context.get_msg(self._address.name, sequence)
        except self._link.failures as error:
            if getattr(error, "code", None) == 404:
                return False
            raise
        return (there.headers or {}).get(_ID) == given_id
