"""Animals that a shelter adds, edits and gives a status on the console, and what it undoes."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.animals.listings import AnimalForm, read_listing
from pawsonalize.app.asgi import build_app
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import MINUTE
from pawsonalize.plugins.console.desk import EDIT_FIELDS, _edited, look_of, texts_of, undoable
from tests.hostile_world import NOW, make_world
from tests.plugins.console.test_console_pages import words
from tests.plugins.inquiries.test_inquiries import ON
from tests.service_data import client_of, make_key, make_service

ACTIONS = "/console/animals/actions"
FULL = AnimalForm(
    id="rex",
    species="dog",
    breed="Saint Bernard / Beagle",
    mixed=True,
    birth_date="2024-02-29",
    size="large",
    sex="male",
    name="Rex",
    weight="41.5 kg",
    colours=["white", "red"],
    coat="long",
    altered=False,
    house_trained=True,
    special_needs=False,
    good_with_kids="selective",
    good_with_dogs="yes",
    good_with_cats="no",
    fee=125.5,
    shelter="Paws & Claws",
    postcode="02139",
    bonded_unit="pair-1",
    url="https://paws.example/rex",
    priority=0.25,
    photos=["https://paws.example/1.jpg", "https://paws.example/2.jpg"],
    description="Two\nlines, and a comma.",
)
OTHER = {
    "name": ("Max", "name", "Max"),
    "species": ("cat", "species", "1"),
    "breed": ("Poodle", "breed", "Poodle"),
    "mixed": ("no", "mixed", False),
    "birthDate": ("", "born", None),
    "age": ("senior", "age", "4"),
    "size": ("small", "size", "1"),
    "sex": ("female", "sex", "female"),
    "weight": ("12 kg", "weight", "12 kg"),
    "colours": ("black, tan", "colours", ("black", "tan")),
    "coat": ("short", "coat", "short"),
    "altered": ("yes", "altered", True),
    "houseTrained": ("unknown", "house_trained", None),
    "specialNeeds": ("yes", "special_needs", True),
    "goodWithKids": ("no", "good_with_kids", "no"),
    "goodWithDogs": ("unknown", "good_with_dogs", "unknown"),
    "goodWithCats": ("yes", "good_with_cats", "yes"),
    "fee": ("80", "fee", 80.0),
    "shelter": ("North", "shelter", "North"),
    "postcode": ("10115", "postcode", "10115"),
    "bondedUnit": ("", "bonded_unit", None),
    "url": ("https://paws.example/max", "url", "https://paws.example/max"),
    "priority": ("1", "priority", 1.0),
    "photos": ("https://paws.example/3.jpg", "photos", ("https://paws.example/3.jpg",)),
    "description": ("One\r\nline", "description", "One\nline"),
}


def animal(form: AnimalForm = FULL) -> Animal:
    return read_listing(form, NOW).animal


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client_of(build_app(make_world(tmp_path_factory.mktemp("desk")))) as client:
        yield client


def send(browser: TestClient, action: str, **fields: str) -> httpx.Response:
    answer: httpx.Response = browser.post(f"{ACTIONS}/{action}", data=fields)
    return answer


def stored(browser: TestClient, animal_id: str) -> dict[str, object]:
    found: dict[str, object] = browser.get(f"/v1/animals/{animal_id}").json()
    return found


@pytest.mark.parametrize(
    "form", [FULL, AnimalForm(id="a", species="cat"), AnimalForm(id="b", species="9", breed="Ox")]
)
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(form: AnimalForm) -> None:
    before = animal(form)
    assert _edited(before, {**texts_of(before), "look": look_of(before)}, NOW) == before


@pytest.mark.parametrize("field", EDIT_FIELDS, ids=lambda field: field.name)
def test_an_edited_field_changes_what_it_says_and_nothing_else(
    field: object, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    text, attribute, value = OTHER[name]
    before = animal() if name != "age" else replace(animal(), born=None, age="2")
    after = _edited(before, {name: text, "look": look_of(before)}, NOW)
    assert getattr(after, attribute) == value
    said = {*next(one for one in EDIT_FIELDS if one.name == name).attributes, attribute}
    for other in (one for one in Animal.__slots__ if one not in said):
        assert getattr(after, other) == getattr(before, other), other


def test_an_age_beside_a_birth_date_is_refused_and_not_dropped() -> None:
    before = animal()
    with pytest.raises(InvalidInput, match="clear one of them"):
        _edited(before, {"age": "senior", "look": look_of(before)}, NOW)


def test_a_new_animal_is_in_the_next_answer_and_no_import_writes_over_it(
    browser: TestClient,
) -> None:
    assert "Add an animal" in words(browser.get("/console/animals/new"))
    page = send(browser, "add", name="Ünal the 2nd", species="rabbit", breed="Lop", fee="20")
    assert "is added, and may be shown. " in words(page)
    assert "It was added here: no import writes over it." in words(page)
    (animal_id,) = re.findall(r'name="animalId" value="(unal-the-2nd-[0-9a-f]{6})"', page.text)[:1]
    assert stored(browser, animal_id)["fee"] == 20
    answer = browser.post("/v1/recommendations", json={"of": "animals", "limit": 50}).json()
    assert animal_id in {one["id"] for one in answer}


def test_a_new_animal_without_species_or_of_a_known_id_is_refused_in_words(
    browser: TestClient,
) -> None:
    missing = send(browser, "add", name="Who")
    assert missing.status_code == 400
    assert "write one of cat, dog, rabbit" in missing.text
    before = stored(browser, "dog-1")
    known = send(browser, "add", name="Other", species="dog", id="dog-1")
    assert known.status_code == 409
    assert "here is an animal dog-1 already" in re.sub(r"<[^>]+>", "", known.text)
    assert stored(browser, "dog-1") == before


def test_a_status_is_undone_for_ten_minutes_and_only_once(browser: TestClient) -> None:
    before = stored(browser, "dog-1")
    send(browser, "status", animalId="dog-1", status="adopted")
    page = browser.get("/console/animals/id/dog-1")
    assert "Undo: it is available" in page.text
    undone = send(browser, "undo", animalId="dog-1", status="adopted")
    assert "is available again." in words(undone)
    assert stored(browser, "dog-1") == before
    again = send(browser, "undo", animalId="dog-1", status="adopted")
    assert again.status_code == 409
    assert "mark it as what it is" in again.text


def test_what_is_older_or_was_reported_is_not_undone() -> None:
    known = animal()
    first = known.history[0]
    adopted = replace(first, status=AnimalStatus.ADOPTED, at=NOW)
    left = replace(known, history=(first, adopted))
    assert undoable(left, NOW + 10 * MINUTE) is AnimalStatus.AVAILABLE
    assert undoable(left, NOW + 10 * MINUTE + 1) is None
    assert undoable(replace(left, reports=((first, adopted),)), NOW) is None
    assert undoable(known, NOW) is None


@pytest.fixture
def volunteer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A browser that has signed in with a key of the scope `desk`."""
    settings = make_world(tmp_path_factory.mktemp("volunteer"), access_keys="required", **ON)
    with client_of(build_app(settings)) as client:
        signed_in = client.post(
            "/console/sign-in", data={"key": make_key(settings, Scope.DESK)}, follow_redirects=False
        )
        assert signed_in.status_code == 303
        yield client


def test_a_volunteers_key_does_the_work_of_the_desk(volunteer: TestClient) -> None:
    front = volunteer.get("/console")
    assert front.url.path == "/console/today"
    menu = re.findall(r'<a href="(/console[^"]*)"', front.text.partition("</nav>")[0])
    assert menu == ["/console/today", "/console/animals", "/console/inquiries"]
    for page in ("new", "seen", "upload", "alerts", "id/dog-1"):
        assert volunteer.get(f"/console/animals/{page}").status_code == 200, page
    assert volunteer.get("/console/inquiries").status_code == 200
    assert "is adopted." in words(send(volunteer, "status", animalId="dog-1", status="adopted"))
    assert "is added" in words(send(volunteer, "add", name="Ada", species="cat"))
    page = volunteer.get("/console/animals/id/cat-1").text
    assert "/console/visitors" not in page


def test_a_volunteers_key_opens_no_page_of_models_keys_settings_or_visitors(
    volunteer: TestClient,
) -> None:
    volunteer.get("/console/animals")
    for page in ("models", "settings", "settings/keys", "visitors", "data", "outcomes", "find?q=a"):
        assert volunteer.get(f"/console/{page}").status_code == 403, page
    for action in ("models/retrain", "settings/keys/create"):
        refused = volunteer.post(f"/console/{action}", data={"scopes": "operator"})
        assert refused.status_code == 403, action
    assert volunteer.get("/console/animals/feeds").status_code == 403


def test_a_volunteers_key_deletes_no_resource_of_the_api(tmp_path: Path) -> None:
    settings = make_world(tmp_path, access_keys="required")
    with client_of(build_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {make_key(settings, Scope.DESK)}"
        for path in ("/v1/solutions/recommender", "/v1/animals/dog-1", "/v1/users/looker"):
            assert client.delete(path).status_code == 403, path


def test_the_list_says_that_postcodes_have_no_table(browser: TestClient) -> None:
    page = words(browser.get("/console/animals"))
    assert "a postcode that is in no table" not in page
    listed = {"id": "rex", "species": "dog", "postcode": "02139"}
    placed = {"id": "max", "species": "dog", "postcode": "02139", "latitude": 42, "longitude": -71}
    browser.put("/v1/animals", json={"animals": [listed, placed]})
    page = words(browser.get("/console/animals"))
    assert "1 of these animals has a postcode that is in no table of places" in page


def test_the_first_page_of_a_desk_says_what_waits_there(volunteer: TestClient) -> None:
    send(volunteer, "add", name="Ada", species="cat", description="Purrs.", id="ada")
    send(volunteer, "status", animalId="dog-1", status="adopted")
    page = volunteer.get("/console/today")
    said = words(page)
    assert "New: Inquiries 0 Open Available 13" in said
    mend = said.partition("Newcomers")[0]
    assert "Cat 4 photos; if it is good with kids, dogs, cats; a description" in mend
    assert "up to 2.7 times as high" in mend
    newcomers, _, rest = said.partition("Newcomers")[2].partition("Hardly seen")
    assert "Ada cat" in newcomers
    assert "Dog 0" in rest.partition("Left within")[0]
    assert "Dog 1 dog, Beagle adopted" in rest.partition("Left within")[2]
    assert "/console/models" not in page.text


def test_an_operator_finds_health_and_models_in_one_line_each(browser: TestClient) -> None:
    said = words(browser.get("/console/today")).partition("The service ")[2]
    assert re.search(r"Overview .+ Models", said)


def test_the_desk_of_a_fresh_service_says_three_steps(tmp_path: Path) -> None:
    with client_of(build_app(make_service(tmp_path, train=False))) as client:
        for animal_id in [one["id"] for one in client.get("/v1/animals").json()["animals"]]:
            client.delete(f"/v1/animals/{animal_id}")
        page = client.get("/console/today")
        assert "Three steps to begin with" in page.text
        assert 'href="/console/animals/upload"' in page.text
        assert 'href="/console/animals/new"' in page.text


def test_a_volunteers_page_of_an_animal_has_no_word_of_models(volunteer: TestClient) -> None:
    said = words(volunteer.get("/console/animals/id/dog-1"))
    assert "What would help" in said
    assert not re.findall(r"score|explor|odds|model|Group", said)


def test_several_animals_get_a_status_at_once_and_are_undone_at_once(browser: TestClient) -> None:
    before = {one: stored(browser, one) for one in ("dog-1", "cat-1")}
    send(browser, "status", animalId="dog-2", status="adopted")
    ticked = {f"pick.{one}": "1" for one in (*before, "dog-2", "nobody")}
    page = words(send(browser, "status", **ticked, status="hold"))
    assert "2 animals are on hold" in page
    assert "dog-2: an animal that is adopted" in page
    assert "nobody: there is no animal nobody" in page
    assert {stored(browser, one)["status"] for one in before} == {"hold"}
    undone = send(browser, "undo", **{f"pick.{one}": "1" for one in before}, status="hold")
    assert "2 animals are as before" in words(undone)
    assert {one: stored(browser, one) for one in before} == before
    nobody = send(browser, "status", status="hold")
    assert nobody.status_code == 400
    assert "No animal is ticked" in nobody.text


def test_the_page_of_an_animal_says_who_changed_what(browser: TestClient) -> None:
    look = re.findall(r'name="look" value="(.*?)"', browser.get("/console/animals/id/dog-1").text)
    send(browser, "edit", animalId="dog-1", fee="80", coat="long", look=look[0])
    send(browser, "status", **{"pick.dog-1": "1", "pick.dog-2": "1"}, status="hold")
    send(browser, "undo", animalId="dog-1", status="adopted")  # refused, so nothing was changed
    said = words(browser.get("/console/animals/id/dog-1")).partition("Who changed what")[2]
    changes = re.findall(r"UTC (\S+) (status: hold|record: coat, fee)", said)
    assert changes == [("anybody", "status: hold"), ("anybody", "record: coat, fee")]
    assert "Who changed what" not in words(browser.get("/console/animals/id/dog-3"))


def test_who_changed_an_animal_is_named_as_their_key_is(volunteer: TestClient) -> None:
    send(volunteer, "status", animalId="dog-1", status="hold")
    said = words(volunteer.get("/console/animals/id/dog-1")).partition("Who changed what")[2]
    assert re.search(r"UTC PAWS\w+ status: hold", said)
