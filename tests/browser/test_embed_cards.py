"""The cards of the embed: pictures, links, languages, and a page that does not jump."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.adoption_site import ANIMALS
from tests.browser.conftest import PATIENCE
from tests.browser.embedding import EXAMPLES, Shelter, embedding
from tests.browser.test_accessibility import broken_rules

NO_PHOTO = "https://pets.example:1/gone.jpg"
INVENTORY = [replace(ANIMALS[0], photos=(NO_PHOTO,)), *ANIMALS[1:]]
SCRIPT, ELEMENT = EXAMPLES["one line"].strip().splitlines()
RESERVED = "<style>pawsonalize-animals:not(:defined) { display: block; min-height: 100vh }</style>"
"""The line of the how-to for pages that have something below."""
SHIFTS = """() => new Promise((resolve) => {
  const moved = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      if (!one.hadRecentInput) moved.push(...one.sources.map(({ node }) => node?.outerHTML));
    }
  }).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(moved), 100);
})"""


@pytest.fixture(scope="module")
def shelter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelter]:
    with embedding(tmp_path_factory.mktemp("cards") / "data", INVENTORY) as shelter:
        yield shelter


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 800}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def whole(element: str, head: str = "", lang: str = "en") -> str:
    """A page of a shelter: the script, the element, and something below."""
    return f'<html lang="{lang}"><head>{head}{SCRIPT}</head><main><h1>Pets</h1>{element}<p>Below'


def shown(page: Page) -> Any:
    page.locator("pawsonalize-animals[data-state=shown]").wait_for()
    return page.locator("pawsonalize-animals li")


def test_nothing_moves_when_the_animals_come(shelter: Shelter, page: Page) -> None:
    waiting: list[int] = []

    def answer_late(route: Route) -> None:
        page.wait_for_timeout(300)  # the skeleton is painted
        waiting.append(page.locator("pawsonalize-animals li[inert]").count())
        route.continue_()

    page.route("**/v1/recommendations", answer_late)
    page.goto(shelter.put("/", whole(ELEMENT, RESERVED)))
    expect(shown(page)).to_have_count(10)
    assert waiting == [10]
    assert page.evaluate(SHIFTS) == []
    assert broken_rules(page) == {}


def test_a_card_has_a_drawing_where_its_photo_is_not_to_be_had(
    shelter: Shelter, page: Page
) -> None:
    element = ELEMENT.replace("key=", "query='{\"limit\": 16}' key=")
    page.goto(shelter.put("/", whole(element)))
    cards = shown(page)
    drawings = cards.locator(f"img[src^='{shelter.service}/portrait.svg?species=']")
    expect(drawings).to_have_count(16)
    page.wait_for_function(
        "[...document.querySelector('pawsonalize-animals').shadowRoot.querySelectorAll('img')]"
        ".every((one) => one.naturalWidth)"
    )
    link = cards.filter(has_text="Pip").get_by_role("link")
    assert link.get_attribute("href") == f"{shelter.service}/animals/a32"


def test_who_is_not_for_the_visitor_goes_and_somebody_else_comes(
    shelter: Shelter, page: Page
) -> None:
    page.goto(shelter.put("/", whole(ELEMENT, RESERVED)))
    cards = shown(page)
    before = cards.evaluate_all("all => all.map((one) => one.dataset.animalId)")
    name = cards.nth(3).get_by_role("link").inner_text()
    button = page.get_by_role("button", name=f"Not for me: {name}")
    button.focus()
    with page.expect_response("**/v1/recommendations"):
        page.keyboard.press("Enter")
    expect(button).to_have_count(0)
    after = cards.evaluate_all("all => all.map((one) => one.dataset.animalId)")
    assert after[3] not in before
    assert [*after[:3], *after[4:]] == [*before[:3], *before[4:]]
    expect(cards.nth(3).get_by_role("link")).to_be_focused()
    (event,) = shelter.history(page)
    assert (event["eventType"], event["animal_id"]) == ("dislike", before[3])
    assert event["recommendationId"].startswith("RID-")
    assert page.evaluate(SHIFTS) == []


def test_a_strict_policy_of_the_page_keeps_the_cards(shelter: Shelter, page: Page) -> None:
    policy = f"default-src 'none'; script-src {shelter.service}; connect-src {shelter.service};"
    policy += f" img-src {shelter.service}; require-trusted-types-for 'script'"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text))
    page.goto(shelter.put("/", whole(ELEMENT, head)))
    cards = shown(page)
    assert cards.first.evaluate("one => getComputedStyle(one).borderRadius") == "20px"
    picture = cards.locator("img").nth(5).element_handle()
    page.wait_for_function("one => one.complete && one.naturalWidth", arg=picture)
    refused = [one for one in broken if "Security Policy" in one]
    assert not [one for one in refused if NO_PHOTO not in one], refused


def test_the_cards_speak_the_language_of_the_page(shelter: Shelter, page: Page) -> None:
    # Each animal, as the ten that come first differ from visit to visit.
    element = ELEMENT.replace("key=", "query='{\"limit\": 40}' key=")
    page.goto(shelter.put("/de", whole(element, lang="de")))
    cards = shown(page).filter(has_text="Lop-Eared").first
    expect(cards).to_contain_text("Jungtier · klein · weiblich")
    expect(cards.get_by_role("button")).to_have_attribute("title", re.compile("^Nichts für mich"))
    page.goto(shelter.put("/es", whole(f'<div lang="es">{element}</div>')))
    cards = shown(page).filter(has_text="Lop-Eared").first
    expect(cards).to_contain_text("cría · pequeño · hembra")
    expect(cards.get_by_role("button")).to_have_attribute("title", re.compile("^No es para mí"))


@pytest.mark.parametrize("width", [375, 1100])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_theme_is_chosen_whatever_the_device_prefers(
    shelter: Shelter, browser: Browser, theme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 3000}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(shelter.put("/", whole(ELEMENT.replace("key=", f'theme="{theme}" key='))))
    cards = shown(page)
    background = cards.first.evaluate("one => getComputedStyle(one).backgroundColor")
    assert background == {"dark": "rgb(40, 33, 28)", "light": "rgb(255, 253, 248)"}[theme]
    assert broken_rules(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
