"""A visitor writes to the shelter in a real browser, and the shelter marks it answered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from pawsonalize.app.asgi import build_app
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.browser.test_accessibility import broken_rules
from tests.plugins.inquiries.test_inquiries import NINA, ON
from tests.service_data import client_of, make_service


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("inquiries")
    settings = make_service(folder, train=False, **ON)
    with client_of(build_app(settings)) as client:
        client.put("/v1/animals", json=[{**NINA, "age": "adult"}])
    with serving(build_app(settings)) as address:
        yield address


@pytest.mark.parametrize(
    ("scheme", "width", "scripts"), [("light", 360, True), ("dark", 1440, False)]
)
def test_a_visitor_writes_and_the_shelter_marks_it_answered(
    browser: Browser, address: str, scheme: Any, width: int, scripts: bool
) -> None:
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,
        java_script_enabled=scripts,
        reduced_motion="reduce",
        viewport={"width": width, "height": 3_000},
    )
    page, broken = context.new_page(), {}
    page.set_default_timeout(PATIENCE)

    def look(name: str) -> None:
        if scripts:  # the rules are checked by a script
            broken[name] = broken_rules(page)

    page.goto("/animals/nina")
    page.get_by_text("Ask about Nina").click()
    look("a form")
    page.get_by_label("Your name").fill(f"Ann {scheme}")
    page.get_by_label("e-mail address").fill("ann@home.example")
    page.get_by_label("Your message").fill("May I meet her on Saturday?")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Your message was sent").wait_for()
    look("sent")
    page.goto("/console/inquiries")
    look("inbox")
    mine = page.get_by_role("listitem").filter(has_text=f"Ann {scheme}")
    assert mine.get_by_text("May I meet her on Saturday?").is_visible()
    mine.get_by_role("button", name="Mark answered").click()
    page.get_by_role("link", name="Answered (").wait_for()
    expect(page.get_by_text(f"Ann {scheme}")).to_have_count(0)
    look("an empty inbox")
    context.close()
    assert not any(broken.values()), broken
