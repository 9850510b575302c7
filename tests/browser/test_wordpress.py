"""The plugin in a real WordPress: its pages for editors and administrators, and what visitors see.

In the suite it lives once, from its activation to its removal. The block editor, which takes long
to start, and hostile text have their turn at night.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect

from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from tests.adoption_site import ANIMALS, serving, site
from tests.browser.conftest import PATIENCE
from tests.browser.embedding import Shelter, until_seen
from tests.service_data import make_key
from tests.wordpress_site import THEME, WordPress, wordpress

INSIDE = '<!-- wp:paragraph --><p><a href="/all">All our animals</a></p><!-- /wp:paragraph -->'
HOSTILE = "\"><img src=x onerror=alert(1)><script>alert(2)</script>'&quot;<!-- --> [gallery]"
ELEMENT = "pawsonalize-animals"
_POST = """
wp_set_current_user(get_user_by('login', $argv[1])->ID);
kses_init();
echo wp_insert_post(wp_slash(
    ['post_title' => 'Our animals', 'post_status' => 'publish', 'post_content' => $argv[2]]
));
"""


@contextmanager
def service(press: WordPress, folder: Path) -> Iterator[Shelter]:
    """A service with animals, and a key for the pages of this site."""
    animals = [replace(one, url=f"{press.origin}/?pet={one.animal_id}") for one in ANIMALS]
    app = site(folder, animals, access_keys="required")
    settings = Settings(data_dir=folder, access_keys="required")
    key = make_key(settings, Scope.BROWSER, origins=[press.origin])
    port = int(press.origin.rpartition(":")[2])
    with serving(app) as address:
        name = address.replace("127.0.0.1", "pets.example")
        yield Shelter(port, key, name, make_key(settings, Scope.SITE))


@contextmanager
def visiting(browser: Browser, press: WordPress) -> Iterator[Page]:
    """A new visitor's page; a script that fails, or that somebody smuggled in, fails the test."""
    context = browser.new_context(
        base_url=press.origin, viewport={"width": 1300, "height": 1000}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []

    def look(said: ConsoleMessage) -> None:
        if "deprecated" in said.text:
            errors.append(said.text)

    def accept(dialog: Dialog) -> None:
        if "want to delete Pawsonalize" not in dialog.message:
            errors.append(dialog.message)
        dialog.accept()

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", look)
    page.on("dialog", accept)
    yield page
    context.close()
    assert errors == []


@contextmanager
def signed_in(browser: Browser, press: WordPress, user: str) -> Iterator[Page]:
    with visiting(browser, press) as page:
        page.goto("/wp-login.php")
        page.get_by_label("Username or Email Address").fill(user)
        page.get_by_label("Password", exact=True).fill(press.password)
        with page.expect_navigation():
            page.get_by_role("button", name="Log In").click()
        yield page


def activate(admin: Page) -> None:
    admin.goto("/wp-admin/plugins.php")
    admin.get_by_role("link", name="Activate Pawsonalize").click()
    expect(admin.get_by_text("Plugin activated.")).to_be_visible()


def save(admin: Page, address: str, key: str) -> list[str]:
    """What the page of the settings says to them."""
    admin.goto("/wp-admin/options-general.php?page=pawsonalize")
    admin.get_by_label("Address of the service").fill(address)
    admin.get_by_label("Key of your pages").fill(key)
    # The server is to refuse what the browser would not send.
    admin.evaluate("document.querySelector('#pawsonalize_url').form.noValidate = true")
    with admin.expect_navigation():
        admin.get_by_role("button", name="Save Changes").click()
    return [one.partition("\n")[0] for one in admin.locator(".notice").all_inner_texts()]


def publish(press: WordPress, user: str, attributes: Mapping[str, object], inside: str) -> str:
    """The address of a user's new page with the block, filtered as WordPress filters theirs."""
    block = json.dumps(attributes).translate({ord(one): f"\\u{ord(one):04x}" for one in "<>&-'"})
    said = f"<!-- wp:pawsonalize/animals {block} -->{inside}<!-- /wp:pawsonalize/animals -->"
    return f"/?p={press.php(_POST, user, said)}"


def see(page: Page, path: str) -> list[str]:
    """The animals that a visitor sees there, in order; those that the service answered."""
    with page.expect_response("**/v1/recommendations") as answer:
        page.goto(path)
    page.locator(f"{ELEMENT}[data-state=shown]").wait_for()
    cards = page.locator(f"{ELEMENT} li[data-animal-id]")
    shown = [str(card.get_attribute("data-animal-id")) for card in cards.all()]
    assert shown == [one["id"] for one in answer.value.json()]
    return shown


def test_the_plugin_lives_from_its_activation_to_its_removal(
    browser: Browser, tmp_path: Path
) -> None:
    with wordpress() as press, signed_in(browser, press, "admin") as admin:
        activate(admin)
        path = publish(press, "author", {"limit": 3, "species": "rabbit"}, INSIDE)
        with service(press, tmp_path / "data") as shelter:
            assert save(admin, f"{shelter.service}/", shelter.key) == ["Settings saved."]
            with visiting(browser, press) as page:
                shown = see(page, path)
                assert len(shown) == 3
                assert set(shown) < {"a30", "a31", "a32", "a33"}
                expect(page.get_by_role("link", name="All our animals")).to_be_hidden()
                a_click_reaches_the_service(page, shelter, shown)
        with visiting(browser, press) as page:
            the_editors_own_page_stays(page, path)
        assert set(press.options()) == {"pawsonalize_key", "pawsonalize_url"}
        remove(admin)
        assert press.options() == []
        assert press.complaints() == ""


def a_click_reaches_the_service(page: Page, shelter: Shelter, shown: list[str]) -> None:
    """With all that was on the screen for a second."""
    until_seen(page, f"{ELEMENT} li")
    page.locator(f"{ELEMENT} li a").nth(1).click()
    page.wait_for_url(f"**/?pet={shown[1]}")
    for _ in range(100):
        if events := shelter.history(page):
            break
        page.wait_for_timeout(100)
    (event,) = events
    assert (event["eventType"], event["animal_id"]) == ("view", shown[1])
    assert event["recommendationId"].startswith("RID-")
    assert event["impression"] == shown


def the_editors_own_page_stays(page: Page, path: str) -> None:
    """In the column of the page, though no script says that the element is a block."""
    page.goto(path)
    link = page.get_by_role("link", name="All our animals")
    expect(link).to_be_visible()
    title = page.get_by_role("heading", level=1).bounding_box()
    box = link.bounding_box()
    assert box is not None
    assert title is not None
    assert box["x"] == title["x"]


def remove(admin: Page) -> None:
    admin.goto("/wp-admin/plugins.php")
    admin.get_by_role("link", name="Deactivate Pawsonalize").click()
    expect(admin.get_by_text("Plugin deactivated.")).to_be_visible()
    admin.wait_for_load_state()  # until its scripts run, the link leads to a page that asks first
    admin.get_by_role("link", name="Delete Pawsonalize").click()
    expect(admin.get_by_text("Pawsonalize was successfully deleted.")).to_be_visible()


@pytest.fixture(scope="module")
def press() -> Iterator[WordPress]:
    """A WordPress with the plugin activated."""
    with wordpress() as press:
        press.php("activate_plugin('pawsonalize/pawsonalize.php');")
        yield press
        assert press.complaints() == ""


@pytest.fixture(scope="module")
def shelter(press: WordPress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelter]:
    with service(press, tmp_path_factory.mktemp("wordpress") / "data") as shelter:
        yield shelter


@pytest.fixture
def settings(press: WordPress, shelter: Shelter) -> None:
    set_options(press, shelter.service, shelter.key)


def set_options(press: WordPress, address: str, key: str) -> None:
    """Past the page of the settings and its checks."""
    code = "update_option('pawsonalize_url', $argv[1]); update_option('pawsonalize_key', $argv[2]);"
    press.php(code, address, key)


@pytest.mark.nightly
@pytest.mark.usefixtures("settings")
def test_the_settings_refuse_what_is_no_address_and_no_key_and_keep_the_old(
    browser: Browser, press: WordPress, shelter: Shelter
) -> None:
    with signed_in(browser, press, "admin") as admin:
        messages = save(admin, "pets.example", "a password")
        assert [one.partition(":")[0] for one in messages] == [
            "That is no address",
            "That is no key",
        ]
        address = admin.get_by_label("Address of the service")
        expect(address).to_have_value(shelter.service)
        expect(admin.get_by_label("Key of your pages")).to_have_value(shelter.key)
        expect(admin.get_by_text(f"--origin {press.origin}")).to_be_visible()
        assert save(admin, "", shelter.key) == ["Settings saved."]
        expect(address).to_have_value("")


@pytest.mark.nightly
@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("user", ["admin", "author"])
def test_the_block_is_put_into_a_post_with_the_editor(
    browser: Browser, press: WordPress, shelter: Shelter, user: str
) -> None:
    with signed_in(browser, press, user) as editor:
        open_editor(editor, "/wp-admin/post-new.php")
        canvas = editor.frame_locator("iframe[name=editor-canvas]")
        inserter = editor.get_by_role("button", name="Block Inserter", exact=True)
        inserter.click()
        editor.get_by_role("searchbox").fill("adoption")
        editor.get_by_role("option", name="Animals for this visitor").click()
        inserter.click()
        assert content(editor) == "<!-- wp:pawsonalize/animals /-->"
        editor.get_by_role("spinbutton", name="How many").fill("2")
        editor.get_by_label("Which").select_option(label="rabbits")
        editor.get_by_label("Address of an animal's page").fill("/pets/{id}?from=a&to=b")
        canvas.get_by_role("button", name="Add default block").click()
        editor.keyboard.type("All our animals")
        canvas.get_by_role("textbox", name="Add title").fill("Our animals")
        path = press_publish(editor)
        open_editor(editor, editor.url)
        block = canvas.locator("[data-type='pawsonalize/animals']")
        expect(block).to_contain_text("All our animals")
        expect(canvas.locator(".block-editor-warning")).to_have_count(0)
        assert editor.evaluate(
            "wp.data.select('core/block-editor').getBlocks().every(b => b.isValid)"
        )
        block.get_by_text("Visitors see animals here").click()
        expect(editor.get_by_role("spinbutton", name="How many")).to_have_value("2")
    with visiting(browser, press) as page:
        shown = see(page, path)
        assert len(shown) == 2
        assert set(shown) < {"a30", "a31", "a32", "a33"}
        link = page.locator(f"{ELEMENT} li a").first
        expect(link).to_have_attribute("href", f"/pets/{shown[0]}?from=a&to=b")


def open_editor(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_function("wp.data.select('core/editor').getCurrentPostId()")
    page.evaluate(
        "wp.data.dispatch('core/preferences').set('core/edit-post', 'welcomeGuide', false)"
    )


def content(page: Page) -> str:
    """What the editor would save."""
    return str(page.evaluate("wp.data.select('core/editor').getEditedPostContent()"))


def press_publish(page: Page) -> str:
    """The address of the published post."""
    publish = page.get_by_role("button", name="Publish", exact=True)
    publish.click()
    page.get_by_label("Editor publish").get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("is now live.")).to_be_visible()
    number = page.evaluate("wp.data.select('core/editor').getCurrentPostId()")
    return f"/?p={number}"


@pytest.mark.nightly
@pytest.mark.usefixtures("settings")
def test_every_kind_that_the_editor_offers_is_known_to_the_service(
    browser: Browser, press: WordPress
) -> None:
    script = (press.folder / "wp-content/plugins/pawsonalize/block/edit.js").read_text()
    kinds = re.findall(r'\["([a-z ]+)", __', script)
    assert len(kinds) == 6
    with visiting(browser, press) as page:
        for kind in kinds:
            path = publish(press, "author", {"species": kind}, INSIDE)
            with page.expect_response("**/v1/recommendations") as answer:
                page.goto(path)
            page.locator(f"{ELEMENT}[data-state]").wait_for()
            assert answer.value.status == 200
            is_there = kind in ("dog", "cat", "rabbit")
            link = page.get_by_role("link", name="All our animals")
            expect(link).to_be_visible(visible=not is_there)
            expect(page.locator(f"{ELEMENT} li").first).to_be_visible(visible=is_there)


@pytest.mark.nightly
@pytest.mark.usefixtures("settings")
def test_a_theme_of_before_blocks_shows_animals_too(browser: Browser, press: WordPress) -> None:
    theme = press.folder / "wp-content/themes/classic"
    theme.mkdir()
    (theme / "style.css").write_text("/*\nTheme Name: Classic\n*/")
    page_of_all = (
        "<?php wp_head(); the_post(); the_title('<h1>', '</h1>'); the_content(); wp_footer();"
    )
    (theme / "index.php").write_text(page_of_all)
    path = publish(press, "author", {"limit": 3}, INSIDE)
    press.php("switch_theme('classic');")
    with visiting(browser, press) as page:
        assert len(see(page, path)) == 3
        assert page.locator("head script[src*='embed.js']").count() == 0  # it comes after the post
    press.php(f"switch_theme('{THEME}');")


@pytest.mark.nightly
@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("user", ["admin", "author"])
def test_a_list_in_the_block_keeps_its_marks_and_is_put_in_order(
    browser: Browser, press: WordPress, shelter: Shelter, user: str
) -> None:
    cards = "".join(
        f'<li data-animal-id="{one}"><a href="/pets/{one}">{one}</a>'
        ' <button data-event="favorite">Like</button></li>'
        for one in ("a00", "a11", "a32")
    )
    path = publish(press, user, {}, f"<!-- wp:html --><ul>{cards}</ul><!-- /wp:html -->")
    with visiting(browser, press) as page:
        with page.expect_response("**/v1/rerankings") as answer:
            page.goto(path)
        page.locator(f"{ELEMENT}[data-state=shown]").wait_for()
        assert page.locator(f"{ELEMENT} li > a").all_inner_texts() == answer.value.json()["ranking"]
        with page.expect_response("**/v1/events"):
            page.locator("[data-animal-id=a11] button").click()
        (event,) = shelter.history(page)
        assert (event["eventType"], event["animal_id"]) == ("favorite", "a11")


@pytest.mark.nightly
@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("user", ["admin", "author"])
def test_hostile_text_of_a_block_stays_in_its_attributes(
    browser: Browser, press: WordPress, user: str
) -> None:
    hostile = dict.fromkeys(("species", "href", "className", "align", "limit"), HOSTILE)
    with visiting(browser, press) as page:
        page.goto(publish(press, user, hostile, INSIDE))
        element = the_only_element(page)
        query = json.loads(element.pop("query"))
        assert set(query) == {"limit", "species"}
        assert query["limit"] == 6
        if user == "admin":  # of an author's text, WordPress takes the tags away before
            assert element["href"] == HOSTILE.replace("&quot;", '"')


@pytest.mark.nightly
def test_hostile_text_of_the_settings_stays_in_its_attributes(
    browser: Browser, press: WordPress, shelter: Shelter
) -> None:
    path = publish(press, "author", {}, INSIDE)
    set_options(press, f"http://pets.example/{HOSTILE}", HOSTILE)
    with visiting(browser, press) as page:
        page.goto(path)
        assert the_only_element(page)["key"] == HOSTILE.replace("&quot;", '"')
    with signed_in(browser, press, "admin") as admin:
        admin.goto("/wp-admin/options-general.php?page=pawsonalize")
        assert admin.locator("#wpbody-content [onerror], #wpbody-content form script").count() == 0


def the_only_element(page: Page) -> dict[str, str]:
    """Its attributes, of which each is one that was meant; nothing broke out of it."""
    page.wait_for_load_state()
    assert page.locator("[onerror], img[src=x]").count() == 0
    attributes: dict[str, str] = page.locator(ELEMENT).evaluate(
        "one => Object.fromEntries([...one.attributes].map(({name, value}) => [name, value]))"
    )
    attributes.pop("data-state", None)
    assert set(attributes) <= {"class", "src", "key", "query", "href", "timeout"}
    # Empty cards stand in its place until the service has refused.
    expect(page.locator(ELEMENT)).to_have_text("All our animals", use_inner_text=True)
    return attributes
