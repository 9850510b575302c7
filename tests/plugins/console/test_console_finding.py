"""Quick search of the console."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.plugins.dead_letters.letters import DeadLetters
from pawsonalize.resources.solutions import SolutionVersion
from tests.hostile_world import OTHER_VERSION, RECOMMENDATION, make_world
from tests.service_data import client_of


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_world(tmp_path_factory.mktemp("found"))


@pytest.fixture(scope="module")
def app(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service)) as client:
        yield client


def hits(app: TestClient, text: str) -> list[tuple[str, str]]:
    found = app.get("/v1/console/find", params={"q": text}).json()["hits"]
    return [(one["kind"], one["name"]) for one in found]


def test_each_thing_is_found_by_its_id_and_animals_by_a_part_of_their_name(
    app: TestClient, service: Settings
) -> None:
    with opened(service) as adapters:
        letter = DeadLetters(adapters.database).page(1).letters[0].letter_id
        version = adapters.registry.page(SolutionVersion, 1)[0].name
    assert hits(app, "cat-1") == [("animal", "Cat 1")]
    assert {name for _, name in hits(app, "dOg 2")} == {"Dog 2"}
    assert len(hits(app, "Cat ")) == 5
    assert hits(app, "looker") == [("user", "looker")]
    assert hits(app, "looking") == [("session", "looking")]
    assert ("version", version) in hits(app, version)
    assert ("version", OTHER_VERSION) in hits(app, OTHER_VERSION)
    assert ("campaign", "recommender") in hits(app, "recommender")
    assert hits(app, "ok") == [("event", "ok")]
    assert hits(app, RECOMMENDATION) == [("answer", RECOMMENDATION)]
    assert hits(app, letter) == [("dead letter", letter)]
    assert hits(app, "outc") == [("page", "Outcomes")]
    assert hits(app, "nothing") == []


def test_a_single_hit_is_opened_at_once_and_several_are_listed(app: TestClient) -> None:
    one = app.get("/console/find", params={"q": "looker"}, follow_redirects=False)
    assert one.status_code == 303
    assert one.headers["location"] == "/console/visitors?userId=looker&datasetGroup=pawsonalize"
    several = app.get("/console/find", params={"q": "cat "})
    assert several.status_code == 200
    assert several.text.count('<span class="health idle">animal</span>') == 5
    assert "Nothing is called" in app.get("/console/find?q=nothing").text


def test_every_page_of_the_console_has_the_box(app: TestClient) -> None:
    for path in ("/console", "/console/settings/audit", "/tenants"):
        assert 'action="/console/find"' in app.get(path).text


def test_a_volunteer_finds_an_animal_by_its_name_with_a_wrong_letter(app: TestClient) -> None:
    olga = {"id": "a-olga", "name": "Miss Olga", "species": "dog"}
    assert app.put("/v1/animals", json=[olga]).json()["rejected"] == []
    assert 'action="/console/animals/find"' in app.get("/console/today").text
    for typed in ("Olga", "olag", "Ogla", "a-olga", "Miss Olga"):
        found = app.get("/console/animals/find", params={"q": typed}, follow_redirects=False)
        assert found.headers.get("location") == "/console/animals/id/a-olga", typed
    several = app.get("/console/animals/find", params={"q": "cat "}).text
    assert several.count('<span class="health idle">animal</span>') == 5
    assert "No animal is called" in app.get("/console/animals/find?q=Olgierd").text
    assert "one letter may be wrong" in app.get("/console/animals/find").text
