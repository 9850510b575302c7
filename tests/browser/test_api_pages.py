"""/docs in a real browser: to read, and to try an operation with a key."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.openapi import TAGS
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.service_data import make_key, make_service

ALL = ["/docs", *(f"/docs/{tag.name.lower()}" for tag in TAGS)]
FEW = ["/docs", "/docs/answers"]  # one of each kind
TRY = "Try post_recommendations"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("docs"), access_keys="required")


@pytest.fixture(scope="module")
def address(service: Settings) -> Iterator[str]:
    with serving(build_app(service)) as address:
        yield address


@pytest.mark.parametrize(
    ("scheme", "width", "paths"),
    [
        ("light", 360, FEW),
        ("dark", 1440, FEW),
        *(
            pytest.param(scheme, width, ALL, marks=pytest.mark.nightly)
            for scheme in ("light", "dark")
            for width in (360, 768, 1440)
        ),
    ],
)
def test_no_page_breaks_a_rule_or_scrolls_sideways(
    browser: Browser, address: str, scheme: Any, width: int, paths: list[str]
) -> None:
    context = browser.new_context(
        base_url=address, color_scheme=scheme, viewport={"width": width, "height": 4_000}
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    broken, wide = {}, {}
    for path in paths:
        page.goto(path)
        broken[path] = broken_rules(page)
        wide[path] = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert not any(broken.values()), broken
    assert max(wide.values()) <= width, wide
    assert complaints == []


def test_an_operation_is_tried_with_a_key(page: Page, service: Settings) -> None:
    page.goto("/docs")
    page.get_by_role("navigation", name="API").get_by_role("link", name="Answers").click()
    page.get_by_label("Access key, to try").fill(make_key(service, Scope.RUNTIME))
    tried = page.get_by_role("form", name=TRY, exact=True)
    tried.get_by_label("Example").select_option(label="groups, for a user")
    assert '"userId": "ann"' in tried.get_by_label("Body").input_value()
    tried.get_by_role("button", name="Send").click()
    expect(tried.get_by_role("status")).to_contain_text("200 OK")
    expect(tried.get_by_role("status")).to_contain_text("X-Recommendation-Id: RID-")
    expect(tried.locator(".answer")).to_contain_text('"id": ')
    assert not any(broken_rules(page).values())


def test_parameters_go_into_the_path_and_the_query(
    browser: Browser, address: str, service: Settings
) -> None:
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("/docs/animals")
    page.get_by_label("Access key, to try").fill(make_key(service, Scope.SITE))
    tried = page.get_by_role("form", name="Try get_animals", exact=True)
    tried.get_by_label("limit").fill("0")
    with page.expect_request("**/v1/animals?limit=0"):
        tried.get_by_role("button", name="Send").click()
    expect(tried.locator(".answer")).to_contain_text("limit must be from 1 to 500")
    one = page.get_by_role("form", name="Try get_animal", exact=True)
    one.get_by_label("animalId").fill("a/7 ?")
    with page.expect_request("**/v1/animals/a%2F7%20%3F"):
        one.get_by_role("button", name="Send").click()
    expect(one.get_by_role("status")).to_contain_text("404")
    context.close()


def test_it_is_read_without_a_script_and_tried_with_the_keyboard(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/docs/answers")
    assert page.get_by_role("heading", name="POST /v1/rerankings").is_visible()
    assert not page.get_by_role("form", name=TRY, exact=True).is_visible()
    context.close()
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("/docs/answers")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_role("form", name=TRY, exact=True).get_by_label("Body").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    tried = page.get_by_role("form", name=TRY, exact=True)
    expect(tried.get_by_role("status")).to_contain_text("401")
    expect(tried.locator(".answer")).to_contain_text("pawsonalize keys create")
    context.close()
