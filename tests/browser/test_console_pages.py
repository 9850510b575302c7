"""The console's pages of animals, visitors, data and settings in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.hostile_world import LONG, make_world
from tests.plugins.console.test_console_pages import PAGES
from tests.service_data import make_key

MORE = (
    f"/console/animals/meaning?field=size&value={LONG}&meaning=small&source=north",
    "/console/settings/notifications/test",
    f"/console/settings/keys/create?events=true&origins={LONG}&datasetGroup={LONG}",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_world(tmp_path_factory.mktemp("looked-at"), access_keys="required")


@pytest.fixture(scope="module")
def address(service: Settings) -> Iterator[str]:
    with serving(build_app(service)) as address:
        yield address


def signed_in(browser: Browser, address: str, service: Settings, **look: Any) -> Page:
    page = browser.new_context(base_url=address, reduced_motion="reduce", **look).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("/console/sign-in")
    page.get_by_label("Access key").fill(make_key(service, Scope.OPERATOR))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Animals").wait_for()
    return page


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 360),
        ("dark", 1440),
        pytest.param("dark", 768, marks=pytest.mark.nightly),
        pytest.param("light", 1440, marks=pytest.mark.nightly),
    ],
)
def test_no_page_breaks_a_rule_or_scrolls_sideways(
    browser: Browser, address: str, service: Settings, scheme: Any, width: int
) -> None:
    look = {"color_scheme": scheme, "viewport": {"width": width, "height": 4_000}}
    page = signed_in(browser, address, service, **look)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    broken, wide = {}, {}
    for path in (*PAGES, *MORE, *_two_letters(page)):
        page.goto(path)
        for summary in page.locator("summary").all()[:3]:
            summary.click()
        broken[path] = broken_rules(page)
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
    page.context.close()
    assert not any(broken.values()), {path: found for path, found in broken.items() if found}
    assert {path: found for path, found in wide.items() if found > width} == {}
    assert complaints == []


def test_the_tail_brings_new_events_by_itself(
    browser: Browser, address: str, service: Settings
) -> None:
    page = signed_in(browser, address, service)
    page.goto("/console/data")
    key = make_key(service, Scope.EVENTS)
    group = {
        "animal_species_id": 1,
        "animal_primary_breed_id": "Manx",
        "animal_size_id": 1,
        "animal_age_id": 1,
    }
    sent = page.request.post(
        "/v1/events",
        headers={"Authorization": f"Bearer {key}"},
        data={
            "eventId": "just-now",
            "sessionId": "s",
            "eventType": "view",
            "animalMetadata": group,
        },
    )
    assert sent.status == 202
    page.get_by_text("just-now").wait_for()
    page.context.close()


def _two_letters(page: Page) -> tuple[str, str]:
    """One that is too long to be mended here, and one that is not."""
    page.goto("/console/data/letters")
    links = page.locator('a[href^="/console/data/letters/"]:has(code)')
    return str(links.first.get_attribute("href")), str(links.last.get_attribute("href"))
