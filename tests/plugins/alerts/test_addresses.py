"""Alerts by mail: an address is asked for on the site, confirmed, written to, and stopped."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import structlog
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.configuration import unusable
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.times import DAY
from pawsonalize.plugins.notifications.delivery import deliveries
from tests.plugins.alerts.conftest import LISTED, fill
from tests.plugins.alerts.test_daily import alerts_of
from tests.plugins.alerts.test_pages import send
from tests.plugins.notifications.receivers import MailServer, mail_server
from tests.service_data import client_of, make_service

ON = {
    "alerts": True,
    "site": True,
    "public_url": "https://pets.example.org",
    "notify_email_to": "shelter@example.org",
    "notify_email_from": "pets@example.org",
}
SEARCH = "species=2&home=yes&kids=yes"
ANN = "ann@home.example"


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, mails: MailServer) -> Settings:
    smtp = f"smtp://127.0.0.1:{mails.port}"
    return make_service(tmp_path / "data", train=False, notify_smtp_url=smtp, **ON)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        fill(client)
        yield client


def deliver(settings: Settings) -> None:
    with opened(settings) as adapters:
        for _, send_due in deliveries(adapters):
            while send_due(clock.now()):
                pass


def link_in(mails: MailServer, path: str) -> str:
    """Return the newest mail's link to a page, as this client asks for it."""
    text = mails.mails[-1].get_content()
    found = re.search(rf"https://pets\.example\.org({path}\S+)", text)
    assert found, text
    return found[1]


def ask(client: TestClient, mail: str = ANN, search: str = SEARCH) -> int:
    return int(send(client, "/alerts/mail", mail=mail, search=search).status_code)


def confirm(client: TestClient, settings: Settings, mails: MailServer) -> str:
    """Ask, follow the link of the mail and press its button; return the path of the link."""
    assert ask(client) == 200
    deliver(settings)
    link = link_in(mails, "/alerts/confirm")
    page = client.get(link)
    assert f"We will write to {ANN} when somebody new comes: dogs, for a home" in page.text
    done = send(client, "/alerts/confirm", **dict(parse_qsl(urlsplit(link).query)))
    assert "Done: we will write to you" in done.text
    return link


def bring_dogs(client: TestClient) -> None:
    dogs = [
        {**LISTED, "id": f"new-{n}", "species": "dog", "breed": "Pug", "goodWith": {"kids": True}}
        for n in range(2)
    ]
    assert client.put("/v1/animals", json=dogs).json()["rejected"] == []


def test_a_confirmed_address_gets_the_alerts_of_its_search_and_stops_them_by_one_post(
    client: TestClient, settings: Settings, mails: MailServer
) -> None:
    page = client.get(f"/?{SEARCH}").text
    assert "Tell me when somebody like this comes" in page
    assert 'type="email"' in page
    confirm(client, settings, mails)
    bring_dogs(client)
    daily = alerts_of(client).daily
    daily.send_once(clock.now() + DAY)
    deliver(settings)
    alert = mails.mails[-1]
    assert mails.recipients[-1] == alert["To"] == ANN
    assert "may be somebody for you" in alert["Subject"]
    assert "recommendationId" not in alert.get_content(), "no line for programs"
    stop = link_in(mails, "/alerts/stop")
    assert alert["List-Unsubscribe"] == f"<https://pets.example.org{stop}>"
    assert alert["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "dogs, for a home with children" in client.get(stop).text
    client.cookies.clear()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    stopped = client.post(stop, content=alert["List-Unsubscribe-Post"], headers=form)
    assert "Alerts are stopped" in stopped.text
    daily.send_once(clock.now() + 9 * DAY)
    written = len(mails.mails)
    deliver(settings)
    assert len(mails.mails) == written
    assert not held(settings, ANN)


def held(settings: Settings, text: str) -> list[str]:
    """Return the rows of the database that hold a text."""
    with sqlite3.connect(settings.data_dir / "pawsonalize.sqlite3") as connection:
        return [line for line in connection.iterdump() if text in line]


def test_nothing_more_is_sent_to_an_address_that_nobody_confirmed_and_it_is_forgotten(
    client: TestClient, settings: Settings, mails: MailServer
) -> None:
    assert ask(client) == 200
    deliver(settings)
    link = link_in(mails, "/alerts/confirm")
    assert "Yes, write to me" in client.get(link).text, "a program that looks confirms nothing"
    bring_dogs(client)
    alerts_of(client).daily.send_once(clock.now() + DAY)
    deliver(settings)
    assert len(mails.mails) == 1
    alerts_of(client).addresses.forget(clock.now() + 4 * DAY)
    assert client.get(link).status_code == 404
    assert not held(settings, ANN)


def test_an_address_gets_three_such_mails_a_day_and_the_same_wish_one(
    client: TestClient, settings: Settings, mails: MailServer
) -> None:
    assert [ask(client), ask(client)] == [200, 200]
    assert [ask(client, search=f"species={n}") for n in (1, 2, 3)] == [200, 200, 409]
    deliver(settings)
    assert mails.recipients.count(ANN) == 3


@pytest.mark.parametrize("mail", ["ann at home", "ann@home", "", "ä@home.example", "a\nb@home.org"])
def test_a_wrong_address_is_refused_in_words(client: TestClient, mail: str) -> None:
    answer = send(client, "/alerts/mail", mail=mail, search=SEARCH)
    assert (answer.status_code, "is no e-mail address" in answer.text) == (400, True)


def test_one_client_cannot_flood_many_addresses(client: TestClient) -> None:
    statuses = [ask(client, f"a{n}@home.example") for n in range(12)]
    assert statuses.count(429) == 2


def test_the_mail_is_in_the_language_of_the_page(
    client: TestClient, settings: Settings, mails: MailServer
) -> None:
    client.headers["Accept-Language"] = "de"
    ask(client)
    deliver(settings)
    assert mails.mails[-1]["Subject"] == "Dürfen wir dir über Tiere schreiben?"


@pytest.mark.parametrize("by", ["user", "session"])
def test_an_address_is_erased_with_its_user_and_with_the_browsers_session(
    client: TestClient, settings: Settings, mails: MailServer, by: str
) -> None:
    confirm(client, settings, mails)
    bring_dogs(client)
    alerts_of(client).daily.send_once(clock.now() + DAY)
    user_id = alerts_of(client).messages.user_of(ANN)
    if by == "session":
        assert send(client, "/you/forget").status_code == 200
    else:
        assert client.delete(f"/v1/users/{user_id}").json()["erasureId"]
    for _ in range(5):
        client.app.state.services.erasing.work()  # type: ignore[attr-defined]
    with opened(settings) as adapters:
        assert adapters.catalogue.user(user_id) is None
    assert alerts_of(client).book.searches(9, user_id) == []
    assert not held(settings, ANN)


def test_whoever_typed_somebody_elses_address_erases_the_wish_alone(
    client: TestClient, settings: Settings, mails: MailServer
) -> None:
    confirm(client, settings, mails)
    client.cookies.clear()
    ask(client, search="species=1")
    send(client, "/you/forget")
    for _ in range(5):
        client.app.state.services.erasing.work()  # type: ignore[attr-defined]
    user_id = alerts_of(client).messages.user_of(ANN)
    assert alerts_of(client).addresses.mails([user_id]) == {user_id: ANN}
    assert len(alerts_of(client).book.searches(9, user_id)) == 1
    assert not held(settings, "species=1")


def test_the_desk_sees_the_address_and_a_log_never_does(
    client: TestClient, settings: Settings, mails: MailServer
) -> None:
    with structlog.testing.capture_logs() as lines:
        confirm(client, settings, mails)
        mails.refused = {ANN}
        ask(client, search="species=1")
        deliver(settings)
    assert any(one["event"] == "notification not delivered yet" for one in lines)
    assert ANN not in str(lines)
    assert ANN in client.get("/console/animals/alerts").text
    assert ANN not in client.get("/console/settings/notifications").text


def test_a_saved_search_can_be_stopped_alone(
    client: TestClient, settings: Settings, mails: MailServer
) -> None:
    confirm(client, settings, mails)
    alerts = alerts_of(client)
    user_id = alerts.messages.user_of(ANN)
    stop = alerts.messages.stop_url(user_id).removeprefix("https://pets.example.org")
    [saved] = alerts.book.searches(9, user_id)
    page = client.post(
        stop,
        content=f"search={saved.search.replace('&', '%26')}",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert "for a home with children" not in page.text
    assert alerts.book.searches(9, user_id) == []
    assert alerts.addresses.mails([user_id]) == {user_id: ANN}


def test_alerts_need_no_webhook_where_mail_and_the_site_are_set_up(settings: Settings) -> None:
    assert list(unusable(settings)) == []
