"""TLS: a certificate that may change while the service runs, and handshakes with a time-out."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.http.connections import Connection, Connections, Waits
from pawsonalize.core.logs import get_logger
from pawsonalize.core.metrics import CLOSED

_LOOK_SECONDS = 1.0

log = get_logger()


# uvicorn has the event loop do the handshake, for up to a minute and before it knows the
# connection. So here a connection begins as plain, counts among the others, and is upgraded.
def open_certificate(certificate: str, key: str) -> "Certificate | None":
    """The certificate of the settings, None without any; InvalidInput if it cannot be used."""
    if not certificate and not key:
        return None
    for given, name in ((certificate, "tls_certificate"), (key, "tls_key")):
        if not given:
            raise InvalidInput(
                f"{name} is missing: HTTPS needs both, the PEM files of the certificate (with its"
                " chain) and of its key",
                field=name,
            )
    return Certificate(Path(certificate), Path(key))


class Certificate:
    """A certificate and its key, in files that may be replaced at any time."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._state = self._stat_files()
        self._context = _context(certificate, key)
        self._looked_at = 0.0

    def context(self, now: float) -> ssl.SSLContext:
        """Return the context of the next handshake, by the newest files that fit together."""
        if now - self._looked_at > _LOOK_SECONDS:
            self._looked_at = now
            self._reload()
        return self._context

    def _reload(self) -> None:
        state = self._stat_files()
        if state == self._state:
            return
        self._state = state
        try:
            self._context = _context(*self._files)
        except InvalidInput as error:  # one file was replaced, the other may follow in a moment
            log.warning("certificate not changed", reason=error.message)
        else:
            log.info("certificate changed", file=str(self._files[0]))

    def _stat_files(self) -> list[tuple[int, int, int]]:
        states = [(0, 0, 0)] * len(self._files)
        for index, file in enumerate(self._files):
            with suppress(OSError):
                stat = file.stat()
                states[index] = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        return states


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    for file, name in ((certificate, "tls_certificate"), (key, "tls_key")):
        try:
            text = file.read_bytes()
        except OSError as error:
            raise InvalidInput(f"cannot read {file}: {error.strerror}", field=name) from error
        if b"-----BEGIN " not in text:
            raise InvalidInput(f"{file} is no PEM file: it has no line -----BEGIN", field=name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # With a password, nobody is asked for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise InvalidInput(
            f"{certificate} and the key {key} do not fit ({error}): give the certificate first in"
            " its file, then its chain, and its own key without a passphrase",
            field="tls_key",
        ) from error
    return context


class Handshake(asyncio.Protocol):
    """A connection until it is encrypted; then `make` makes the one that speaks HTTP."""

    received = holds = 0

    def __init__(
        self, make: Callable[[], Connection], connections: Connections, certificate: Certificate
    ) -> None:
        self._make = make
        self._all = connections
        self._certificate = certificate
        self._early = bytearray()
        self._task: asyncio.Task[None] | None = None
        self.waits = Waits.HEAD
        self.loop = asyncio.get_running_loop()
        self.since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the handshake before anything is read."""
        # What is read before it would be taken for plain text.
        self._transport = transport
        self._all.add(self)
        if self.waits is Waits.END:
            return
        handshake = _StartedCoroutine(
            self.loop.start_tls(
                transport,
                self,
                self._certificate.context(self.loop.time()),
                server_side=True,
                ssl_handshake_timeout=self._all.limits.header_seconds,
            )
        )
        self._task = self.loop.create_task(self._finish(handshake))

    def data_received(self, data: bytes) -> None:
        """Keep what comes with the end of the handshake."""
        self._early += data

    async def _finish(self, handshake: "_StartedCoroutine") -> None:
        try:
            encrypted = await handshake
        except OSError:  # time-outs and errors of TLS are among them
            encrypted = None
        self._all.remove(self)
        if encrypted is None or self.waits is Waits.END:
            self._transport.abort()
            return
        connection = self._make()
        encrypted.set_protocol(connection)
        connection.connection_made(encrypted)
        if self._early:
            connection.data_received(bytes(self._early))

    def is_fast_enough(self, now: float) -> bool:
        """True, as no body is awaited yet."""
        return now >= self.since

    def end_overdue(self) -> None:
        """Cut the connection: the handshake took too long."""
        self.cut("handshake")

    def cut(self, reason: str) -> None:
        """Abort the connection, and count it under the reason."""
        CLOSED.labels(reason).inc()
        self._all.remove(self)
        self.waits = Waits.END
        self._transport.abort()

    def refuse(self, _status: HTTPStatus, _code: str, _message: str, reason: str, /) -> None:
        """Cut the connection without an answer, which could not be encrypted yet."""
        self.cut(reason)


class _StartedCoroutine:
    """A coroutine that has run to its first pause already; a task begins it a moment later."""

    def __init__(self, coroutine: Coroutine[Any, Any, asyncio.Transport | None]) -> None:
        self._coroutine = coroutine
        self._awaited = coroutine.send(None)

    def __await__(self) -> Generator[Any, Any, asyncio.Transport | None]:
        try:
            while True:
                try:
                    given = yield self._awaited
                except BaseException as error:  # noqa: BLE001 - the coroutine is to have it
                    self._awaited = self._coroutine.throw(error)
                else:
                    self._awaited = self._coroutine.send(given)
        except StopIteration as end:
            ended: asyncio.Transport | None = end.value
            return ended
