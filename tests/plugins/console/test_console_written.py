"""What a description states, confirmed and rejected on the console page of its animal."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.core.scopes import Scope
from tests.hostile_world import make_world
from tests.plugins.console.test_console_desk import send
from tests.plugins.console.test_console_pages import words
from tests.service_data import client_of, make_key

PAGE = "/console/animals/id/rex"


@pytest.fixture
def volunteer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser that has signed in with a key of the scope `desk`, and has added Rex."""
    settings = make_world(tmp_path_factory.mktemp("written"), access_keys="required")
    with client_of(build_app(settings)) as client:
        client.post("/console/sign-in", data={"key": make_key(settings, Scope.DESK)})
        text = "Rex is good with cats. He is house trained."
        send(client, "add", id="rex", name="Rex", species="dog", description=text)
        yield client


def verdicts(page: str) -> dict[str, list[str]]:
    """The verdicts that the buttons of each statement send."""
    forms = re.findall(r'action="/console/animals/actions/written">(.*?)</form>', page, re.DOTALL)
    return {
        re.findall(r'name="trait" value="(\w+)"', form)[0]: re.findall(
            r'name="verdict" value="(\w*)"', form
        )
        for form in forms
    }


def test_a_volunteer_rejects_a_statement_and_takes_that_back(volunteer: TestClient) -> None:
    open_ones = {"good_with_cats": ["confirmed", "rejected"]}
    open_ones["house_trained"] = ["confirmed", "rejected"]
    assert verdicts(volunteer.get(PAGE).text) == open_ones
    rejected = send(
        volunteer, "written", animalId="rex", trait="good_with_cats", verdict="rejected"
    )
    assert rejected.url.path == PAGE
    assert "“good with cats” is rejected." in words(rejected)
    assert verdicts(rejected.text) == open_ones | {"good_with_cats": [""]}
    undone = send(volunteer, "written", animalId="rex", trait="good_with_cats", verdict="")
    assert "“good with cats” is as it was read." in words(undone)
    assert verdicts(undone.text) == open_ones


def test_a_statement_that_was_not_read_cannot_be_rejected(volunteer: TestClient) -> None:
    refused = send(volunteer, "written", animalId="rex", trait="deaf", verdict="rejected")
    assert refused.status_code == 404
    assert "states nothing of deaf: load its page again" in refused.text


@pytest.mark.parametrize(
    ("trait", "verdict", "said"),
    [
        ("flies", "rejected", "There is no trait 'flies': it is one of good_with_kids"),
        ("good_with_cats", "maybe", "Verdict is confirmed, rejected or empty, not 'maybe'"),
    ],
)
def test_an_unknown_trait_or_verdict_is_refused_in_words_and_changes_nothing(
    volunteer: TestClient, trait: str, verdict: str, said: str
) -> None:
    before = verdicts(volunteer.get(PAGE).text)
    refused = send(volunteer, "written", animalId="rex", trait=trait, verdict=verdict)
    assert refused.status_code == 400
    assert said in unescape(refused.text)
    assert verdicts(volunteer.get(PAGE).text) == before
