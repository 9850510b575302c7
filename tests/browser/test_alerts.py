"""A visitor saves a search in a real browser, sees it on the own page, and stops by a link."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette

from pawsonalize.app.asgi import build_app
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.plugins.alerts.conftest import fill
from tests.plugins.alerts.test_addresses import ANN, deliver, link_in
from tests.plugins.alerts.test_addresses import ON as BY_MAIL
from tests.plugins.alerts.test_daily import ON
from tests.plugins.notifications.receivers import mail_server
from tests.service_data import client_of, make_service

WORDS = "dogs, for a home with children"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    folder: Path = tmp_path_factory.mktemp("alerts")
    settings = make_service(folder, train=False, demo_site=True, **{**ON, "site": False})
    with client_of(build_app(settings)) as client:
        fill(client)
    return build_app(settings)


@pytest.fixture(scope="module")
def address(app: Starlette) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1440)])
def test_a_search_is_saved_listed_and_stopped_and_no_page_breaks_a_rule_of_wcag(
    browser: Browser, app: Starlette, address: str, scheme: Any, width: int
) -> None:
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": width, "height": 9_000},
    )
    page, broken = context.new_page(), {}
    page.set_default_timeout(PATIENCE)
    page.goto("/?species=2&home=yes&kids=yes")
    broken["nobody"] = broken_rules(page)
    page.get_by_label("Try it as").fill(scheme)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(f"Hello, {scheme}")).to_be_visible()
    page.goto("/?species=2&home=yes&kids=yes")
    broken["an offer"] = broken_rules(page)
    page.get_by_role("button", name="Tell me when somebody like this comes").click()
    page.get_by_role("link", name=WORDS).wait_for()
    broken["a search"] = broken_rules(page)
    page.goto("/console/animals/matches?animalId=dog-Pug-0")
    broken["matches"] = broken_rules(page)
    alerts = app.state.plugins["alerts"]
    page.goto(alerts.messages.stop_url(scheme).replace("http://127.0.0.1:8080", address))
    broken["a link"] = broken_rules(page)
    page.get_by_role("button", name="Stop alerts").click()
    page.get_by_role("heading", name="Alerts are stopped").wait_for()
    broken["the end"] = broken_rules(page)
    assert alerts.book.searches(9, scheme) == []
    context.close()
    assert not any(broken.values()), broken


@pytest.mark.parametrize(("scheme", "scripts"), [("light", True), ("dark", False)])
def test_an_address_is_confirmed_and_stopped_by_the_links_of_its_mails(
    browser: Browser, tmp_path: Path, scheme: Any, scripts: bool
) -> None:
    with mail_server() as mails:
        smtp = f"smtp://127.0.0.1:{mails.port}"
        settings = make_service(tmp_path / "data", train=False, notify_smtp_url=smtp, **BY_MAIL)
        with client_of(build_app(settings)) as client:
            fill(client)
        app, broken = build_app(settings), {}
        with serving(app) as address:
            context = browser.new_context(
                base_url=address, color_scheme=scheme, java_script_enabled=scripts
            )
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto("/?species=2&home=yes&kids=yes")
            page.get_by_label("Your e-mail address").fill(ANN)
            page.get_by_role("button", name="Tell me when somebody like this comes").click()
            page.get_by_role("heading", name="Look into your mailbox").wait_for()
            deliver(settings)
            page.goto(link_in(mails, "/alerts/confirm"))
            broken["confirm"] = scripts and broken_rules(page)
            page.get_by_role("button", name="Yes, write to me").click()
            page.get_by_role("heading", name="Done: we will write to you").wait_for()
            messages = app.state.plugins["alerts"].messages
            page.goto(messages.stop_url(messages.user_of(ANN)).removeprefix(messages.url))
            broken["stop"] = scripts and broken_rules(page)
            page.get_by_role("button", name="Stop this").click()
            expect(page.get_by_role("link", name=WORDS)).to_have_count(0)
            page.get_by_role("button", name="Stop alerts").click()
            page.get_by_role("heading", name="Alerts are stopped").wait_for()
            context.close()
    assert not any(broken.values()), broken
