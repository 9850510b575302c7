"""The console's pages of animals, visitors, data and settings: what they say, and what they do."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from pawsonalize.plugins.feeds.mapping import Meanings
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.site.rendering import prose
from tests.hostile_world import HOSTILE, MARKUP, OTHER_VERSION, make_world
from tests.service_data import client_of, make_key

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGES = (
    "/console/animals",
    "/console/animals?status=any&order=newest",
    "/console/animals?sort=waiting_days",
    "/console/animals/seen",
    "/console/animals/id/cat-1",
    "/console/animals/feeds",
    "/console/animals/upload",
    "/console/visitors",
    "/console/visitors/newest?sort=-events&q=look",
    "/console/visitors?userId=looker",
    f"/console/visitors?sessionId=looking&against={OTHER_VERSION}",
    "/console/visitors?userId=nobody",
    "/console/find",
    "/console/find?q=a",
    "/console/find?q=nothing-of-that-name",
    "/console/models/compare",
    f"/console/models/compare?sessionId=looking&against={OTHER_VERSION}",
    "/console/models/live-tests",
    "/console/models/recipes",
    "/console/happenings",
    "/console/data",
    "/console/data?eventId=lost-1",
    "/console/data?sessionId=nobody",
    "/console/data/quality",
    "/console/data/letters",
    "/console/data/letters?code=invalid_input&source=http",
    "/console/data/archive",
    "/console/settings",
    "/console/settings/keys",
    "/console/settings/notifications",
    "/console/settings/audit",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_world(tmp_path_factory.mktemp("pages"), access_keys="required")


@pytest.fixture(scope="module")
def app(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def browser(app: TestClient, service: Settings) -> TestClient:
    """An operator who has signed in."""
    app.cookies.clear()
    key = make_key(service, Scope.OPERATOR)
    app.post("/console/sign-in", data={"key": key}, headers=_FORM, follow_redirects=False)
    return app


def words(answer: httpx.Response) -> str:
    """What a reader sees of a page."""
    assert answer.status_code == 200, answer.text[:2_000]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def do(browser: TestClient, path: str, **fields: str) -> httpx.Response:
    """Send a form; the page that one is led to."""
    answer: httpx.Response = browser.post(path, data=fields, headers=_FORM)
    return answer


def newest_action(browser: TestClient) -> str:
    page = words(browser.get("/console/settings/audit"))
    return page.partition("To Outcome")[2].strip()[:160]


def test_a_page_is_small_and_shows_what_it_is_given_as_text(
    browser: TestClient, subtests: pytest.Subtests
) -> None:
    for path in PAGES:
        with subtests.test(path=path):
            page = browser.get(path)
            assert page.status_code == 200
            assert len(page.content) < 100_000
            assert "<script>alert" not in page.text
            assert page.text.count("<script") == 1
            assert "style=" not in page.text
            assert page.headers["cache-control"] == "no-store"


def test_no_name_breaks_a_page(browser: TestClient, subtests: pytest.Subtests) -> None:
    for name in [*HOSTILE, "x" * 5_000, "'; drop table events; --", "\x00", "\u202e"]:
        for path in [
            "/console/find?q=",
            "/console/visitors?userId=",
            "/console/visitors?sessionId=",
            "/console/data?eventId=",
            "/console/data?sessionId=",
            "/console/animals?search=",
            "/console/animals?shelter=",
            "/console/animals?cursor=",
            "/console/data/letters?code=",
            "/console/data/letters/",
            "/console/settings/audit?cursor=",
        ]:
            with subtests.test(name=name, path=path):
                page = browser.get(path + str(httpx.QueryParams({"x": name}))[2:])
                assert page.status_code in {200, 400, 404}
                assert "<script>alert" not in page.text
                assert len(page.content) < 100_000
                if "/" not in name:  # which makes it a path that there is not
                    assert page.headers["content-type"].startswith("text/html")


def test_a_name_of_any_kind_is_found_as_it_was_sent(browser: TestClient) -> None:
    for name in HOSTILE:
        page = words(browser.get("/console/visitors", params={"userId": name}))
        assert "Nothing is stored" not in page
        assert name[:70] in page


def test_who_has_no_key_of_an_operator_sees_no_visitor(
    browser: TestClient, service: Settings
) -> None:
    for scope in (Scope.SITE, Scope.MONITOR, Scope.CONTROL_PLANE):
        browser.cookies.clear()
        key = make_key(service, scope)
        browser.post("/console/sign-in", data={"key": key}, headers=_FORM)
        for path in PAGES:
            refused = browser.get(path)
            assert "looker" not in refused.text.replace("userId=looker", "")
            assert "<table" not in refused.text


def test_animals_are_sorted_by_the_heads_of_their_table(
    browser: TestClient, service: Settings
) -> None:
    headers = {"Authorization": f"Bearer {make_key(service, Scope.OPERATOR)}"}
    orders = {}
    for sort in ("waiting_days", "-waiting_days"):
        path = f"/v1/console/animals?status=any&sort={sort}"
        animals = browser.get(path, headers=headers).json()["animals"]
        orders[sort] = [one["waitingDays"] for one in animals]
    assert orders["waiting_days"] == sorted(orders["waiting_days"])
    assert orders["-waiting_days"] == sorted(orders["-waiting_days"], reverse=True)
    page = browser.get("/console/animals?sort=-waiting_days").text
    assert 'aria-sort="descending"><a href="/console/animals?sort=waiting_days#table"' in page
    refused = browser.get("/console/animals?sort=age")
    assert refused.status_code == 400
    assert "must be one of -waiting_days, waiting_days, shown" in refused.text


def test_pages_and_json_say_the_same(browser: TestClient, service: Settings) -> None:
    headers = {"Authorization": f"Bearer {make_key(service, Scope.OPERATOR)}"}
    listing = browser.get("/v1/console/animals", headers=headers).json()
    page = words(browser.get("/console/animals"))
    assert all(one["id"][:70] in page for one in listing["animals"])
    report = browser.get("/v1/console/data", headers=headers).json()
    page = words(browser.get("/console/data/quality"))
    assert all(one["says"] in page for one in report["checks"])


def test_a_meaning_is_asked_first_then_stored_and_noted(
    browser: TestClient, service: Settings
) -> None:
    told = {"source": "north", "field": "breed", "value": MARKUP, "meaning": "Siamese"}
    asked = words(browser.get("/console/animals/meaning", params=told))
    assert f"the breed “{MARKUP}” of source north counts as Siamese" in asked
    with opened(service) as adapters:
        assert Meanings(adapters.registry).of("north") == {}
    page = words(do(browser, "/console/animals/meaning", **told))
    assert "counts as Siamese from the next import on" in page
    assert "means Siamese" in page
    with opened(service) as adapters:
        assert Meanings(adapters.registry).of("north") == {"breed": {MARKUP: "Siamese"}}
    assert "POST /console/animals/meaning breed done" in newest_action(browser)
    wrong = browser.get("/console/animals/meaning", params={**told, "meaning": "zzz"})
    assert wrong.status_code == 400
    assert "is no breed we know" in html.unescape(wrong.text)


def test_a_letter_is_mended_by_what_can_be_taken_then_taken_in(
    browser: TestClient, service: Settings
) -> None:
    page = browser.get("/console/data?eventId=lost-0").text
    letter = re.search(r"/console/data/letters/([0-9a-f]+)", page)
    assert letter is not None
    path = "/console/data/letters/mend"
    wrong = words(do(browser, path, letterId=letter[1], raw='{"sessionId": "0"}'))
    assert "This could not be taken either" in wrong
    good = '{"eventId": "lost-0", "sessionId": "0", "eventType": "view", "animal_id": "cat-1"}'
    mended = words(do(browser, path, letterId=letter[1], raw=good))
    assert "The dead letter is mended" in mended
    assert f"POST {path} {letter[1]} done" in newest_action(browser)
    confirm = words(browser.get("/console/data/letters/replay", params={"letterId": letter[1]}))
    assert "Events that can be taken now are stored" in confirm
    taken = words(do(browser, "/console/data/letters/replay", letterId=letter[1]))
    assert "Events stored: 1. Letters left: 0." in taken
    assert "Yes: it was accepted" in words(browser.get("/console/data?eventId=lost-0"))
    assert browser.get(f"/console/data/letters/{letter[1]}").status_code == 404


def test_all_of_a_reason_are_taken_in_or_removed_after_asking(browser: TestClient) -> None:
    of = {"code": "invalid_input", "source": "http"}
    assert "as of now" in words(browser.get("/console/data/letters/remove", params=of))
    left = words(do(browser, "/console/data/letters/replay", **of))
    assert "Events stored: 0." in left
    assert do(browser, "/console/data/letters/remove").status_code == 400
    gone = words(do(browser, "/console/data/letters/remove", code="invalid_body", source="x"))
    assert "Letters removed: 0." in gone


def test_a_letter_that_is_no_text_or_too_long_is_for_the_command_line(
    browser: TestClient,
) -> None:
    found = browser.get("/console/data/letters").text
    letters = re.findall(r'href="/console/data/letters/([0-9a-f]+)"', found)
    pages = [browser.get(f"/console/data/letters/{one}") for one in letters]
    assert any("pawsonalize dead-letters mend" in page.text for page in pages)
    assert all(len(page.content) < 100_000 for page in pages)


def test_a_test_notification_is_sent_after_asking(browser: TestClient) -> None:
    asked = words(browser.get("/console/settings/notifications/test"))
    assert "Everybody who is told by log gets one message" in asked
    sent = words(do(browser, "/console/settings/notifications/test"))
    assert "A test was sent: log took it." in sent
    assert "POST /console/settings/notifications/test \N{EN DASH} done" in newest_action(browser)


def test_the_page_of_settings_leads_to_all_that_changes_while_it_serves(
    browser: TestClient,
) -> None:
    page = browser.get("/console/settings").text
    part = page.partition("What changes while it serves")[2].partition("</section>")[0]
    found = re.findall(r'<li><a href="(/console/\S+)">(\w+)</a>', part)
    assert [name for _, name in found] == [
        *("Models", "Feeds", "Upload", "Alerts", "Keys", "Notifications")
    ]
    assert {browser.get(path).status_code for path, _ in found} == {200}


def test_a_key_is_made_after_one_was_asked_and_its_secret_is_shown_once(
    browser: TestClient, service: Settings
) -> None:
    wanted = {
        "note": "the site",
        "events": "true",
        "runtime": "true",
        "origins": "https://shelter.example https://other.example",
        "datasetGroup": "pawsonalize",
        "rate": "50/second",
        "days": "30",
    }
    asked = words(browser.get("/console/settings/keys/create", params=wanted))
    assert "Make a key with events, runtime ?" in asked.replace("runtime?", "runtime ?")
    assert "https://shelter.example, https://other.example" in asked
    assert "dataset group pawsonalize alone" in asked
    made = do(browser, "/console/settings/keys/create", **wanted)
    secret = re.search(r"PAWSONALIZE_KEY</strong><br><code>(PAWS\w{16}\.[^<]{40})<", made.text)
    assert secret is not None
    assert made.headers["cache-control"] == "no-store"
    name, shown = secret[1].split(".")
    with opened(service) as adapters:
        key, of_key = adapters.access_keys.find(name) or pytest.fail("no key")
    assert of_key == html.unescape(shown)
    assert (key.note, key.scopes, key.dataset_group) == (
        "the site", (Scope.EVENTS, Scope.RUNTIME), "pawsonalize",
    )  # fmt: skip
    assert key.origins == ("https://shelter.example", "https://other.example")
    assert (key.rate, key.expires_at is None) == ("50/second", False)
    assert shown not in browser.get("/console/settings/keys").text
    assert f"POST /console/settings/keys/create {name} done" in newest_action(browser)


def test_a_key_is_rotated_and_the_old_one_ends_with_the_overlap(
    browser: TestClient, service: Settings
) -> None:
    path, old = "/console/settings/keys/rotate", make_key(service, Scope.EVENTS).split(".")[0]
    assert f"{old} works for 7 days more" in words(browser.get(path, params={"key": old}))
    made = re.search(r"<code>(PAWS\w{16})\.[^<]{40}<", do(browser, path, key=old).text)
    assert made is not None
    with opened(service) as adapters:
        before, after = (adapters.registry.get(AccessKey, one) for one in (old, made[1]))
    assert (after.scopes, after.expires_at) == ((Scope.EVENTS,), None)
    assert before.expires_at is not None
    assert f"POST {path} {made[1]} done" in newest_action(browser)


def test_a_key_that_cannot_be_meant_is_not_made(
    browser: TestClient, service: Settings, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "give the key a scope: browser"),
        ({"site": "true", "days": "soon"}, "ends in soon days"),
        ({"site": "true", "days": "0"}, "ends in 0 days"),
        ({"site": "true", "days": "1000000"}, "ends in 1000000 days"),
        ({"site": "true", "origins": "shelter.example"}, "is no origin"),
        ({"site": "true", "rate": "often"}, "often"),
        ({"site": "true", "datasetGroup": "nowhere"}, "nowhere"),
    ]
    for wanted, reason in cases:
        with subtests.test(wanted=wanted, reason=reason):
            with opened(service) as adapters:
                before = [key.name for key in adapters.access_keys.all()]
            refused = do(browser, "/console/settings/keys/create", **wanted)
            assert refused.status_code in {400, 404}
            assert reason in html.unescape(refused.text).lower()
            with opened(service) as adapters:
                assert [key.name for key in adapters.access_keys.all()] == before


def test_a_key_is_removed_after_one_was_asked(browser: TestClient, service: Settings) -> None:
    name = make_key(service, Scope.SITE).partition(".")[0]
    assert f"/console/settings/keys/remove?key={name}" in browser.get("/console/settings/keys").text
    asked = words(browser.get("/console/settings/keys/remove", params={"key": name}))
    assert "It may: site." in asked
    assert f"Key {name} is removed." in words(
        do(browser, "/console/settings/keys/remove", key=name)
    )
    with opened(service) as adapters:
        assert adapters.access_keys.find(name) is None
    assert do(browser, "/console/settings/keys/remove", key=name).status_code == 404


def test_nobody_but_an_operator_of_the_whole_service_makes_or_removes_keys(
    app: TestClient, service: Settings
) -> None:
    victim = make_key(service, Scope.SITE).partition(".")[0]
    paths = {"create": {"operator": "true"}, "remove": {"key": victim}}
    with opened(service) as adapters:
        keys = adapters.access_keys
        of_a_group, secret = keys.create([Scope.OPERATOR], "", 0, dataset_group="pawsonalize")
        before = {key.name for key in keys.all()}
    weak = [make_key(service, one) for one in (Scope.CONTROL_PLANE, Scope.SITE)]
    before |= {key.partition(".")[0] for key in weak}
    for key in (None, *weak, f"{of_a_group.name}.{secret}"):
        app.cookies.clear()
        app.post("/console/sign-in", data={"key": key or ""}, headers=_FORM, follow_redirects=False)
        for action, fields in paths.items():
            path = f"/console/settings/keys/{action}"
            answer = app.post(path, data=fields, headers=_FORM, follow_redirects=False)
            assert answer.status_code in {303, 403}
            assert answer.headers.get("location", "/console/sign-in").startswith("/console/sign-in")
    foreign = {**_FORM, "Origin": "https://evil.example"}
    app.post("/console/sign-in", data={"key": make_key(service, Scope.OPERATOR)}, headers=_FORM)
    for action, fields in paths.items():
        path = f"/console/settings/keys/{action}"
        assert app.post(path, data=fields, headers=foreign).status_code == 403
    with opened(service) as adapters:
        assert before < {key.name for key in adapters.access_keys.all()}, "one is ours"
        assert len(list(adapters.access_keys.all())) == len(before) + 1


def test_commands_are_code_and_no_backticks_are_printed(
    browser: TestClient, subtests: pytest.Subtests
) -> None:
    for path in PAGES:
        with subtests.test(path=path):
            assert "`" not in browser.get(path).text


def test_a_message_with_a_command_is_written_as_code() -> None:
    assert prose("run `pawsonalize doctor` <b>") == (
        "run <code>pawsonalize doctor</code> &lt;b&gt;"
    )
    assert prose("a ` alone") == "a ` alone"
