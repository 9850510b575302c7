"""A connection to NATS for callers that are not asynchronous, and what fails in it."""

import asyncio
import contextlib
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, TypeVar
from zlib import crc32

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.errors import InvalidInput, PawsonalizeError, StreamUnavailable, needing
from pawsonalize_streams.stream import StreamAddress

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext
    from nats.js.api import StreamInfo

API_SECONDS = 2.0
_CONNECT_SECONDS = 2.0
_PING_SECONDS = 2
_AGAIN_SECONDS = 0.5
_LONGEST_SECONDS = 30.0
_PUT_SECONDS = 20.0
_ON_THEIR_WAY = 500
_EXISTS = 10058  # a stream of that name, with other settings
_IN_PROCESS_SECONDS = 5.0
_ID = "Nats-Msg-Id"

_T = TypeVar("_T")


# The client's own reconnecting is off: what was on its way when a connection breaks is lost anyway,
# so whoever reads begins anew behind what it has read. A connection works, or it is thrown away.
class NatsLink:
    """One connection, made again when it is lost, and the thread that serves it."""

    def __init__(self, address: StreamAddress) -> None:
        with needing("nats", f"{address.shown} needs nats-py"):
            import nats.errors  # noqa: PLC0415 - an extra
            from nats.aio.client import Client  # noqa: PLC0415
        self._make = Client
        self.failures: tuple[type[Exception], ...] = (nats.errors.Error, OSError, TimeoutError)
        self._address = address
        self._client: Client | None = None
        self._denied = self._heard = ""
        self._was_found = False
        self._connecting = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[object, object, _T], seconds: float) -> _T:
        """Do the work in the thread of the connection; StreamUnavailable after the seconds."""
        if self._loop.is_closed():
            # Else Python complains that nobody awaited it.
            work.close()
            raise StreamUnavailable(f"{self._address.shown} is closed here")
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return done.result(seconds)
        except TimeoutError as error:
            done.cancel()
            raise StreamUnavailable(f"{self._address.shown} does not answer") from error

    async def client(self) -> "Client":
        """A client that is connected, as far as anybody knows."""
        async with self._connecting:
            if self._client is None or not self._client.is_connected:
                await self.drop()
                self._client = await self._connect()
            return self._client

    async def found(self) -> "StreamInfo":
        """The stream as it is now."""
        client = await self.client()
        try:
            info = await client.jetstream(timeout=API_SECONDS).stream_info(self._address.name)
        except self.failures as error:
            raise await self.failed(error) from error
        self._was_found = True
        return info

    async def failed(self, error: Exception) -> PawsonalizeError:
        """Return the error to raise for a failed call; throw away a connection that is at fault."""
        shown, denied = self._address.shown, self._denied
        if denied:
            self._denied = ""
            return InvalidInput(
                f"the login of {shown} may not do all that reading and writing takes ({denied}):"
                " let it publish to $JS.API.> , $JS.ACK.> and the stream's subjects, and subscribe"
                " to _INBOX.>"
            )
        code = getattr(error, "code", None)
        if code == 404 and not self._was_found:
            return InvalidInput(f"there is no stream {shown}: make it first, with JetStream on")
        # A code is an answer: then the connection works.
        if code is None and not await self._answers():
            await self.drop()
        return StreamUnavailable(f"{shown} does not do it now ({_reason_of(error)})")

    async def drop(self) -> None:
        """Throw the connection away."""
        client, self._client = self._client, None
        if client is not None:
            await self._close(client)

    def close(self) -> None:
        """Let the connection go, and end its thread."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(StreamUnavailable):
            self.run(self._end(), 1)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> "Client":
        reason = "no server is named"
        servers = self._address.host.split(",")
        begun = time.monotonic()
        # In any order, so that not all clients ask the first one.
        for server in random.sample(servers, len(servers)):
            if time.monotonic() - begun > _CONNECT_SECONDS:
                break  # the next call may try the others
            try:
                self._heard = ""
                return await self._to(server)
            except self.failures as error:
                reason = self._heard or _reason_of(error)
                if "authorization" in reason.lower():
                    raise InvalidInput(
                        f"{self._address.shown} lets nobody in with this login: write it into the"
                        " URL, nats://USER:PASSWORD@host:4222/STREAM or nats://TOKEN@…"
                    ) from error
        raise StreamUnavailable(f"{self._address.shown} cannot be reached ({reason})")

    async def _to(self, server: str) -> "Client":
        user, colon, password = self._address.login.partition(":")
        login = {"user": user, "password": password} if colon else {"token": user or None}
        client = self._make()
        try:
            connecting = client.connect(
                f"nats://{server}",
                name="pawsonalize",
                allow_reconnect=False,
                reconnect_time_wait=0,
                max_reconnect_attempts=1,
                connect_timeout=int(_CONNECT_SECONDS),
                ping_interval=_PING_SECONDS,
                error_cb=self._note,
                **login,
            )
            await asyncio.wait_for(connecting, _CONNECT_SECONDS)
        except self.failures:
            await self._close(client)
            raise
        return client

    async def _close(self, client: "Client") -> None:
        with contextlib.suppress(*self.failures):
            await asyncio.wait_for(client.close(), 0.5)

    async def _note(self, error: Exception) -> None:
        # The call itself gets no answer, or one without the reason.
        self._heard = _reason_of(error)
        if "permissions violation" in str(error).lower():
            self._denied = _reason_of(error)

    async def _answers(self) -> bool:
        with contextlib.suppress(*self.failures):
            if self._client is not None and self._client.is_connected:
                await self._client.flush(1)
                return True
        return False

    async def _end(self) -> None:
        await self.drop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _reason_of(error: Exception) -> str:
    return str(error).removeprefix("nats: ").strip() or type(error).__name__


class JetStreamProducer:
    """Puts records into a stream of NATS, each into the subject that its key's hash says."""

    def __init__(self, address: StreamAddress, *, create: bool = False) -> None:
        self._address = address
        self._create = create
        self._subjects: list[str] = []
        self._link = NatsLink(address)

    def put(self, records: Sequence[Outgoing]) -> None:
        """Put all."""
        # Of one key only one is on its way at a time, so that a failure keeps order.
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
        return (await self._link.found()).config.subjects or []

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
        # Nobody can publish to a wildcard.
        subject = re.sub(r"[*>]", "events", subject)
        context, name = await self._context(), self._address.name
        try:
            ack = await context.publish(subject, record.data, stream=name, headers=headers)
            is_there = not ack.duplicate or await self._has(context, ack.seq, headers[_ID])
        except self._link.failures as error:
            raise await self._link.failed(error) from error
        if not is_there:
            if ack.seq or time.monotonic() > patience:
                # By the old id the stream would call it a duplicate again.
                headers[_ID] = token_hex(16)
            raise StreamUnavailable(f"{self._address.shown} has not what it says that it has")

    async def _has(self, context: "JetStreamContext", sequence: int, given_id: str) -> bool:
        """True if a record that the stream calls a duplicate is stored."""
        # After all nodes were killed at once, an acknowledged one was missing. One without a place
        # is not stored yet, and may never be.
        if not sequence:
            return False
        try:
            there = await context.get_msg(self._address.name, sequence)
        except self._link.failures as error:
            if getattr(error, "code", None) == 404:
                return False
            raise
        return (there.headers or {}).get(_ID) == given_id
