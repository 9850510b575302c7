"""A volunteer in a real browser adds an animal, finds it, mends it, adopts it and undoes that."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from pawsonalize.app.asgi import build_app
from pawsonalize.core.scopes import Scope
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.plugins.console.test_console_photos import picture
from tests.plugins.inquiries.test_inquiries import ON
from tests.service_data import make_key, make_service

OF_OPERATORS = re.compile(r"NDCG|campaign|dataset group|solution|dead letter|webhook|--", re.I)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("desk")
    settings = make_service(folder, train=False, access_keys="required", **ON)
    with serving(build_app(settings)) as address:
        yield address, make_key(settings, Scope.DESK)


def put_photos_in_order(page: Page, has_scripts: bool) -> None:
    """Show the second of two photos first, and remove that one again."""
    expect(page.get_by_role("status")).to_contain_text("2 photos are stored")
    page.get_by_role("button", name="Show photo 2 first").click()
    expect(page.get_by_role("status")).to_contain_text("is the first")
    page.get_by_role("button", name="Remove photo 1").click()
    expect(page.get_by_role("status")).to_contain_text("is removed")
    photo = page.get_by_role("img", name="Photo 1")
    expect(photo).to_have_count(1)
    photo.scroll_into_view_if_needed()
    if has_scripts:
        expect(photo).to_have_js_property("naturalWidth", 640)
        expect(photo).to_have_js_property("naturalHeight", 427)


def hold_by_a_tick_and_undo(page: Page, name: str) -> None:
    """Put an animal of the list on hold, and undo that."""
    page.goto("/console/animals")
    page.get_by_label(f"Tick {name}").check()
    page.get_by_role("button", name="on hold").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 animal is on hold")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 animal is as before")


@pytest.mark.parametrize(
    ("scheme", "width", "scripts"),
    [("light", 390, True), ("dark", 1280, True), ("dark", 390, False)],
)
def test_a_volunteer_adds_finds_mends_adopts_and_undoes(
    browser: Browser, desk: tuple[str, str], scheme: Any, width: int, scripts: bool
) -> None:
    address, key = desk
    name = f"Bruno {scheme} {width} {scripts}"
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,
        java_script_enabled=scripts,
        reduced_motion="reduce",
        viewport={"width": width, "height": 900},
    )
    page, wrong = context.new_page(), {}
    page.set_default_timeout(PATIENCE)

    def look(place: str) -> None:
        said = page.get_by_role("main").inner_text()
        wrong[place] = OF_OPERATORS.findall(said)
        if scripts:
            wrong[place] += broken_rules(page)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wrong[place] += ["wider than the screen"]

    page.goto("/console")
    page.get_by_label("key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Add an animal").click()
    look("the form of a new animal")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Species").select_option("dog")
    page.get_by_label("Description").fill("Sleeps all day.")
    one = FilePayload(name="1.jpg", mimeType="image/jpeg", buffer=picture(size=(900, 600)))
    two = FilePayload(name="2.png", mimeType="image/png", buffer=picture("PNG"))
    page.get_by_label("Photos from this device").set_input_files([one, two])
    page.get_by_role("button", name="Add it").click()
    page.get_by_role("status").get_by_text("is added").wait_for()
    put_photos_in_order(page, scripts)
    page.goto("/console/animals")
    look("the list")
    page.get_by_label("Id or name").fill(name)
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("link", name=name, exact=True).click()
    look("an animal")
    page.get_by_label("Adoption fee").fill("120")
    page.get_by_role("button", name="Store").click()
    page.get_by_role("status").get_by_text("is stored").wait_for()
    assert page.get_by_label("Adoption fee").input_value() == "120"
    page.get_by_role("button", name="Mark as adopted").click()
    page.get_by_role("button", name="Undo: it is available").click()
    page.get_by_role("status").get_by_text("is available again").wait_for()
    look("what was undone")
    hold_by_a_tick_and_undo(page, name)
    look("animals that were ticked")
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_role("link", name=name).first).to_be_visible()
    look("the first page")
    context.close()
    assert not any(wrong.values()), wrong
