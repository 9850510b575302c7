"""The board on the adoption site: on a phone, by keyboard, without scripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.adoption_site import serving, site
from tests.animal_data import animal

PHONE = {"width": 360, "height": 740}
_SHIFTS = """() => new Promise((resolve) => new PerformanceObserver((list) => resolve(
  list.getEntries().reduce((sum, one) => sum + one.value, 0)
)).observe({ type: "layout-shift", buffered: true }) ?? setTimeout(() => resolve(0), 500))"""


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=address, viewport=PHONE, reduced_motion="reduce")  # type: ignore[arg-type]
    yield context
    context.close()


def top(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"]


def test_the_first_animals_stand_on_the_first_screen_of_a_phone(phone: BrowserContext) -> None:
    page = phone.new_page()
    page.goto("/")
    buttons = page.locator(".board .choices button")
    for index in range(buttons.count()):
        box = buttons.nth(index).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < PHONE["height"]
        assert min(box["width"], box["height"]) >= 44
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate(_SHIFTS) == 0
    with page.expect_response("**/v1/events"):
        page.goto("/animals/a00")
    page.goto("/")
    assert page.locator(".board").count() == 0
    assert top(page, "#picks img, .card img") < PHONE["height"]


def test_a_board_of_nine_is_swiped_on_a_phone_and_widens_no_page(
    browser: Browser, tmp_path: Path
) -> None:
    waiting = [animal(f"a{n}", f"2-Breed{n}-2-2") for n in range(12)]
    with serving(site(tmp_path / "data", waiting, trained=False)) as address:
        page = browser.new_page(viewport=PHONE)  # type: ignore[arg-type]
        page.goto(address)
        assert page.locator(".board .choices button").count() == 9
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        page.close()


def test_nothing_moves_when_pictures_arrive_late(phone: BrowserContext) -> None:
    page = phone.new_page()
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    page.route("**/portrait.svg*", keep)
    page.goto("/", wait_until="domcontentloaded")
    below = page.locator(".board .quiet")
    before = below.bounding_box()
    while not late:
        page.wait_for_timeout(50)
    page.route("**/portrait.svg*", lambda route: route.continue_())  # those that are asked for now
    for route in late:
        route.continue_()
    page.wait_for_load_state("load")
    assert below.bounding_box() == before


def test_a_tap_needs_neither_a_mouse_nor_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    group = page.get_by_role("group", name="Whom would you like to meet first?")
    first = group.get_by_role("button").first
    name = first.inner_text().split(",")[0].strip()
    first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"You picked {name}")).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("We start with animals like")
    expect(page.get_by_role("link", name=f"Meet {name}").first).to_be_visible()
    second = page.get_by_role("group", name="Somebody else as well?").get_by_role("button").first
    second.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"You picked {name} and")).to_be_visible()
    context.close()
