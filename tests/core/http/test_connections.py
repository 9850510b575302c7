"""Slow clients are ended in time, and many of them take nothing from the others."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import uvicorn
import uvloop

from pawsonalize.core.http.connections import Connection, Connections
from pawsonalize.core.http.limits import ConnectionLimits
from pawsonalize.core.http.tls import Certificate, Handshake

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Scenario = Callable[[Any], Awaitable[None]]
_QUICK = ConnectionLimits(
    header_seconds=0.3,
    body_seconds=0.3,
    idle_seconds=1.0,
    max_connections=20,
    max_header_bytes=2048,
    max_bodies_bytes=50_000,
)
_GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Reads the body, and answers with its length; with 20 MB for /large, later for /slow."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    await asyncio.sleep(0.2 if scope["path"] == "/slow" else 0)
    body = b"x" * 20_000_000 if scope["path"] == "/large" else b"%d" % size
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serving(
    scenario: Scenario, limits: ConnectionLimits = _QUICK, certificate: Certificate | None = None
) -> None:
    """Play the scenario with clients of a server; they speak TLS only if they say so."""

    async def play() -> None:
        all_of_them = Connections(limits, limits.max_connections)
        config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
        config.load()
        server = uvicorn.Server(config)
        make = partial(
            Connection, all_of_them, config=config, server_state=server.server_state, app_state={}
        )
        listening = await asyncio.get_running_loop().create_server(
            make if certificate is None else partial(Handshake, make, all_of_them, certificate),
            "127.0.0.1",
            0,
        )
        port = listening.sockets[0].getsockname()[1]
        clients: list[Client] = []

        async def connected(context: ssl.SSLContext | None = None) -> Client:
            clients.append(await asyncio.open_connection("127.0.0.1", port, ssl=context))
            return clients[-1]

        try:
            await scenario(connected)
        finally:
            for _, writer in clients:
                writer.transport.abort()
            listening.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())


async def answer(client: Client, request: bytes) -> bytes:
    """The first line of the answer and its body, or nothing if the connection was cut."""
    reader, writer = client
    with suppress(ConnectionError):
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head.partition(b"\r\n")[0] + b" " + await reader.readexactly(length)
    return b""


async def end(client: Client) -> bytes:
    """All that comes until the server closes the connection."""
    with suppress(ConnectionError):
        return await asyncio.wait_for(client[0].read(), 30)
    return b""


def test_a_head_that_does_not_come_whole_is_refused_and_silence_is_cut() -> None:
    async def scenario(connected: Any) -> None:
        silent, half = await connected(), await connected()
        half[1].write(_GET[:-2])
        assert await end(silent) == b""
        told = await end(half)
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"retry-after: 1\r\n" in told
        assert b'"code":"too_slow"' in told

    serving(scenario)


def test_a_head_that_comes_in_drops_gets_no_more_time() -> None:
    async def scenario(connected: Any) -> None:
        client = await connected()
        client[1].write(_GET[:-2])
        with suppress(ConnectionError):
            for _ in range(40):
                client[1].write(b"a: b\r\n")
                await asyncio.sleep(0.05)
        assert client[0].at_eof() or (await end(client)).startswith(b"HTTP/1.1 408 ")

    serving(scenario)


def test_a_body_that_stops_coming_is_refused_and_one_that_goes_on_is_read() -> None:
    async def scenario(connected: Any) -> None:
        stopped, steady = await connected(), await connected()
        stopped[1].write(_HEAD + b"10\r\n\r\n12345")
        steady[1].write(_HEAD + b"40000\r\n\r\n")
        for _ in range(10):  # slower than the time for a head allows, faster than 16 KB/s
            steady[1].write(b"x" * 4000)
            await asyncio.sleep(0.08)
        assert (await end(stopped)).startswith(b"HTTP/1.1 408 ")
        assert await answer(steady, b"") == b"HTTP/1.1 200 OK 40000"

    serving(scenario)


def test_an_answer_that_nobody_reads_is_cut() -> None:
    async def scenario(connected: Any) -> None:
        reader, writer = await connected()
        reader._transport.pause_reading()
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        limit = 20_000_000
        await asyncio.sleep(2)
        reader._transport.resume_reading()
        assert len(await end((reader, writer))) < limit

    serving(scenario, ConnectionLimits(body_seconds=0.3))


@pytest.mark.parametrize("head", [b"a: " + b"x" * 3000 + b"\r\n", b"a: b\r\n" * 600])
@pytest.mark.parametrize("piece", [100, 10_000])
def test_a_head_that_is_too_long_is_refused(head: bytes, piece: int) -> None:
    async def scenario(connected: Any) -> None:
        client = await connected()
        request = _GET[:-2] + head + b"\r\n"
        with suppress(ConnectionError):
            for start in range(0, len(request), piece):
                client[1].write(request[start : start + piece])
                await client[1].drain()
                await asyncio.sleep(0)
        assert (await end(client)).startswith(b"HTTP/1.1 431 ")

    serving(scenario)


@pytest.mark.parametrize("waiting", [b"", _GET[:-2], _HEAD + b"10\r\n\r\n12345", _GET])
def test_with_too_many_connections_those_that_wait_longest_make_room(waiting: bytes) -> None:
    async def scenario(connected: Any) -> None:
        waiting_ones = [await connected() for _ in range(20)]
        for client in waiting_ones:
            if waiting == _GET:
                assert await answer(client, _GET)
            client[1].write(b"" if waiting == _GET else waiting)
        await asyncio.sleep(0.1)
        for _ in range(10):
            assert await answer(await connected(), _GET) == b"HTTP/1.1 200 OK 0"
        ended = [one.at_eof() or one.exception() is not None for one, _ in waiting_ones]
        assert ended.index(False) >= 10, "the oldest made room"

    minutes = ConnectionLimits(
        header_seconds=60, body_seconds=60, idle_seconds=60, max_connections=20
    )
    serving(scenario, minutes)


def test_bodies_that_take_longest_are_refused_when_too_much_is_held() -> None:
    async def scenario(connected: Any) -> None:
        slow = [await connected() for _ in range(5)]
        for client in slow:
            client[1].write(_HEAD + b"10001\r\n\r\n" + b"x" * 9990)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        quick = await answer(await connected(), _HEAD + b"9000\r\n\r\n" + b"x" * 9000)
        assert quick == b"HTTP/1.1 200 OK 9000"
        told = await end(slow[0])
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in told
        for client in slow[1:]:
            assert await answer(client, b"x" * 11) == b"HTTP/1.1 200 OK 10001"

    serving(scenario, ConnectionLimits(max_bodies_bytes=50_000))


def test_requests_one_after_the_other_and_in_one_piece_are_all_answered() -> None:
    async def scenario(connected: Any) -> None:
        reader, writer = await connected()
        writer.write((_GET + _HEAD + b"5\r\n\r\n12345") * 3 + _GET[:-1])
        await asyncio.sleep(0.1)
        writer.write(_GET[-1:])
        for size in [0, 5] * 3 + [0]:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert await reader.readexactly(1) == b"%d" % size

    serving(scenario)


def test_what_follows_a_request_and_is_refused_takes_nothing_from_its_answer() -> None:
    async def scenario(connected: Any) -> None:
        for following in (
            b"this is no HTTP\r\n\r\n",
            _GET[:-2] + b"a: " + b"x" * 3000 + b"\r\n\r\n",
        ):
            client = await connected()
            client[1].write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + following)
            told = await end(client)
            assert told.startswith(b"HTTP/1.1 200 OK\r\n")
            assert told.count(b"HTTP/1.1") == 1

    serving(scenario)
