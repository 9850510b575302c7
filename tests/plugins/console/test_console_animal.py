"""The console's page of one animal: why it is not seen, what would help, and its edits."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import exp
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.event import Visitor
from pawsonalize.core.scopes import Scope
from pawsonalize.operations.services import Services
from pawsonalize.recommend.animals.eligibility import Eligibility
from pawsonalize.recommend.query import Query
from tests.hostile_world import HOSTILE, NOW, make_world
from tests.service_data import client_of, make_key

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_EDIT = "/console/animals/actions/edit"
_STATUS = "/console/animals/actions/status"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = make_world(tmp_path_factory.mktemp("animal"), access_keys="required")
    with opened(settings) as adapters:
        adapters.catalogue.set_attributes("looker", {"LATITUDE": "52.5", "LONGITUDE": "13.4"})
    return settings


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
    app.headers["Authorization"] = f"Bearer {key}"
    return app


def words(answer: httpx.Response) -> str:
    """What a reader sees of a page."""
    assert answer.status_code == 200, answer.text[:2_000]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def report_of(browser: TestClient, animal_id: str) -> Any:
    answer = browser.get(f"/v1/console/animals/{quote(animal_id, safe='')}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def look_of(browser: TestClient, animal_id: str) -> str:
    page = browser.get(f"/console/animals/id/{animal_id}").text
    found = re.search(r'name="look" value="(\w+)"', page)
    assert found is not None
    return found[1]


def edit(browser: TestClient, animal_id: str, **fields: str) -> httpx.Response:
    fields = {"look": look_of(browser, animal_id), **fields, "animalId": animal_id}
    answer: httpx.Response = browser.post(_EDIT, data=fields, headers=_FORM)
    return answer


def test_its_page_says_why_it_is_not_seen_and_what_would_help(browser: TestClient) -> None:
    page = words(browser.get("/console/animals/id/cat-1"))
    assert "Cat 1" in page
    assert "3 photos instead of none" in page
    assert "It has no description" in page
    assert "“good with cats” known" in page
    assert "if the answer is yes, for visitors with cats" in page
    assert "Viewed : 1" in page  # the event of its page
    assert "looker" in page


def test_every_animal_has_a_page_whatever_its_id(browser: TestClient) -> None:
    for place, name in enumerate(HOSTILE):
        animal_id = f"odd-{place} {name[:200]}"
        page = words(browser.get(f"/console/animals/id/{quote(animal_id, safe='')}"))
        assert name[:70] in page
        assert report_of(browser, animal_id)["animal"]["id"] == animal_id
    assert browser.get("/console/animals/id/nobody").status_code == 404


def test_a_gain_is_that_of_an_animal_that_was_really_changed(
    browser: TestClient, app: TestClient, subtests: pytest.Subtests
) -> None:
    services: Services = app.app.state.services  # type: ignore[attr-defined]
    animal_recommender = services.animal_recommender.with_group_recommender(
        services.group_recommender, is_seen=False
    )

    def utility(rules: Eligibility) -> float:
        now = services.now()
        query = Query(Visitor("looker", "looking"), now, now, limit=13, eligibility=rules)
        places = animal_recommender.recommend(animal_recommender.with_profile(query)).places
        return next(one.utility for one in places if one.animal_ids == ("dog-1",))

    cases: dict[str, dict[str, object]] = {
        "photos": {"photos": ("https://a.example/1",) * 3},
        "priority": {"priority": 1.0},
        "goodWithCats": {"good_with_cats": GoodWith.YES},
        "place": {"latitude": 52.5 + 25 / 111.195, "longitude": 13.4},
    }
    remedies = {one["change"]: one for one in report_of(browser, "dog-1")["visibility"]["remedies"]}
    before = services.inventory.get("dog-1")
    for name, values in cases.items():
        with subtests.test(change=name):
            rules = Eligibility(cats=name == "goodWithCats")
            was = utility(rules)
            services.inventory.edit("dog-1", partial(replace, **values), NOW)
            assert exp(utility(rules) - was) == pytest.approx(remedies[name]["odds"], abs=1e-3)
            assert remedies[name]["odds"] > 1
        services.inventory.edit("dog-1", lambda _: before, NOW)


def test_animals_that_go_together_are_weighed_as_the_first_of_them(
    browser: TestClient, app: TestClient
) -> None:
    services: Services = app.app.state.services  # type: ignore[attr-defined]
    together = partial(replace, bonded_unit="pair")
    services.inventory.edit("cat-4", together, NOW)  # listed first
    photos = ("https://a.example/1",) * 3
    services.inventory.edit("cat-0", partial(together, photos=photos), NOW)
    seen = report_of(browser, "cat-0")["visibility"]
    assert "photos" in {one["change"] for one in seen["remedies"]}
    assert seen["place"] == report_of(browser, "cat-4")["visibility"]["place"]
    assert any("cat-4: they share one place" in one for one in seen["findings"])


def test_an_animal_of_no_answer_says_so(browser: TestClient) -> None:
    browser.post(_STATUS, data={"animalId": "dog-4", "status": "hold"}, headers=_FORM)
    assert report_of(browser, "dog-4")["visibility"] is None
    assert "Only available animals are in answers" in words(
        browser.get("/console/animals/id/dog-4")
    )


def test_an_edit_is_stored_and_noted_and_names_who_overwrites_it(browser: TestClient) -> None:
    told = {"name": "Nina", "goodWithCats": "yes", "houseTrained": "no", "priority": "0.5"}
    photos = "https://a.example/1.jpg\r\nhttps://a.example/2.jpg"
    page = words(edit(browser, "dog-0", photos=photos, description="Two\r\nlines", **told))
    assert "Nina is stored. What your site sends says anew what it is" in page
    animal = report_of(browser, "dog-0")["animal"]
    assert (animal["name"], animal["goodWithCats"], animal["houseTrained"]) == (
        "Nina",
        "yes",
        False,
    )
    assert animal["photos"] == ["https://a.example/1.jpg", "https://a.example/2.jpg"]
    assert (animal["description"], animal["priority"]) == ("Two\nlines", 0.5)
    newest = browser.get("/v1/audit", params={"limit": 1}).json()["actions"][0]
    assert (newest["what"], newest["target"], newest["outcome"]) == (
        f"POST {_EDIT} name, houseTrained, goodWithCats, priority, photos, description",
        "dog-0",
        "done",
    )


def test_an_edit_of_what_changed_meanwhile_or_cannot_be_read_stores_nothing(
    browser: TestClient,
) -> None:
    before = report_of(browser, "dog-2")["animal"]
    assert edit(browser, "dog-2", name="Other", look="0").status_code == 409
    for field, value in (("priority", "7"), ("photos", "ftp://x"), ("goodWithKids", "often")):
        answer = edit(browser, "dog-2", **{field: value})
        assert answer.status_code == 400
        assert field.lower() in answer.text.lower()
    assert report_of(browser, "dog-2")["animal"] == before


def test_an_adopted_animal_is_gone_from_the_very_next_answer(browser: TestClient) -> None:
    def shown() -> set[str]:
        answer = browser.post("/v1/recommendations", json={"of": "animals", "limit": 50})
        return {one["id"] for one in answer.json()}

    assert "cat-2" in shown()
    told = {"animalId": "cat-2", "status": "adopted"}
    assert "Cat 2 is adopted." in words(browser.post(_STATUS, data=told, headers=_FORM))
    assert "cat-2" not in shown()
    again = browser.post(_STATUS, data={**told, "status": "available"}, headers=_FORM)
    assert again.status_code == 409  # it may come back as returned alone


def test_another_scope_edits_nothing(app: TestClient, service: Settings) -> None:
    app.cookies.clear()
    del app.headers["Authorization"]
    assert app.get("/console/animals/id/dog-1", follow_redirects=False).status_code == 303
    app.post(
        "/console/sign-in", data={"key": make_key(service, Scope.CONTROL_PLANE)}, headers=_FORM
    )
    told = {"animalId": "dog-1", "status": "adopted"}
    assert app.post(_STATUS, data=told, headers=_FORM).status_code == 403
