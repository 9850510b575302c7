"""Whatever bytes come, in whatever pieces: connections end in order, and others are answered."""

import asyncio
import logging
import random
from contextlib import suppress
from typing import Any

import pytest

from pawsonalize.core.http.limits import ConnectionLimits
from tests.core.http.test_connections import _GET, _HEAD, answer, serving

_PARTS = (
    _GET,
    _HEAD + b"5\r\n\r\n12345",
    _HEAD + b"70000\r\n\r\n" + b"x" * 69_999,
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz",
    b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: x\r\n\r\n",
    b"GET /slow HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\na: " + b"y" * 3000,
    b"GET http://[/ HTTP/1.1\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x00",
    b"\r\n\r\n",
)
_LIMITS = ConnectionLimits(
    header_seconds=0.3,
    body_seconds=0.3,
    idle_seconds=1,
    max_connections=20,
    max_header_bytes=2048,
    max_bodies_bytes=300_000,
)


def hostile(chance: random.Random) -> bytes:
    """Some requests in one piece, half of them with wrong bytes and cut off."""
    sent = bytearray().join(chance.choice(_PARTS) for _ in range(chance.randint(1, 4)))
    if chance.random() < 0.5:
        return bytes(sent)
    for _ in range(chance.randint(0, 5)):
        sent[chance.randrange(len(sent))] = chance.randrange(256)
    return bytes(sent[: chance.randint(1, len(sent))])


@pytest.mark.parametrize("count", [300, pytest.param(5_000, marks=pytest.mark.nightly)])
def test_no_bytes_raise_an_error_and_the_next_request_is_answered(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance, raised = random.Random(5), list[Any]()

    async def send(connected: Any) -> None:
        with suppress(OSError, TimeoutError, RuntimeError):  # it is closed while we write
            reader, writer = await connected()
            sent, step = hostile(chance), chance.choice((1 << 20, 1000, 171))
            for start in range(0, len(sent), step):
                writer.write(sent[start : start + step])
                await asyncio.sleep(0)
            if chance.random() < 0.7:
                await asyncio.wait_for(reader.read(100_000), 0.5)
            writer.transport.abort()

    async def scenario(connected: Any) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: raised.append(told))
        for _ in range(0, count, 25):
            await asyncio.gather(*(send(connected) for _ in range(25)))
        assert await answer(await connected(), _GET) == b"HTTP/1.1 200 OK 0"
        await asyncio.sleep(1)

    with caplog.at_level(logging.ERROR):
        serving(scenario, _LIMITS)
    assert raised == []
    # Tasks that the end of the loop cancels are logged as well.
    assert [each for each in caplog.records if "CancelledError" not in (each.exc_text or "")] == []
