"""A connection to NATS for callers that are not asynchronous, and what fails in it.

The client's own reconnecting is off: what was on its way when a connection breaks is lost anyway,
so whoever reads begins anew behind what it has read. A connection works, or it is thrown away.
"""

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from pawsonalize.domain.errors import InvalidInput, PawsonalizeError, StreamUnavailable
from pawsonalize.wings.streams.address import StreamAddress

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js.api import StreamInfo

API_SECONDS = 2.0
_CONNECT_SECONDS = 2.0
_PING_SECONDS = 2
_T = TypeVar("_T")


class NatsLink:
    """One connection, made again when it is lost, and the thread that serves it."""

    def __init__(self, address: StreamAddress) -> None:
        try:
            import nats.errors  # noqa: PLC0415 - an extra
            from nats.aio.client import Client  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise InvalidInput(
                f"{address.shown} needs nats-py: pip install 'pawsonalize[nats]'"
            ) from error
        self._make = Client
        self.failures: tuple[type[Exception], ...] = (nats.errors.Error, OSError, TimeoutError)
        self._address = address
        self._client: Client | None = None
        self._denied = self._told = ""
        self._was_found = False
        self._connecting = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _T], seconds: float) -> _T:
        """Do the work in the thread of the connection; StreamUnavailable after the seconds."""
        if self._loop.is_closed():
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
        """What to raise when a call failed; a connection that is at fault is thrown away."""
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
        if code is None and not await self._answers():
            await self.drop()
        return StreamUnavailable(f"{shown} does not do it now ({_said(error)})")

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
        for server in random.sample(servers, len(servers)):
            if time.monotonic() - begun > _CONNECT_SECONDS:
                break  # the next call may try the others
            try:
                self._told = ""
                return await self._to(server)
            except self.failures as error:
                reason = self._told or _said(error)
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
        """Remember what is told by the way: the call itself gets no answer, or one without it."""
        self._told = _said(error)
        if "permissions violation" in str(error).lower():
            self._denied = _said(error)

    async def _answers(self) -> bool:
        if self._client is None or not self._client.is_connected:
            return False
        try:
            await self._client.flush(1)
        except self.failures:
            return False
        return True

    async def _end(self) -> None:
        await self.drop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _said(error: Exception) -> str:
    return str(error).removeprefix("nats: ").strip() or type(error).__name__
