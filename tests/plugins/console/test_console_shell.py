"""What all pages of the console share: who sees them, and how something is done on them."""

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.app.pages import shell
from pawsonalize.app.pages.shell import HOME, TENANTS, links
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.defaults import DATASET_GROUP
from tests.service_data import client_of, make_key, make_service

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("console"), access_keys="required")


@pytest.fixture(scope="module")
def app(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def browser(app: TestClient) -> TestClient:
    """Somebody who has not signed in."""
    app.cookies.clear()
    return app


def sign_in(browser: TestClient, key: str) -> None:
    answer = browser.post(
        "/console/sign-in", data={"key": key}, headers=_FORM, follow_redirects=False
    )
    assert answer.status_code == 303


@pytest.mark.parametrize("path", [link for _, link in links()])
def test_every_page_asks_who_looks_and_then_marks_itself_in_the_navigation(
    browser: TestClient, service: Settings, path: str
) -> None:
    asked = browser.get(path, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"][:21]) == (303, "/console/sign-in?next")
    sign_in(browser, make_key(service, Scope.OPERATOR))
    page = browser.get(path)
    assert page.status_code == 200
    assert f'<a href="{path}" aria-current="page">' in page.text
    assert page.text.count('aria-current="page"') == 1
    assert len(page.content) < 100_000


def test_a_browser_is_told_at_once_that_a_page_is_being_made_and_loads_it(
    browser: TestClient, service: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "SOON_SECONDS", 0.0)
    key = make_key(service, Scope.OPERATOR)
    sign_in(browser, key)
    browser.cookies.set("pawsonalize_notice", "Done.")
    navigating = {"Accept": "text/html,*/*;q=0.8"}
    soon = browser.get("/console/outcomes", headers=navigating)
    assert (soon.status_code, soon.headers["refresh"]) == (202, "0")
    assert "<h1>One moment</h1>" in soon.text
    assert '<a href="/console/outcomes" aria-current="page">' in soon.text
    page = browser.get("/console/outcomes", headers=navigating)
    assert (page.status_code, "refresh" in page.headers) == (200, False)
    assert "<h1>Outcomes</h1>" in page.text
    assert "Done." in page.text, "the first page kept what was to be said once"


def test_the_page_of_an_error_leads_away_from_a_time_that_cannot_be_meant(
    browser: TestClient, service: Settings
) -> None:
    sign_in(browser, make_key(service, Scope.OPERATOR))
    refused = browser.get("/console/models?period=soon")
    assert refused.status_code == 400
    assert "soon" not in "".join(re.findall(r'href="[^"]*"', refused.text))
    assert 'href="/console/data?period=7d"' in browser.get("/console/models?period=7d").text


def test_a_key_of_the_control_plane_alone_opens_the_tenants_and_nothing_else(
    browser: TestClient, service: Settings
) -> None:
    sign_in(browser, make_key(service, Scope.CONTROL_PLANE))
    assert browser.get(HOME, follow_redirects=False).headers["location"] == TENANTS
    assert browser.get(TENANTS).status_code == 200
    for link in {path for _, path in links()} - {HOME, TENANTS}:
        refused = browser.get(link)
        assert refused.status_code == 403
        assert re.search(r"this needs (desk or )?operator", refused.text)


def test_a_key_of_one_dataset_group_is_led_to_its_page_and_sees_no_navigation(
    browser: TestClient, service: Settings
) -> None:
    sign_in(browser, make_key(service, Scope.OPERATOR, dataset_group=DATASET_GROUP))
    page = browser.get(HOME)
    assert page.url.path == f"/tenants/{DATASET_GROUP}"
    assert "<nav" not in page.text
    assert browser.get("/console/models").status_code == 403
