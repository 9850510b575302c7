"""`python slow_clients.py PORT COUNT`: clients that do as little as they can, to the end."""

import asyncio
import sys
from contextlib import suppress

_HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: "
# What each kind of client sends first, and what it sends then, again and again.
_KINDS = (
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n"),  # half a head
    (_HEAD + b"200000\r\n\r\n{", b" "),  # a slow body
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b""),  # idle after a request
    (b"", b""),  # silent
    (b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 5, b""),  # reads no answer
)


async def client(port: int, first: bytes, then: bytes) -> None:
    """One slow client; when it is cut off, it comes again."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            try:
                writer.write(first)
                for _ in range(60):
                    await asyncio.sleep(1)
                    writer.write(then)
                    if reader.at_eof() or reader.exception() is not None:
                        break
            finally:
                writer.transport.abort()
        await asyncio.sleep(1)


async def main(port: int, count: int) -> None:
    """So many clients, of all kinds alike."""
    async with asyncio.TaskGroup() as clients:
        for n in range(count):
            clients.create_task(client(port, *_KINDS[n % len(_KINDS)]))
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
