"""An operator adds, tries, changes and removes a destination of notifications in a real browser."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.notifications import Notification, NotificationKind
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.plugins.notifications.receivers import WebServer, web_server
from tests.service_data import make_service

HERE = "/console/settings/notifications"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("destinations")
    return make_service(folder, train=False, notify_own_network=True)


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    with serving(build_app(settings)) as address:
        yield address


def arrived(page: Page, server: WebServer, subject: str) -> bool:
    """True once it has arrived: a server looks each two seconds."""
    for _ in range(int(PATIENCE / 50)):
        if any(json.loads(post.body)["subject"] == subject for post in server.posts):
            return True
        page.wait_for_timeout(50)
    return False


def delivered(page: Page, note: str) -> bool:
    """True once the page says so of the one row that it has."""
    row = page.get_by_role("row").filter(has_text="A version went live").filter(has_text=note)
    for _ in range(200):
        page.goto(HERE)
        if row.filter(has_text="delivered").count():
            return row.count() == 1
        page.wait_for_timeout(50)
    return False


@pytest.mark.parametrize(
    ("scheme", "width", "scripts"), [("light", 360, True), ("dark", 1440, False)]
)
def test_a_destination_is_added_tried_changed_and_removed_with_keys_alone(
    browser: Browser, address: str, settings: Settings, scheme: Any, width: int, scripts: bool
) -> None:
    viewport: Any = {"width": width, "height": 2_000}
    context = browser.new_context(
        base_url=address, color_scheme=scheme, java_script_enabled=scripts, viewport=viewport
    )
    page, broken, note = context.new_page(), {}, f"Slack {scheme}"
    page.set_default_timeout(PATIENCE)

    def look(name: str) -> None:
        if scripts:  # the rules are checked by a script
            broken[name] = broken_rules(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    def press(role: Any, name: str, key: str = "Enter") -> None:
        page.get_by_role(role, name=name).first.focus()
        page.keyboard.press(key)

    with web_server() as server:
        page.goto(HERE)
        page.get_by_label("Name, such as").focus()
        page.keyboard.type(note)
        page.keyboard.press("Tab")
        page.keyboard.type(server.url)
        press("checkbox", "What retrainings did", "Space")
        press("button", "Add it")
        page.get_by_role("heading", name=f"{note} is added.").wait_for()
        expect(page.get_by_text("whsec_")).to_be_visible()
        look("the secret, once")
        press("link", "I have it, go on")
        mine = page.get_by_role("listitem").filter(has_text=note)
        assert "retraining, problems, inquiries, letter" in mine.inner_text()
        assert "hidden" not in page.content(), "a part of the address may be a secret"
        look("a destination")
        press("link", f"Send a test: {note}")
        press("button", "Send")
        page.get_by_role("status").filter(has_text=f"A test was sent: {note} took it.").wait_for()
        with opened(settings) as adapters:
            adapters.outbox.enqueue(news(f"one-{scheme}", "A version went live"))
        assert arrived(page, server, "A version went live"), "by a server that was never restarted"
        assert delivered(page, note), "what has arrived is written down a moment later"
        press("link", f"Change: {note}")
        page.get_by_label("State").select_option("off")
        look("a change")
        press("button", "Change it")
        page.get_by_role("status").filter(has_text="The destination is changed").wait_for()
        expect(mine.get_by_text("off", exact=True)).to_be_visible()
        press("link", f"Remove: {note}")
        page.get_by_role("heading", name=f"Remove {note}?").wait_for()
        look("a removal")
        press("button", "Remove")
        page.get_by_role("status").filter(has_text="The destination is removed.").wait_for()
        expect(mine).to_have_count(0)
    context.close()
    assert not any(broken.values()), broken


def news(name: str, subject: str) -> Notification:
    return Notification(name, NotificationKind.PROMOTED, subject, "It is better.", clock.now())
