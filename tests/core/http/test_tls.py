"""HTTPS without a proxy, with certificates that change while it is served."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.http.limits import ConnectionLimits
from pawsonalize.core.http.tls import Certificate, open_certificate
from tests.core.http.test_connections import _GET, answer, end, serving

AUTHORITY = trustme.CA()


def write(folder: Path, *, authority: trustme.CA = AUTHORITY) -> Certificate:
    """A new certificate and key in the folder."""
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return Certificate(certificate, key)


def trusting(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_requests_are_answered_over_tls_and_plain_ones_are_not(tmp_path: Path) -> None:
    async def scenario(connected: Any) -> None:
        client = await connected(trusting())
        assert await answer(client, _GET) == b"HTTP/1.1 200 OK 0"
        assert await answer(client, _GET * 2) == b"HTTP/1.1 200 OK 0"
        plain = await connected()
        plain[1].write(_GET)
        assert await end(plain) == b""

    serving(scenario, certificate=write(tmp_path))


def test_a_request_in_the_same_breath_as_the_end_of_the_handshake_is_answered(
    tmp_path: Path,
) -> None:
    async def scenario(connected: Any) -> None:
        reader, writer = await connected()
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusting().wrap_bio(received, sent, server_hostname="127.0.0.1")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(sent.read())
                received.write(await reader.read(65536))
        tls.write(_GET)
        writer.write(sent.read())  # with what ends the handshake
        told = b""
        while b"200 OK" not in told:
            received.write(await reader.read(65536))
            try:
                told += tls.read(65536)
            except ssl.SSLWantReadError:
                continue

    serving(scenario, certificate=write(tmp_path))


def test_a_handshake_that_does_not_go_on_is_ended_and_makes_room(tmp_path: Path) -> None:
    async def scenario(connected: Any) -> None:
        waiting = [await connected() for _ in range(20)]
        waiting[0][1].write(b"\x16\x03\x01")
        await asyncio.sleep(0.1)
        for _ in range(5):
            assert await answer(await connected(trusting()), _GET) == b"HTTP/1.1 200 OK 0"
        assert [await end(client) for client in waiting] == [b""] * 20

    limits = ConnectionLimits(header_seconds=2, max_connections=20)
    serving(scenario, limits, write(tmp_path))


def test_an_old_version_of_tls_is_refused(tmp_path: Path) -> None:
    async def scenario(connected: Any) -> None:
        old = trusting()
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connected(old)

    serving(scenario, certificate=write(tmp_path))


def test_the_next_connection_gets_a_certificate_that_was_replaced(tmp_path: Path) -> None:
    other = trustme.CA()
    served = write(tmp_path)

    async def scenario(connected: Any) -> None:
        before = await connected(trusting())
        (tmp_path / "cert.pem").write_text("half a file -----BEGIN ")
        await asyncio.sleep(1.1)
        assert await answer(await connected(trusting()), _GET), "the last one that was whole"
        write(tmp_path, authority=other)
        await asyncio.sleep(1.1)
        assert await answer(await connected(trusting(other)), _GET)
        with pytest.raises(ssl.SSLError):
            await connected(trusting())
        assert await answer(before, _GET) == b"HTTP/1.1 200 OK 0", "who is connected stays"

    serving(scenario, ConnectionLimits(), served)


def test_files_that_cannot_be_used_are_named_with_the_next_move(tmp_path: Path) -> None:
    write(tmp_path)
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    assert open_certificate("", "") is None
    (tmp_path / "text").write_text("no key")
    (tmp_path / "other").mkdir()
    write(tmp_path / "other")
    for given, said in {
        (certificate, ""): "tls_key is missing",
        ("", key): "tls_certificate is missing",
        (certificate, "none.pem"): "cannot read none.pem: No such file",
        (str(tmp_path / "text"), key): "is no PEM file",
        (certificate, str(tmp_path / "other" / "key.pem")): "do not fit",
    }.items():
        with pytest.raises(InvalidInput, match=said):
            open_certificate(*given)
