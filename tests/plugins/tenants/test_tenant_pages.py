"""The pages of tenants: who sees them, what they say, and how one signs in."""

import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from pawsonalize.operations.admission import LASTS, begin_session, session_key
from pawsonalize.site.words import size_in_bytes
from tests.service_data import client_of, make_key
from tests.tenant_world import SHELTERS, make_shelters

COOKIE = "pawsonalize_console"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_shelters(tmp_path_factory.mktemp("shelters"), access_keys="required")


@pytest.fixture(scope="module")
def app(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def browser(app: TestClient) -> TestClient:
    """Somebody who has not signed in."""
    app.cookies.clear()
    return app


def sign_in(browser: TestClient, key: str, after: str = "") -> httpx.Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    form = {"key": key, "next": after}
    answer: httpx.Response = browser.post(
        "/console/sign-in", data=form, headers=headers, follow_redirects=False
    )
    return answer


def test_nobody_sees_a_tenant_without_signing_in(browser: TestClient) -> None:
    for path in ("/tenants", "/tenants/river-road"):
        answer = browser.get(path, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/sign-in?next=%2Ftenants")
        assert "river-road" not in answer.text


def test_an_operator_signs_in_sees_all_tenants_and_signs_out(
    browser: TestClient, service: Settings
) -> None:
    answer = sign_in(browser, make_key(service, Scope.OPERATOR), "/tenants/river-road")
    assert (answer.status_code, answer.headers["location"]) == (303, "/tenants/river-road")
    listed = browser.get("/tenants").text
    assert all(f'href="/tenants/{name}"' for name in SHELTERS)
    assert all(name in listed for name in SHELTERS)
    assert browser.get("/tenants/nowhere").status_code == 404
    browser.post("/console/sign-out", follow_redirects=False)
    assert browser.get("/tenants", follow_redirects=False).status_code == 303


def test_a_page_says_what_was_used_of_which_limit_and_which_keys_there_are(
    browser: TestClient, service: Settings
) -> None:
    sign_in(browser, make_key(service, Scope.CONTROL_PLANE))
    page = re.sub(r"<[^>]+>|\s+", " ", browser.get("/tenants/river-road").text)
    page = re.sub(r" +", " ", page)
    assert "3,300 of 5,000" in page
    assert "120 events were refused today" in page
    assert "90 days" in page
    assert "the server of river-road" in page
    assert "no model yet" in page


def test_the_cookie_is_no_secret_and_no_script_or_other_site_gets_it(
    browser: TestClient, service: Settings
) -> None:
    key = make_key(service, Scope.OPERATOR)
    set_cookie = sign_in(browser, key).headers["set-cookie"]
    assert key.partition(".")[2] not in set_cookie
    assert "HttpOnly" in set_cookie
    assert "SameSite=strict" in set_cookie
    assert f"Max-Age={LASTS // 1000}" in set_cookie


def test_a_key_that_is_taken_back_ends_its_session(browser: TestClient, service: Settings) -> None:
    key = make_key(service, Scope.OPERATOR)
    sign_in(browser, key)
    assert browser.get("/tenants", follow_redirects=False).status_code == 200
    with opened(service) as adapters:
        adapters.access_keys.delete(key.partition(".")[0])
    browser.app.state.admission._found._known.clear()  # type: ignore[attr-defined]
    assert browser.get("/tenants", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("key", ["", "PAWSX.y", "nonsense", "Ü.ü"])
def test_a_wrong_key_is_refused_with_the_reason_and_gives_no_cookie(
    browser: TestClient, key: str
) -> None:
    answer = sign_in(browser, key)
    assert answer.status_code == 401
    assert "keys create" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_key_for_something_else_does_not_open_the_pages(
    browser: TestClient, service: Settings
) -> None:
    answer = sign_in(browser, make_key(service, Scope.SITE))
    assert answer.status_code == 403
    assert "this needs control-plane or desk or operator" in answer.text


def test_a_key_of_one_dataset_group_opens_its_page_alone(
    browser: TestClient, service: Settings
) -> None:
    sign_in(browser, make_key(service, Scope.CONTROL_PLANE, dataset_group="orchard-park"))
    answer = browser.get("/tenants", follow_redirects=False)
    assert answer.headers["location"] == "/tenants/orchard-park"
    own = browser.get("/tenants/orchard-park")
    assert own.status_code == 200
    assert "All tenants" not in own.text
    other = browser.get("/tenants/river-road")
    assert other.status_code == 403
    assert "3,300" not in other.text


@pytest.mark.parametrize(
    "after",
    ["https://evil.example", "//evil.example", "/tenants\\..\\x", "/tenants/../x\r\nA: b", "/x"],
)
def test_after_signing_in_one_is_led_to_no_other_site(
    browser: TestClient, service: Settings, after: str
) -> None:
    answer = sign_in(browser, make_key(service, Scope.OPERATOR), after)
    assert answer.headers["location"] == "/console"


def test_on_its_own_machine_the_service_shows_everybody(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = make_shelters(tmp_path_factory.mktemp("open"))
    with client_of(build_app(settings)) as client:
        assert "river-road" in client.get("/tenants").text
        assert "Sign out" not in client.get("/tenants").text


def test_pages_and_json_say_the_same(browser: TestClient, service: Settings) -> None:
    key = make_key(service, Scope.OPERATOR)
    sign_in(browser, key)
    headers = {"Authorization": f"Bearer {key}"}
    found = browser.get("/v1/tenants/river-road", headers=headers).json()
    assert found["health"] == "attention"
    page = browser.get("/tenants/river-road").text
    assert all(f"{note[1:]}." in page for note in found["notes"])
    listed = browser.get("/v1/tenants", headers=headers).json()["tenants"]
    assert [one["name"] for one in listed][:3] == list(reversed(SHELTERS))


@pytest.mark.parametrize(
    "session",
    [
        "",
        "PAWSA.1.x",
        "PAWSA.99999999999999.{proof}",
        "PAWSB.{end}.{proof}",
        "PAWSA.{end}.{proof}0",
    ],
)
def test_a_session_that_was_not_given_is_none(session: str) -> None:
    secrets, now = {"PAWSA": "a", "PAWSB": "b"}, clock.now()
    _, end, proof = begin_session("PAWSA", "a", now).split(".")
    assert session_key(session.format(end=end, proof=proof), secrets.get, now) is None


def test_a_session_is_over_after_its_time() -> None:
    secrets, now = {"PAWSA": "a"}, clock.now()
    session = begin_session("PAWSA", "a", now)
    assert session_key(session, secrets.get, now + LASTS - 1) == "PAWSA"
    assert session_key(session, secrets.get, now + LASTS) is None


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1_234, "1.23 kB"), (999_900, "1 MB"), (12_000_000_000, "12 GB")],
)
def test_bytes_are_said_in_words(count: int, words: str) -> None:
    assert size_in_bytes(count) == words
