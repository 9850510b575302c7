import re
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from tests.adoption_site import ANIMALS, NOW, serving, site
from tests.browser.conftest import PATIENCE, await_script
from tests.training import train

LONGEST = {"Nib", "Cleo", "Figaro", "Ida"}  # of each kind who waits longest
RABBITS = {"Clover", "Hazel", "Pip", "Nib"}


def names(page: Page) -> list[str]:
    page.wait_for_load_state()  # of a page that is still coming, some are there
    return page.locator("#cards h3").all_inner_texts()


def test_a_first_visit_shows_everybody_with_who_waits_longest_first(
    page: Page, tmp_path: Path
) -> None:
    # A site of its own: what other visitors like counts as well.
    with serving(site(tmp_path / "data", start_training=lambda: None)) as address:
        page.goto(address)
        assert len(names(page)) == len(ANIMALS)
        assert set(names(page)[:4]) == LONGEST
        pictures = page.locator(".card img")
        assert pictures.first.evaluate("image => image.complete && image.naturalWidth > 0")
        page.goto("about:blank")  # before its server is gone


def test_looking_at_somebody_changes_the_order_on_return(page: Page) -> None:
    page.goto("/")
    await_script(page)
    with page.expect_response("**/v1/events") as sent:
        page.get_by_role("link", name="Pip", exact=True).click()
    assert sent.value.status == 202
    (event,) = (sent.value.request.post_data_json or {})["events"]
    assert event["eventType"] == "view"
    assert event["animal_id"] == "a32"
    assert event["recommendationId"].startswith("RID-")
    expect(page.locator(".deeds")).to_contain_text("Viewed Lop-Eared")
    page.go_back()
    expect(page.locator("#order")).to_contain_text("from 1 event of yours")
    assert set(names(page)[:4]) == RABBITS


def test_a_heart_reorders_the_page_without_leaving_it(page: Page) -> None:
    page.goto("/")
    await_script(page)
    page.get_by_role("button", name="Favourite Pip").click()
    expect(page.get_by_role("status")).to_have_text("Pip is in your favourites.")
    expect(page.locator("#cards h3").first).to_have_text(re.compile("|".join(RABBITS)))
    heart = page.get_by_role("button", name="Favourite Pip")
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(heart).to_be_focused()


def test_a_heart_that_is_pressed_again_takes_the_favourite_back(page: Page) -> None:
    page.goto("/")
    await_script(page)
    heart = page.get_by_role("button", name="Favourite Otto")
    heart.click()
    expect(page.get_by_role("link", name="Your page")).to_contain_text("1 favourite")
    heart.click()
    expect(page.get_by_role("status")).to_have_text("Otto is no longer in your favourites.")
    expect(heart).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("link", name="Your page")).not_to_contain_text("favourite")


def test_what_is_done_without_a_connection_is_known_later(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.set_default_timeout(PATIENCE)
    page.goto("/")
    await_script(page)
    page.route("**/v1/events", lambda route: route.fulfill(status=503, json={}))
    page.get_by_role("button", name="Favourite Fern").click()
    expect(page.get_by_role("status")).to_contain_text("It will hear of that")
    # The first page tries again by itself: either of the two sends it.
    with page.expect_response(lambda it: it.url.endswith("/v1/events") and it.status == 202):
        page.unroute("**/v1/events")
        page.goto("/you")
    page.reload()
    assert page.locator("h3").all_inner_texts() == ["Fern"]
    page.close()


def test_a_browser_that_says_where_it_is_shows_distances(browser: Browser, tmp_path: Path) -> None:
    near = [replace(one, latitude=37.7, longitude=-121.1) for one in ANIMALS]
    with serving(site(tmp_path / "data", near, trained=False)) as address:
        context = browser.new_context(
            geolocation={"latitude": 37.7049, "longitude": -121.0}, permissions=["geolocation"]
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.get_by_role("button", name="Near me first").click()
        expect(page.locator(".place").first).to_contain_text("5 mi away")
        assert "near=37.70%2C-121.00" in page.url
        context.close()


def test_on_a_phone_the_search_box_has_room_in_every_language(
    browser: Browser, tmp_path: Path
) -> None:
    near = [replace(one, latitude=37.7, longitude=-121.1) for one in ANIMALS]
    with serving(site(tmp_path / "data", near, trained=False)) as address:
        page = browser.new_page(viewport={"width": 360, "height": 740})
        for tag in ("en", "de", "es"):
            page.goto(f"{address}/?lang={tag}")
            expect(page.locator("[data-locate]")).to_be_visible()
            box = page.locator("#q").bounding_box()
            assert box is not None
            assert box["width"] > 180, (tag, box)
            assert page.evaluate("document.documentElement.scrollWidth") == 360, tag
        page.close()


def test_a_photo_that_is_gone_becomes_a_drawing(browser: Browser, tmp_path: Path) -> None:
    gone = replace(ANIMALS[0], photos=("http://127.0.0.1:9/gone.jpg",))
    with serving(site(tmp_path / "data", [gone], trained=False)) as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".card img[src^='/portrait.svg']")
        page.close()


def test_the_whole_way_to_an_adoption_needs_no_mouse(page: Page, tmp_path: Path) -> None:
    # On a site of its own: who is adopted is gone for everybody.
    with serving(site(tmp_path / "data", trained=False)) as address:
        page.goto(address)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the animals")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**#main")
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id.startsWith('to-')"):
                break
        name = page.evaluate("document.activeElement.textContent")
        page.keyboard.press("Enter")
        page.wait_for_url("**/animals/**")
        await_script(page)
        page.get_by_role("button", name=f"Adopt {name}").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#do-adoption")).to_have_text(f"✓ You adopted {name}")
        expect(page.locator("#do-adoption")).to_be_focused()
        page.goto(address)
        assert name not in names(page)
        page.goto("about:blank")  # it would go on to ask whether a model is live


def test_who_lives_with_the_visitor_decides_who_is_shown(page: Page) -> None:
    page.goto("/")
    form = page.get_by_role("form", name="Who lives with you")
    page.get_by_text("Filters").focus()
    page.keyboard.press("Enter")
    form.get_by_label("children").focus()
    page.keyboard.press("Space")
    with page.expect_navigation():  # the box is checked on the page before as well
        page.keyboard.press("Enter")
    expect(form.get_by_label("children")).to_be_checked()
    assert len(names(page)) == len(ANIMALS)
    form.get_by_label("dogs").check()
    form.get_by_role("button", name="Show who fits").click()
    expect(page.get_by_role("heading", name="Nobody here is said to suit")).to_be_visible()
    assert names(page) == []
    page.get_by_role("link", name="Show them anyway").click()
    expect(form.get_by_label("dogs")).not_to_be_checked()
    assert len(names(page)) == len(ANIMALS)


def test_a_name_joins_what_the_session_did(page: Page) -> None:
    page.goto("/animals/a32")
    expect(page.locator(".deeds")).to_contain_text("Viewed")
    page.get_by_label("Try it as").fill("zoë")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Hello, zoë")).to_be_visible()
    assert set(names(page)[:4]) == RABBITS
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Try it as")).to_be_visible()
    assert set(names(page)[:4]) != RABBITS


def test_a_phone_never_scrolls_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/?species=1", "/animals/a00", "/?species=9", "/?q=rex&near=1,1", "/you"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_animals_have_their_place_before_the_panel_beside_them_is_read(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/")
    before = page.locator(".card").first.bounding_box()
    page.locator("aside").evaluate("panel => panel.remove()")
    assert page.locator(".card").first.bounding_box() == before


def test_on_a_phone_the_panel_opens_on_demand(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    expect(page.get_by_text("Your last events")).to_be_hidden()
    page.get_by_text("What the service knows of you").click()
    expect(page.get_by_text("Your last events")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Train a new model")).to_be_visible()


def test_landmarks_headings_and_controls_have_names(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("main")).to_be_visible()
    expect(page.get_by_role("banner")).to_be_visible()
    expect(page.get_by_role("navigation", name="Species")).to_be_visible()
    expect(page.get_by_role("complementary", name="What the service knows")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("group", name="Whom would you like to meet first?")).to_be_visible()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input:not([type=hidden])")]
            .filter((control) => !(control.textContent.trim() || control.labels?.length
                || control.getAttribute("aria-label")))
            .map((control) => control.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("img:not([alt])").count() == 0


def test_without_scripts_pages_can_be_read_and_forms_work(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Favourite Pip").click()
    expect(page.locator("#do-favorite")).to_have_text("✓ In your favourites")
    page.get_by_role("link", name="All animals").click()
    page.wait_for_url("**/")
    assert set(names(page)[:4]) == RABBITS
    context.close()


def test_the_quiz_is_answered_on_a_phone_by_keyboard_alone(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, viewport={"width": 360, "height": 700})
    page = context.new_page()
    page.goto("/")
    page.get_by_role("link", name="Tell us more").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What are you looking for?")
    page.get_by_label("rabbit").focus()
    page.keyboard.press("Space")
    page.get_by_role("group", name="children").get_by_label("not said").focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    targets = page.locator(".quiz label, .quiz button")
    assert all(
        box["height"] >= 44
        for box in targets.evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().toJSON())"
        )
    )
    page.get_by_role("button", name="Show me who fits").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#order")).to_contain_text("Whoever fits")
    assert set(names(page)[:4]) == RABBITS
    page.get_by_role("link", name="Change your answers").click()
    expect(
        page.get_by_role("group", name="children").get_by_label("no", exact=True)
    ).to_be_checked()
    context.close()


def test_an_open_page_switches_to_the_first_model_by_itself(
    browser: Browser, tmp_path: Path
) -> None:
    app = site(tmp_path / "data", trained=False)
    with opened(Settings(data_dir=tmp_path / "data")) as adapters:
        version = train(adapters, NOW)
        with serving(app) as address:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            assert "No model is live yet" in page.inner_text("#learning")
            before = page.locator(".find").bounding_box()
            adapters.campaigns.update(version.solution, version.name, NOW)
            page.wait_for_selector("#learning", state="detached")
            assert "A model is live now" in page.inner_text(".notice")
            assert page.locator(".find").bounding_box() == before, "nothing moves under a finger"
            assert "Serving" in page.inner_text("#panel-live")
            assert version.name in page.inner_text("#panel-live")
            page.close()
