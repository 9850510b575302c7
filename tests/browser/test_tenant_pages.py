"""The pages of tenants in a real browser: signed in, on a desk and on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.service_data import make_key
from tests.tenant_world import make_shelters


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_shelters(tmp_path_factory.mktemp("tenants"), access_keys="required")


@pytest.fixture(scope="module")
def address(service: Settings) -> Iterator[str]:
    with serving(build_app(service)) as address:
        yield address


@pytest.mark.parametrize(
    ("scheme", "width"),
    [("light", 360), ("dark", 1280), pytest.param("dark", 360, marks=pytest.mark.nightly)],
)
def test_one_signs_in_and_no_page_breaks_a_rule(
    browser: Browser, address: str, service: Settings, scheme: Any, width: int
) -> None:
    context = browser.new_context(
        base_url=address, color_scheme=scheme, viewport={"width": width, "height": 4_000}
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.set_default_timeout(PATIENCE)
    page.goto("/tenants/river-road")
    broken = {"sign in": broken_rules(page)}
    page.get_by_label("Access key").fill(make_key(service, Scope.OPERATOR))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="river-road").wait_for()
    page.get_by_text("The same as a table").click()
    broken["a tenant"] = broken_rules(page)
    page.get_by_role("link", name="All tenants").click()
    page.get_by_role("heading", name="Tenants").wait_for()
    broken["all tenants"] = broken_rules(page)
    wide = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert not any(broken.values()), broken
    assert wide <= width, "it scrolls sideways"
    assert complaints == []
