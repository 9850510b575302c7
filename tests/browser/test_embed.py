"""The pages of docs/how-to/embed-animals.md as they are written there, from another origin."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.adoption_site import ANIMALS
from tests.browser.conftest import PATIENCE
from tests.browser.embedding import EXAMPLES, Shelter, embedding, until_seen
from tests.browser.test_accessibility import broken_rules

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
INVENTORY = [
    replace(ANIMALS[0], name=HOSTILE, url="javascript:alert(3)"),
    *(replace(one, url=f"https://shelter.example/pets/{one.animal_id}") for one in ANIMALS[1:]),
]


@pytest.fixture(scope="module")
def shelter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelter]:
    with embedding(tmp_path_factory.mktemp("embed") / "data", INVENTORY) as shelter:
        yield shelter


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    yield page
    context.close()
    assert errors == []


def names(page: Page) -> list[str]:
    return page.locator("[data-animal-id] a").all_inner_texts()


def shown(page: Page, state: str = "shown") -> None:
    page.locator(f"pawsonalize-animals[data-state={state}]").wait_for(state="attached")


def look_at(shelter: Shelter, page: Page, animal_id: str) -> None:
    """Let the visitor look at an animal."""
    example = EXAMPLES["an animal"].replace("a32", animal_id)
    with page.expect_response("**/v1/events"):
        page.goto(shelter.put(f"/pets/{animal_id}", example))


def test_a_line_of_a_volunteer_shows_animals(shelter: Shelter, page: Page) -> None:
    page.goto(shelter.put("/", EXAMPLES["one line"]))
    shown(page)
    cards = page.locator("pawsonalize-animals li")
    expect(cards).to_have_count(10)
    expect(page.get_by_text("See all our animals")).to_be_hidden()
    # Each animal, as the ten that come first depend on what was shown before.
    all_of_them = EXAMPLES["one line"].replace("key=", "query='{\"limit\": 16}' key=")
    page.goto(shelter.put("/all", all_of_them))
    shown(page)
    card = cards.filter(has=page.get_by_role("link", name="Pip", exact=True))
    expect(card).to_contain_text("Lop-Eared")
    expect(card).to_contain_text("baby · small · female")
    expect(card).to_contain_text("Orchard Park Shelter")
    link = card.get_by_role("link")
    assert link.get_attribute("href") == "https://shelter.example/pets/a32"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_the_element_shows_breaks_no_rule(
    shelter: Shelter, browser: Browser, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 2000}, color_scheme=scheme)
    page = context.new_page()
    style = '<html lang="en"><style>body { background: Canvas; color: CanvasText }</style>'
    style += '<meta name="color-scheme" content="light dark">'
    page.goto(shelter.put("/axe", f"{style}<main><h1>Animals</h1>{EXAMPLES['a board']}</main>"))
    shown(page)
    page.locator("pawsonalize-board[data-state=shown]").wait_for()
    assert broken_rules(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    tops = [one.bounding_box() for one in page.locator("pawsonalize-board [part=animal]").all()]
    assert len({one["y"] for one in tops[:3] if one}) == 1, "nine in three rows fit a phone"
    context.close()


def test_one_tap_on_a_board_puts_every_list_of_the_page_in_the_visitors_order(
    shelter: Shelter, page: Page
) -> None:
    own = EXAMPLES["a list"].partition("<pawsonalize-animals")
    page.goto(shelter.put("/board", f"{EXAMPLES['a board']}<hr>{own[1]}{own[2]}"))
    board = page.locator("pawsonalize-board[data-state=shown]")
    board.wait_for()
    group = page.get_by_role("group", name="Whom would you like to meet first?")
    rabbit = page.locator("pawsonalize-board").get_by_role("button", name="Lop-Eared")
    expect(group.get_by_role("button")).to_have_count(5)
    page.wait_for_timeout(1_200)  # all may be read by now, and move all the same
    rabbit.focus()
    with page.expect_response("**/v1/rerankings"), page.expect_response("**/v1/recommendations"):
        page.keyboard.press("Enter")
    expect(rabbit).to_have_attribute("aria-pressed", "true")
    expect(page.locator("ul.animals a").first).to_have_text("Pip")
    answered = page.get_by_role("listitem").filter(has_text="Orchard Park Shelter")
    expect(answered.first).to_contain_text("Lop-Eared")
    (event,) = shelter.history(page)
    assert (event["eventType"], len(event["impression"])) == ("pick", 4)
    rest = page.get_by_role("group", name="Somebody else as well?").get_by_role("button")
    expect(rest).to_have_count(4)
    for kind in ("Siamese", "Labrador"):
        with page.expect_response("**/v1/events"):
            rest.filter(has_text=kind).click()
    assert [one["eventValue"] for one in shelter.history(page)] == [1, 2, 3]
    expect(page.locator("pawsonalize-board [aria-disabled=true]")).to_have_count(1)
    page.goto(shelter.put("/board", EXAMPLES["a board"]))
    page.locator("pawsonalize-board:is([data-state=shown], [data-state=away])").wait_for(
        state="attached"
    )


def test_a_search_shows_who_fits_and_what_it_understood(shelter: Shelter, page: Page) -> None:
    whole = '<html lang="en"><title>Animals</title><main><h1>Animals</h1>'
    page.goto(shelter.put("/search", f"{whole}{EXAMPLES['a search']}</main>"))
    found = page.locator("pawsonalize-search")
    found.get_by_role("searchbox").fill("rabbit for kids")
    found.get_by_role("button", name="Search", exact=True).click()
    expect(found.get_by_role("listitem").first).to_contain_text("Lop-Eared")
    expect(found.get_by_role("button", name="rabbit")).to_be_visible()
    with page.expect_response("**/v1/searches") as answer:
        found.get_by_role("button", name="good with kids").click()
    assert [one["label"] for one in answer.value.json()["rules"]] == ["rabbit"]
    found.get_by_role("searchbox").fill("huge rabbit")
    found.get_by_role("button", name="Search", exact=True).click()
    expect(found.get_by_role("listitem").first).to_have_text("These nearly fit")
    expect(found.get_by_role("listitem").nth(1)).to_contain_text("✕ huge")
    assert broken_rules(page) == {}


def test_a_list_of_the_site_is_put_in_the_visitors_order(shelter: Shelter, page: Page) -> None:
    url = shelter.put("/animals", EXAMPLES["a list"])
    look_at(shelter, page, "a31")  # a rabbit, as Pip is
    page.goto(url)
    shown(page)
    assert names(page)[0] == "Pip"
    assert page.locator("ul.animals > li").count() == 3


def test_what_a_visitor_does_in_the_list_is_known_with_its_answer(
    shelter: Shelter, page: Page
) -> None:
    page.goto(shelter.put("/animals", EXAMPLES["a list"]))
    shown(page)
    until_seen(page)  # all three
    with page.expect_response("**/v1/events") as sent:
        page.locator("[data-animal-id=a11] button").click()
    assert sent.value.status == 202
    (event,) = shelter.history(page)
    assert (event["eventType"], event["animal_id"]) == ("favorite", "a11")
    assert event["recommendationId"].startswith("RID-")
    assert set(event["impression"]) == {"a00", "a11", "a32"}


def test_a_view_counts_once_though_the_list_and_the_page_send_it(
    shelter: Shelter, page: Page
) -> None:
    shelter.put("/pets/a32", EXAMPLES["an animal"])
    page.goto(shelter.put("/animals", EXAMPLES["a list"]))
    shown(page)
    page.get_by_role("link", name="Pip").click()
    page.wait_for_url("**/pets/a32")  # its script listens from then on
    # Its answer may come when the page is gone, and then nobody hears of it.
    page.get_by_role("button", name="Ask about Pip").click()
    page.wait_for_url("**/thanks*")
    expect(page).to_have_title("elsewhere")
    for _ in range(300):
        events = shelter.history(page)
        if len(events) == 2:
            break
        page.wait_for_timeout(100)
    view, inquiry = events
    assert [view["eventType"], inquiry["eventType"]] == ["view", "inquiry"]
    assert view["recommendationId"] == inquiry["recommendationId"] is not None


def test_an_event_that_cannot_be_sent_is_sent_by_the_next_page(
    shelter: Shelter, page: Page
) -> None:
    url = shelter.put("/animals", EXAMPLES["a list"])
    page.goto(url)
    shown(page)
    page.route("**/v1/events", lambda route: route.abort())
    page.locator("[data-animal-id=a32] button").click()
    page.wait_for_function("() => Object.keys(localStorage).some((name) => / event /.test(name))")
    page.goto("about:blank")
    page.unroute("**/v1/events")
    with page.expect_response("**/v1/events"):
        page.goto(url)
    (event,) = shelter.history(page)
    assert (event["eventType"], event["animal_id"]) == ("favorite", "a32")


def test_without_the_service_the_page_stays_as_its_site_wrote_it(
    shelter: Shelter, page: Page
) -> None:
    url = shelter.put("/animals", EXAMPLES["a list"])
    page.route("**/v1/**", lambda route: route.abort())
    page.goto(url)
    shown(page, "away")
    assert names(page) == ["Rex", "Tom", "Pip"]
    page.goto(shelter.put("/", EXAMPLES["one line"]))
    shown(page, "away")
    expect(page.get_by_role("link", name="See all our animals")).to_be_visible()


def test_where_no_animal_is_to_be_shown_the_page_stays_as_well(
    shelter: Shelter, page: Page
) -> None:
    example = EXAMPLES["one line"].replace("key=", 'query=\'{"species": ["horse"]}\' key=')
    page.goto(shelter.put("/", example))
    shown(page, "away")
    expect(page.get_by_role("link", name="See all our animals")).to_be_visible()


def test_a_slow_service_is_not_waited_for(shelter: Shelter, page: Page) -> None:
    page.route("**/v1/rerankings", lambda route: None)  # no answer at all
    page.goto(shelter.put("/animals", EXAMPLES["a list"], patience=300))
    shown(page, "away")
    assert names(page) == ["Rex", "Tom", "Pip"]


def long_list(shelter: Shelter, patience: int = 20_000) -> str:
    """A page with a list of which three animals are on the screen at first."""
    cards = "".join(
        f'<li data-animal-id="{one.animal_id}" style="height:300px"><a href="#">{one.name}</a></li>'
        for one in ANIMALS
    )
    script = EXAMPLES["one line"].split("<pawsonalize")[0]
    element = f'<pawsonalize-animals key="KEY.SECRET"><ol>{cards}</ol></pawsonalize-animals>'
    return shelter.put("/long", script + element, patience)


def ids(page: Page) -> list[str]:
    cards = page.locator("pawsonalize-animals [data-animal-id]")
    found: list[str] = cards.evaluate_all("all => all.map((one) => one.dataset.animalId)")
    return found


@pytest.mark.parametrize("example", ["one line", "a template"])
def test_more_animals_follow_those_that_are_there_and_a_reload_keeps_them_all(
    shelter: Shelter, page: Page, example: str
) -> None:
    element = re.sub(r" query='[^']*'", "", EXAMPLES[example])
    query = 'query=\'{"limit": 6}\' more="Show more animals" key='
    url = shelter.put("/more", element.replace("key=", query))
    page.goto(url)
    shown(page)
    first = ids(page)
    page.get_by_role("button", name="Show more animals").dblclick()
    cards = page.locator("pawsonalize-animals [data-animal-id]")
    expect(cards).to_have_count(12)
    longer = ids(page)
    assert (longer[:6], len(set(longer))) == (first, 12)
    page.reload()
    shown(page)
    assert ids(page) == longer
    own = cards.nth(7).get_attribute("data-recommendation-id")
    with page.expect_response("**/v1/events") as sent:
        cards.nth(7).get_by_role("link").click(modifiers=["Control"])  # in another tab
    (event,) = (sent.value.request.post_data_json or {})["events"]
    assert event["recommendationId"] == own is not None
    page.goto(url)  # the visitor did something: it is a new page, as long as the one before
    shown(page)
    expect(cards).to_have_count(12)
    assert ids(page) != longer
    page.get_by_role("button", name="Show more animals").click()
    expect(cards).to_have_count(16)
    expect(page.get_by_role("button", name="Show more animals")).to_be_hidden()


def test_a_list_that_is_loaded_again_keeps_its_order(shelter: Shelter, page: Page) -> None:
    url = long_list(shelter)
    page.goto(url)
    shown(page)
    with page.expect_response("**/v1/events"):  # from now on rankings count as seen
        page.locator("[data-animal-id=a21] a").click()
    page.goto(url.replace("#", ""))
    page.reload()
    shown(page)
    first = names(page)
    for _ in range(2):
        page.reload()
        shown(page)
        assert names(page) == first


_PAINTED_LONG_AGO = """const entries = performance.getEntriesByType.bind(performance);
performance.getEntriesByType = (kind) =>
  entries(kind).map(({ startTime }) => ({ startTime: startTime - 60_000 }))"""


def test_what_was_on_the_screen_for_long_does_not_move(shelter: Shelter, page: Page) -> None:
    look_at(shelter, page, "a31")
    page.add_init_script(_PAINTED_LONG_AGO)

    def wait(route: Route) -> None:  # the page is there before its script
        page.wait_for_function("performance.getEntriesByType('paint').length")
        route.continue_()

    page.route("**/embed.js", wait)
    page.goto(long_list(shelter))
    shown(page)
    after = names(page)
    assert after[:2] == ["Rex", "Bella"]
    assert set(after[3:6]) & {"Clover", "Hazel", "Pip", "Nib"}
    assert sorted(after) == sorted(one.name for one in ANIMALS)


def test_what_is_pointed_at_does_not_move(shelter: Shelter, page: Page) -> None:
    look_at(shelter, page, "a31")
    held: list[Route] = []
    page.route("**/v1/rerankings", lambda route: held.append(route))  # noqa: PLW0108 - it is marked
    page.goto(long_list(shelter))
    page.locator("[data-animal-id=a01]").hover()
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
    shown(page)
    assert names(page)[:2] == ["Rex", "Bella"]
    assert set(names(page)[2:5]) & {"Clover", "Hazel", "Pip", "Nib"}


_THERE_AND_BACK = """async () => {
  const last = document.querySelector("li:last-child");
  for (const y of [1e6, 0]) {
    scrollTo(0, y);
    await new Promise((resolve) => new IntersectionObserver(([entry], own) => {
      if (entry.isIntersecting !== y > 0) return;
      own.disconnect();
      resolve();
    }).observe(last));
  }
}"""


def test_only_what_was_on_the_screen_for_a_second_is_reported_as_seen(
    shelter: Shelter, page: Page
) -> None:
    cards = "".join(
        f'<li data-animal-id="{one.animal_id}" style="height:300px"><button data-event="favorite">'
        "Like</button></li>"
        for one in ANIMALS
    )
    script = EXAMPLES["javascript"].split("const list")[0]
    watching = f'{script}pets.watch(document.querySelector("ol"));</script><ol>{cards}</ol>'
    page.goto(shelter.put("/watched", watching))
    until_seen(page)
    page.evaluate(_THERE_AND_BACK)
    with page.expect_response("**/v1/events"):
        page.locator("button").first.click()
    (event,) = shelter.history(page)
    assert event["impression"][:2] == ["a00", "a01"]
    assert len(event["impression"]) <= 3
    assert "recommendationId" not in event


def test_a_template_of_the_site_is_filled_with_text_alone(shelter: Shelter, page: Page) -> None:
    hostile = EXAMPLES["a template"].replace('"limit": 3, "species": ["rabbit"]', '"limit": 16')
    page.goto(shelter.put("/own", hostile))
    shown(page)
    expect(page.get_by_role("heading", name="Rabbits for you")).to_be_visible()
    expect(page.locator("ul[slot=animals] > li article")).to_have_count(16)
    assert HOSTILE in names(page)
    assert page.locator("[data-animal-id=a32] a").get_attribute("href") == "/pets/a32"
    assert page.locator("ul[slot=animals] script, img[src=x]").count() == 0


def test_an_address_that_is_no_web_page_becomes_no_link(shelter: Shelter, page: Page) -> None:
    example = EXAMPLES["one line"].replace("key=", "query='{\"limit\": 16}' key=")
    page.goto(shelter.put("/", example))
    shown(page)
    hostile = page.locator("pawsonalize-animals li[data-animal-id=a00] a")
    expect(hostile).to_have_text(HOSTILE)
    assert hostile.get_attribute("href") is None


def test_the_javascript_of_the_how_to_runs(shelter: Shelter, page: Page) -> None:
    page.goto(shelter.put("/js", EXAMPLES["javascript"]))
    expect(page.locator("#list > li")).to_have_count(3)


def test_a_developer_needs_fewer_than_60_lines() -> None:
    whole = EXAMPLES["a list"] + EXAMPLES["an animal"]
    assert len(whole.splitlines()) < 60
    assert len(EXAMPLES["one line"].splitlines()) <= 2


def test_the_script_may_be_kept_and_is_new_when_it_changes(shelter: Shelter) -> None:
    import httpx

    address = shelter.service.replace("pets.example", "127.0.0.1")
    answer = httpx.get(f"{address}/embed.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert int(answer.headers["Content-Length"]) <= 9_100
    tag = answer.headers["ETag"]
    again = httpx.get(f"{address}/embed.js", headers={"If-None-Match": tag})
    assert again.status_code == 304
    named = httpx.get(f"{address}/embed.js?v={tag.strip(chr(34))}")
    assert "immutable" in named.headers["Cache-Control"]
