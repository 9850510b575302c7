"""Destinations that are added while the service runs, on every database."""

import base64
import hmac
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.request import build_opener

import msgspec
import pytest

from pawsonalize.app.settings import Settings
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, LimitExceeded, NotFound, StorageUnavailable
from pawsonalize.core.notifications import Notification, NotificationKind, NotificationTopic
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.problems import Deliveries, Outbox
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.plugins.notifications import NotificationSettings
from pawsonalize.plugins.notifications.delivery import Courier, DestinationCouriers, send
from pawsonalize.plugins.notifications.destinations import (
    MOST_DESTINATIONS,
    DestinationNotifier,
    Destinations,
    NotificationDestination,
    OutsideHandler,
    check_address,
)
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from tests.plugins.notifications.receivers import NEWS, WebServer, mail_server, web_server

T0 = NEWS.happened_at
RETRAINING, LETTER = (NotificationTopic.RETRAINING,), (NotificationTopic.LETTER,)
LETTER_NEWS = replace(NEWS, notification_id="letter-1", kind=NotificationKind.LETTER)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.fixture
def destinations(database: Database) -> Destinations:
    return made(database, notify_own_network=True)


def made(database: Database, **settings: Any) -> Destinations:
    own = Settings.of(**settings).part(NotificationSettings)
    return Destinations(Registry(Resources(database)), Deliveries(WorkTable(database)), own)


def draft(
    address: str, topics: tuple[NotificationTopic, ...] = RETRAINING, note: str = "", **more: Any
) -> NotificationDestination:
    more = {"name": "", **more}
    return NotificationDestination(address=address, topics=topics, note=note, **more)


def couriers(destinations: Destinations, leases: Leases) -> list[Courier]:
    """What delivers to each, also what is off or gone."""
    names = {one.notifier for one in destinations.deliveries.newest(100)}
    named = ((one, DestinationNotifier(destinations, one)) for one in sorted(names))
    return [Courier(destinations.deliveries, leases, *one) for one in named]


def tell(destinations: Destinations, *news: Notification) -> None:
    outbox = Outbox(destinations.deliveries, (), destinations.chosen)
    for one in news:
        outbox.enqueue(one)


def test_each_gets_what_was_chosen_for_it_signed_by_its_secret(
    destinations: Destinations, leases: Leases, server: WebServer
) -> None:
    tell(destinations, NEWS)
    assert destinations.deliveries.newest(9) == [], "news of before are not for it"
    one = destinations.create(draft(server.url, RETRAINING, " Slack "), T0)
    destinations.create(draft(server.url, LETTER, ""), T0)
    tell(destinations, replace(NEWS, notification_id="run-2"), LETTER_NEWS)
    for courier in couriers(destinations, leases):
        assert courier.deliver_due(T0) == 1
    sent = {post.headers["webhook-id"]: post for post in server.posts}
    assert sorted(sent) == ["letter-1", "run-2"]
    headers = sent["run-2"].headers
    signed = f"run-2.{headers['webhook-timestamp']}.".encode() + sent["run-2"].body
    key = base64.b64decode(one.secret.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"


def test_alerts_and_what_is_for_one_visitor_are_for_none(destinations: Destinations) -> None:
    destinations.create(draft("http://127.0.0.1/x", tuple(NotificationTopic), ""), T0)
    without = {one for one in NotificationKind if not destinations.chosen(one)}
    assert without == {
        NotificationKind.ALERT,
        NotificationKind.ALERTS_STOPPED,
        NotificationKind.ALERTS_ASKED,
        NotificationKind.INQUIRY_RECEIVED,
        NotificationKind.TEST,
    }


def test_a_change_holds_for_what_waits_already(
    destinations: Destinations, leases: Leases, server: WebServer
) -> None:
    one = destinations.create(draft("http://127.0.0.1:1/gone"), T0)
    tell(destinations, NEWS)
    (courier,) = couriers(destinations, leases)
    assert courier.deliver_due(T0) == 0
    destinations.change(draft(server.url, name=one.name), T0)
    destinations.deliveries.retry(T0)
    assert courier.deliver_due(T0) == 1
    assert destinations.get(one.name).secret == one.secret, "an empty field changes nothing"
    with pytest.raises(InvalidInput, match="a webhook stays a webhook"):
        destinations.change(draft("ann@x.example", name=one.name), T0)


def test_what_is_off_or_removed_gets_nothing_more(
    destinations: Destinations, leases: Leases, server: WebServer
) -> None:
    off = destinations.create(draft(server.url), T0)
    destinations.change(draft("", name=off.name, is_on=False), T0)
    removed = destinations.create(draft(server.url), T0)
    tell(destinations, NEWS)
    (courier,) = couriers(destinations, leases)
    destinations.delete(removed.name)
    assert destinations.deliveries.newest(9) == []
    # A process that read them before the removal writes now.
    Outbox(destinations.deliveries, [removed.name, "webhook"]).enqueue(NEWS)
    assert courier.deliver_due(T0) == 0
    assert "no notification destination" in (destinations.deliveries.newest(9)[0].last_error or "")
    assert server.posts == []
    destinations.withdraw_lost()
    assert [one.notifier for one in destinations.deliveries.newest(9)] == ["webhook"]
    with pytest.raises(NotFound):
        destinations.delete(removed.name)


def test_one_that_hangs_holds_up_no_round_of_the_others(
    destinations: Destinations, leases: Leases, server: WebServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        destinations.create(draft(f"http://127.0.0.1:{silent.getsockname()[1]}/"), T0)
        destinations.create(draft(server.url), T0)
        with ThreadPoolExecutor() as threads:
            couriers = DestinationCouriers(destinations, leases, threads)
            tell(destinations, NEWS)
            couriers.deliver_due(T0)
            connection, _ = silent.accept()
            tell(destinations, replace(NEWS, notification_id="run-2"))
            while len(server.posts) < 2:
                couriers.deliver_due(T0)
                time.sleep(0.005)
            connection.close()
        couriers.end_rounds()
    assert [post.headers["webhook-id"] for post in server.posts] == [NEWS.notification_id, "run-2"]
    attempts = sorted(one.attempts for one in destinations.deliveries.newest(9))
    assert attempts == [0, 1, 1, 1], "a round of the silent one ends at its first failure"


def test_what_the_outbox_raises_in_a_round_is_raised_by_the_next(
    destinations: Destinations, leases: Leases, tmp_path: Path
) -> None:
    destinations.create(draft("http://127.0.0.1:1/gone"), T0)
    refusing = Database(f"sqlite:///{tmp_path / 'refusing'}")
    refusing.refuse("the tables are not those that this program knows")
    lost = msgspec.structs.replace(destinations, deliveries=Deliveries(WorkTable(refusing)))
    with ThreadPoolExecutor() as threads:
        couriers = DestinationCouriers(lost, leases, threads)
        couriers.deliver_due(T0)
    refusing.close()
    with pytest.raises(StorageUnavailable):
        couriers.end_rounds()
    couriers.end_rounds()


def test_addresses_of_the_own_network_are_refused_before_and_at_each_sending(
    database: Database, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded, port = made(database), server.server.server_address[1]
    inside = ("127.0.0.1", "localhost", "[::1]", "10.1.2.3", "169.254.169.254", "[::ffff:7f00:1]")
    for host in (*inside, "0.0.0.0", "2130706433", "127.1", "[64:ff9b::a9fe:a9fe]"):
        with pytest.raises(InvalidInput, match="own network"):
            guarded.create(draft(f"http://{host}:{port}/hook"), T0)
    # One that was added where the own network was allowed, or whose name leads elsewhere now.
    one = made(database, notify_own_network=True).create(draft(server.url), T0)
    assert "own network" in (send(DestinationNotifier(guarded, one.name), NEWS) or "")
    guard = f"{OutsideHandler.__module__}.check_outside"
    monkeypatch.setattr(guard, lambda _host: None)
    assert "own network" in (send(DestinationNotifier(guarded, one.name), NEWS) or "")
    assert server.posts == []
    monkeypatch.undo()
    monkeypatch.setenv("http_proxy", server.url)
    unknown = f"http://{'x' * 64}.invalid/x"  # the name is too long to be looked up
    proxied = guarded.create(draft(unknown), T0)
    assert send(DestinationNotifier(guarded, proxied.name), NEWS) is None, "the proxy may be inside"


def test_an_address_that_leads_to_an_ipv4_address_is_where_that_is() -> None:
    # Mapped, compatible, NAT64, 6to4 and Teredo; 10.1.2.3, 127.0.0.1 and 169.254.169.254.
    private = ("0a01:0203", "7f00:1", "a9fe:a9fe")
    holders = ("::ffff:{}", "::{}", "64:ff9b::{}", "64:ff9b:1::{}", "2002:{}::1", "2001:0:{}::1")
    inside = [holder.format(address) for holder in holders for address in private]
    for address in (
        *inside,
        "::",
        "::1",
        "fe80::1",
        "fe80::1%1",
        "fec0::1",
        "fd00::1",
        "100.64.0.1",
    ):
        with pytest.raises(InvalidInput, match="own network"):
            check_address(address)
    public = (holder.format("0808:0808") for holder in holders[:3])
    for address in (*public, "2002:808:808::1", "8.8.8.8", "2606:4700::1111"):
        check_address(address)


# https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry, all
# rows, written down a second time, and IANA's registries of multicast addresses.
_SPECIAL = """
    0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
    192.0.0.0/24 192.0.0.0/29 192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32
    192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.88.99.2/32
    192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4
    255.255.255.255/32 224.0.0.0/4
    ::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23
    2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48
    2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20
    5f00::/16 fc00::/7 fe80::/10 ff00::/8
"""
_BESIDE = """
    1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0
    192.31.195.255 192.31.197.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
    198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
    2000:: 2001:200:: 2001:db7:ffff:: 2001:db9:: 2001:4860:4860::8888 2003:: 2620:4f:7fff::
    2620:4f:8001:: 2a00:: 3ffe:ffff:: 3fff:1000:: ::ffff:1.1.1.1
"""


def test_no_address_of_a_special_purpose_is_reached_and_all_beside_them_are() -> None:
    networks = [ip_network(one) for one in _SPECIAL.split()]
    assert len(networks) == 53
    for network in networks:
        for place in {0, network.num_addresses // 2, network.num_addresses - 1}:
            # An address within 6to4 or NAT64 leads to the IPv4 address in it.
            if place and str(network) in {"2002::/16", "64:ff9b::/96", "::ffff:0:0/96"}:
                continue
            with pytest.raises(InvalidInput, match="own network"):
                check_address(str(network[place]))
    for address in _BESIDE.split():
        check_address(address)


def test_a_guarded_opener_has_no_other_way_out() -> None:
    opener = build_opener(OutsideHandler)
    found = {type(one).__name__ for one in vars(opener)["handlers"]}
    assert not found & {"HTTPHandler", "HTTPSHandler"}


def test_what_cannot_be_used_is_refused_with_the_next_move(
    destinations: Destinations, subtests: pytest.Subtests
) -> None:
    wrong = {
        "": "no webhook and no e-mail",
        "ftp://x.example/": "no webhook and no e-mail",
        "http://ann:secret@x.example/": "no webhook and no e-mail",
        "http://127.0.0.1%2e/": "no webhook and no e-mail",
        "http://x.example/ä": "no webhook and no e-mail",
        "https://x.example/a b": "no webhook and no e-mail",
        "http://x.example:port/": "its address must be",
        "http://[x/": "its address must be",
        "ann@x.example": "set notify_smtp_url",
    }
    for address, reason in wrong.items():
        with subtests.test(address), pytest.raises(InvalidInput, match=reason):
            destinations.create(draft(address), T0)
    with pytest.raises(InvalidInput, match="choose what it gets: retraining, problems"):
        destinations.create(draft("http://127.0.0.1/x", (), ""), T0)
    for _ in range(MOST_DESTINATIONS):
        destinations.create(draft("http://127.0.0.1/x"), T0)
    with pytest.raises(LimitExceeded, match="remove one first"):
        destinations.create(draft("http://127.0.0.1/x"), T0)


def test_mail_goes_by_the_server_of_the_settings(database: Database) -> None:
    with mail_server() as server:
        url = f"smtp://127.0.0.1:{server.port}"
        own = made(database, notify_smtp_url=url, notify_email_from="paw@x.example")
        with pytest.raises(InvalidInput, match="'bob' is no e-mail address"):
            own.create(draft("ann@x.example, bob", LETTER, ""), T0)
        one = own.create(draft("ann@x.example, bob@x.example", LETTER, ""), T0)
        assert send(DestinationNotifier(own, one.name), LETTER_NEWS) is None
    assert server.recipients == ["ann@x.example", "bob@x.example"]
    assert one.secret == ""


def test_lists_have_no_secret_and_no_path_of_a_webhook(
    destinations: Destinations, server: WebServer
) -> None:
    one = destinations.create(draft(server.url), T0)
    listed = msgspec.json.encode(one.listed).decode()
    assert one.listed.note == one.listed.address == f"127.0.0.1:{server.server.server_address[1]}"
    assert not any(secret in listed for secret in (one.secret, "hidden", "/hook"))
