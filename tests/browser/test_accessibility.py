"""Every page against the rules of WCAG that a machine can check, contrast among them."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.adoption_site import serving, site
from tests.browser.conftest import PATIENCE, await_script

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_PAGES = (
    "/",
    "/?home=yes&dogs=yes",
    "/?home=yes&cats=yes",
    "/animals/a00",
    "/?q=rabbit&near=37.7,-121.1",
    "/?q=nobody",
    "/you",
    "/looking-for",
    "/animals/no",
)
_HIGH = 12_000  # all of a page: on a phone the bar at the bottom edge hides what it is above


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site of its own: what visitors do here changes what others are shown."""
    with serving(site(tmp_path_factory.mktemp("wcag") / "data")) as address:
        yield address


def broken_rules(page: Page) -> dict[str, list[str]]:
    """By the rule, the elements that break it."""
    found = Axe().run(page, options={"runOnly": _RULES, "resultTypes": ["violations"]}).response
    assert "color-contrast" in {rule["id"] for rule in found["passes"]}
    return {rule["id"]: [node["html"] for node in rule["nodes"]] for rule in found["violations"]}


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 360),
        ("dark", 1440),
        pytest.param("light", 768, marks=pytest.mark.nightly),
        pytest.param("light", 1440, marks=pytest.mark.nightly),
        pytest.param("dark", 360, marks=pytest.mark.nightly),
    ],
)
def test_no_page_breaks_a_rule(browser: Browser, address: str, scheme: Any, width: int) -> None:
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": width, "height": _HIGH},
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    broken = {}
    for path in _PAGES:
        page.goto(path)
        broken[path] = broken_rules(page)
    page.goto("/looking-for")
    page.locator(".board .choices button").first.click()
    page.get_by_role("heading", name="You picked").wait_for()
    broken["a pick"] = broken_rules(page)
    await_script(page)
    page.get_by_role("button", name="Favourite Pip").click()
    page.get_by_role("status").filter(has_text="Pip is in your favourites.").wait_for()
    broken["a heart"] = broken_rules(page)
    page.goto("/you")
    broken["a favourite"] = broken_rules(page)
    context.close()
    assert not any(broken.values()), broken
