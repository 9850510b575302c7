"""A shelter's minute on the console: an animal is found, edited, adopted, and in no answer then."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from tests.adoption_site import serving
from tests.browser.conftest import operators_page
from tests.browser.test_accessibility import broken_rules
from tests.hostile_world import make_world


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_world(tmp_path_factory.mktemp("a-minute"))


@pytest.fixture(scope="module")
def address(service: Settings) -> Iterator[str]:
    with serving(build_app(service)) as address:
        yield address


def shown(page: Page) -> set[str]:
    """The animals of the answer that a new visitor gets now."""
    answer = page.request.post("/v1/recommendations", data={"of": "animals", "limit": 50})
    return {one["id"] for one in answer.json()}


@pytest.mark.parametrize(
    ("animal", "scheme", "width", "has_scripts"),
    [("Cat 1", "light", 360, True), ("Cat 3", "dark", 1280, False)],
)
def test_an_animal_is_found_edited_and_adopted_in_five_clicks(
    browser: Browser, address: str, animal: str, scheme: Any, width: int, has_scripts: bool
) -> None:
    page, complaints = operators_page(browser, address, scheme, width, has_scripts)
    animal_id = animal.lower().replace(" ", "-")
    # Two clicks from here to what keeps it from being seen.
    page.get_by_role("link", name="Animals").click()
    page.get_by_role("link", name=animal, exact=True).click()
    page.get_by_role("heading", name=f"Why is {animal} not seen").wait_for()
    assert page.get_by_text("3 photos instead of none").is_visible()
    page.get_by_label("Name", exact=True).fill(f"{animal} the brave")
    page.get_by_label("Good with cats").select_option("yes")
    page.get_by_role("button", name="Store").click()
    page.get_by_role("status").filter(has_text=f"{animal} the brave is stored").wait_for()
    assert page.get_by_text("“good with cats” known").count() == 0
    if has_scripts:
        assert broken_rules(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= width if has_scripts else True
    assert animal_id in shown(page)
    page.get_by_role("button", name="Mark as adopted").click()
    page.get_by_role("status").filter(has_text="is adopted").wait_for()
    assert animal_id not in shown(page)
    page.context.close()
    assert complaints == []
