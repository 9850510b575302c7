"""Who calls, as told by proxies: only those that the settings name are believed."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, TooManyRequests
from pawsonalize.operations.guard import TrustedProxies
from pawsonalize.operations.limits import AddressRate
from tests.header_tricks import CALLER, through_a_proxy, tricks

PROXIES = "127.0.0.1, 10.0.0.0/8,2001:db8:1::/48"


async def _who(request: Request) -> PlainTextResponse:
    assert request.client is not None
    return PlainTextResponse(f"{request.url.scheme} {request.client.host}")


def service(peer: str, trusted: str) -> TestClient:
    """An app that answers who calls, reached from the peer."""
    networks = Settings(trusted_proxies=trusted).proxies
    middleware = [Middleware(TrustedProxies, networks)]
    app = Starlette(routes=[Route("/", _who)], middleware=middleware)
    return TestClient(app, base_url="http://127.0.0.1", client=(peer, 50_000))


def test_without_a_trusted_proxy_no_header_says_who_calls() -> None:
    client = service("127.0.0.1", "")
    asked = [client.get("/", headers=headers).text for headers in tricks()]
    assert asked == ["http 127.0.0.1"] * 26


def test_behind_a_trusted_proxy_the_address_that_it_saw_counts_whatever_came_before() -> None:
    for peer in ("127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "2001:db8:1::7"):
        client = service(peer, PROXIES)
        for own_line in (False, True):
            passed_on = (through_a_proxy(headers, own_line=own_line) for headers in tricks())
            asked = [client.get("/", headers=headers).text for headers in passed_on]
            assert asked == [f"http {CALLER}"] * 26, (peer, own_line)
    behind_two = [("X-Forwarded-For", f"1.2.3.4, {CALLER}, 10.9.9.9,[2001:db8:1::8]:443")]
    assert client.get("/", headers=behind_two).text == f"http {CALLER}"
    secure = [("X-Forwarded-For", CALLER), ("X-Forwarded-Proto", "https")]
    assert client.get("/", headers=secure).text == f"https {CALLER}"


def test_an_operator_reads_once_that_a_proxy_is_not_believed() -> None:
    client = service("10.1.2.3", "127.0.0.1")
    with capture_logs() as logs:
        for headers in ({}, {"X-Forwarded-For": "1.2.3.4"}, {"X-Forwarded-For": "1.2.3.5"}):
            client.get("/", headers=headers)
    (warning,) = logs
    assert (warning["address"], "trusted_proxies" in warning["event"]) == ("10.1.2.3", True)


def test_a_proxy_that_is_no_address_is_refused() -> None:
    for trusted in ("proxy.example", "*", "10.0.0.1/8", "127.0.0.1;10.0.0.1", "300.1.1.1"):
        with pytest.raises(InvalidInput, match="trusted_proxies") as refused:
            Settings(trusted_proxies=trusted)
        assert repr(trusted) in refused.value.message


def test_addresses_of_ipv4_are_several_on_a_socket_of_ipv6_too() -> None:
    rate = AddressRate("1/hour", clock.now)
    rate.check("::ffff:192.0.2.1")
    rate.check("::ffff:192.0.2.2")
    for again in ("192.0.2.1", "::ffff:192.0.2.2"):
        with pytest.raises(TooManyRequests):
            rate.check(again)
