"""Destinations of notifications on the console and on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.main import app
from pawsonalize.app.configuration import not_in_tables
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from pawsonalize.plugins.notifications.destinations import Destinations
from tests.hostile_world import MARKUP
from tests.plugins.console.test_console_pages import do, newest_action, words
from tests.service_data import client_of, make_key, make_service

HERE = "/console/settings/notifications"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVIL = {"Origin": "https://evil.example"}
HOOK = "https://hooks.example/T0KEN?key=s3cr3t"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # With it no name is looked up.
    return make_service(tmp_path, train=False, notify_own_network=True, letter_schedule="0 8 * * 1")


@pytest.fixture
def browser(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings)) as client:
        yield client


def test_the_page_shows_a_secret_once_and_never_the_path_of_a_webhook(
    browser: TestClient, settings: Settings
) -> None:
    assert [*not_in_tables(settings)] != [], "the letter reaches nobody yet"
    added = words(do(browser, f"{HERE}/save", address=HOOK, note=MARKUP, letter="true"))
    secret = added.partition("whsec_")[2].split()[0]
    page = browser.get(HERE)
    assert "hooks.example · letter · nothing delivered yet" in words(page)
    name = "destination-" + page.text.partition("?destination=destination-")[2].partition("#")[0]
    changing = browser.get(HERE, params={"destination": name})
    for shown in (page.text, changing.text):
        assert not any(one in shown for one in (secret, "T0KEN", "s3cr3t", MARKUP))
    assert f"POST {HERE}/save {name} done" in newest_action(browser)
    assert [*not_in_tables(settings)] == [], "the letter has a reader"


def test_a_wrong_form_changes_nothing_and_names_the_next_move(browser: TestClient) -> None:
    wrong = {
        "no webhook and no e-mail": {"address": "hooks.example", "letter": "true"},
        "choose what it gets": {"address": HOOK},
        "set notify_smtp_url": {"address": "ann@x.example", "letter": "true"},
        "there is no notification destination": {"destination": "x", "letter": "true"},
    }
    for reason, fields in wrong.items():
        answer = do(browser, f"{HERE}/save", **fields)
        assert answer.status_code in {400, 404}
        assert reason in answer.text.lower()
    assert browser.get(HERE, params={"destination": "x"}).status_code == 404
    assert "Change" not in browser.get(HERE).text


def test_no_page_of_another_site_and_no_smaller_key_adds_one(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False, access_keys="required")
    fields = {"address": HOOK, "letter": "true"}
    with client_of(build_app(settings)) as client:
        assert do(client, f"{HERE}/save", **fields).url.path == "/console/sign-in"
        for scope, headers in ((Scope.CONTROL_PLANE, {}), (Scope.OPERATOR, EVIL)):
            do(client, "/console/sign-in", key=make_key(settings, scope))
            sent = {**FORM, **headers}
            assert client.post(f"{HERE}/save", data=fields, headers=sent).status_code == 403
    with opened(settings) as adapters:
        assert Destinations.of(adapters).all() == []


def test_the_test_of_all_reaches_what_was_added(browser: TestClient) -> None:
    do(browser, f"{HERE}/save", address="http://127.0.0.1:1/", note="Cats", letter="true")
    answer = browser.post("/v1/console/notifications/test").json()["channels"]
    assert [one["taken"] for one in answer] == [True, False]
    assert "127.0.0.1:1 did not answer" in answer[1]["reason"]
    asked = words(browser.get(f"{HERE}/test"))
    assert "Everybody who is told by log, Cats gets one message" in asked


def test_the_commands_add_list_and_remove(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWSONALIZE_NOTIFY_OWN_NETWORK", "true")
    folder = ["--data-dir", str(settings.data_dir)]

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["notifications", *words, *folder])
        assert done.exit_code == 0, done.output
        return done.stdout

    name, secret = run("create", "--to", HOOK, "--topic", "letter", "--note", "Cats").splitlines()
    assert secret.startswith("secret: whsec_")
    (listed,) = json.loads(run("destinations", "--json"))
    assert (listed["name"], listed["address"], listed["topics"]) == (
        name,
        "hooks.example",
        ["letter"],
    )
    assert HOOK not in run("destinations")
    run("delete", name)
    assert json.loads(run("destinations", "--json")) == []
