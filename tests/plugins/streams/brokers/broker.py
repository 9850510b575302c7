"""What the conformance suite wants of a broker, and a network that can be cut."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, Self, TypeVar

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize_streams.stream import Stream

_T = TypeVar("_T")

LEASE = 1.5
"""After so many seconds in which nobody calls it a consumer of the suite counts as gone."""
PAUSE = 0.2
"""Between two looks of a consumer at the leases."""


def moment() -> int:
    """Now, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Broker(Protocol):
    """A real server with one fresh stream of several shards, for one test."""

    url: str
    """Names the stream, past the network that can be cut."""
    reshard: Callable[[], None] | None
    """Split or merge shards now; None where a broker cannot. May block until it is done."""
    restart: Callable[[], None] | None
    """Stop the server and start it again, with all that it had acknowledged; None: it forgets."""

    def put(self, records: Sequence[Outgoing]) -> None:
        """Put records, not through the network that can be cut; all are acknowledged on return."""
        ...

    def consumer(self, name: str, database: Database) -> Stream:
        """A consumer of its own, with leases of LEASE, behind the network that can be cut.

        The broker closes it in `close` if the test has not: a test that forgets it has one that
        died, as far as anybody else can tell.
        """
        ...

    def cut(self) -> None:
        """From now on consumers hear nothing, and nothing breaks."""
        ...

    def mend(self) -> None:
        """Connections of before break, new ones can be made."""
        ...

    def close(self) -> None:
        """Close all consumers, delete the stream; what else was started for it ends."""
        ...


class Proxy:
    """A TCP port of this machine that leads to another one until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Hold back what comes, in both directions."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def resume(self) -> None:
        """Hand on what was held back, as if nothing had happened."""
        self._loop.call_soon_threadsafe(self._open.set)

    def mend(self) -> None:
        """Break what was connected, and let new connections through."""
        self._run(self._mend())

    def close(self) -> None:
        """End all."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[object, object, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _mend(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        self._open.set()

    async def _end(self) -> None:
        # Who is being accepted while a server closes is never closed (asyncio, Python 3.11).
        for listening in self._server.sockets:
            self._loop.remove_reader(listening.fileno())
        await self._mend()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(others, timeout=0.1)
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._open.wait()
                await self._join(reader, writer)
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, target = await asyncio.open_connection(*self._target)
        self._writers.add(target)
        try:
            # Where one way ends, both do: the other one's reader hears of the abort.
            back = asyncio.ensure_future(self._pump(theirs, writer))
            self._tasks.add(back)
            back.add_done_callback(self._tasks.discard)
            await self._pump(reader, target)
        finally:
            target.transport.abort()
            self._writers.discard(target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
