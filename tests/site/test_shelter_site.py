"""The site of a shelter's own animals, and what every adoption site says of an order."""

import html
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from pawsonalize.animals.animal import Animal
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.times import DAY
from pawsonalize.site.words import species_plural
from tests.adoption_site import ANIMALS, NOW, PIP, REX, serving, site
from tests.animal_data import animal
from tests.site.test_pages import names

Opened = Callable[..., httpx.Client]


@pytest.fixture
def opened_site(tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as stack:

        def open_one(*animals: Any, **more: Any) -> httpx.Client:
            app = site(tmp_path / "data", animals or ANIMALS, **{"demo": False, **more})
            address = stack.enter_context(serving(app))
            return stack.enter_context(httpx.Client(base_url=address, follow_redirects=True))

        yield open_one


def caption(page: str) -> str:
    return html.unescape(re.findall(r'<p id="order" data-live>(.*?)</p>', page)[0])


def test_a_shelters_site_has_its_name_and_nothing_of_a_demo(opened_site: Opened) -> None:
    client = opened_site(trained=False)
    for path in ("/", f"/animals/{REX.animal_id}", "/you", "/looking-for", "/animals/nobody"):
        page = client.get(path).text
        assert "River Road" in page
        found = re.findall("Pawsonalize|demo|Try it as|curl|Train a new model|No model", page)
        assert not found, (path, found)


def test_nobody_signs_in_trains_or_adopts_on_a_shelters_site(opened_site: Opened) -> None:
    client = opened_site()
    assert client.post("/sign-in", data={"userId": "u0"}).status_code == 404
    assert client.post("/train").status_code == 404
    page = client.get(f"/animals/{REX.animal_id}").text
    assert "Adopt Rex" not in page
    assert "Ask" not in page, "it has no page where one could ask"
    client.post(f"/animals/{REX.animal_id}/events", data={"eventType": "adoption"})
    client.cookies.clear()
    assert "has found a home" not in client.get(f"/animals/{REX.animal_id}").text


def test_who_has_a_page_is_asked_for_there(opened_site: Opened) -> None:
    client = opened_site(replace(REX, url="https://shelter.example/rex"))
    page = client.get(f"/animals/{REX.animal_id}").text
    assert re.search(r'href="https://shelter.example/rex"[^>]*>Ask the shelter about Rex<', page)


def test_an_empty_shelters_site_says_so_to_visitors(opened_site: Opened, tmp_path: Path) -> None:
    with serving(site(tmp_path / "empty", (), trained=False, demo=False)) as address:
        page = httpx.get(address).text
    assert "animals appear here as soon as their shelter lists them" in page
    assert "waiting for you" not in page, "nobody is"


def test_a_photo_of_the_inventory_is_shown_in_place_of_a_drawing(opened_site: Opened) -> None:
    photo = "https://shelter.example/rex.jpg"
    client = opened_site(replace(REX, photos=(photo,)), replace(PIP, photos=("javascript:1",)))
    page = client.get("/")
    assert f'<img class="photo" src="{photo}"' in page.text
    assert "javascript:" not in page.text
    assert "img-src 'self' https: http:" in page.headers["Content-Security-Policy"]
    assert "img-src 'self';" in client.get("/animals/no").headers["Content-Security-Policy"]


def test_the_caption_names_what_put_these_animals_in_order(opened_site: Opened) -> None:
    waits = [replace(one, name=f"n{place}") for place, one in enumerate(ANIMALS[:4])]
    page = opened_site(*waits, trained=False).get("/").text
    assert caption(page).startswith("Ordered by how long they wait")
    assert names(page) == ["n3", "n2", "n1", "n0"]


def test_the_caption_names_nothing_where_nothing_differs(opened_site: Opened) -> None:
    twins = [replace(REX, animal_id=f"twin{number}") for number in range(3)]
    page = opened_site(*twins, trained=False).get("/").text
    said = "Everybody gets a turn. Look at somebody, and the order becomes yours."
    assert caption(page) == said


def test_without_any_event_nothing_is_said_to_be_liked_or_popular(opened_site: Opened) -> None:
    client = opened_site(trained=False)
    page = client.get("/").text
    assert not re.search("popular|visitors (like|look|open)|liked", page)
    asked = {"sessionId": "s", "limit": 4}
    found = client.post("/v1/recommendations?detail=full", json=asked).json()
    assert [one["reasons"] for one in found["recommendations"]] == [[]] * 4


def test_a_card_says_how_long_an_animal_waits_once(opened_site: Opened) -> None:
    waiting = replace(REX, animal_id="long", **_listed(200))
    page = opened_site(waiting, *ANIMALS, trained=False).get("/").text
    card = re.findall(r'<li class="card" id="card-long".*?</article>', page, re.DOTALL)[0]
    assert card.count("200 days") == 1


def _listed(days: int) -> dict[str, Any]:
    return {"history": animal("x", REX.group_at(NOW).id, listed=NOW - days * DAY).history}


@pytest.mark.parametrize(
    ("species", "said"),
    [
        ("1", "Cats"),
        ("4", "Small animals"),
        ("8", "Barnyard animals"),
        ("99", "Other animals"),
        ("Sugar_Glider", "Sugar Glider"),
    ],
)
def test_a_species_is_called_by_its_name(species: str, said: str) -> None:
    assert species_plural(species) == said


def test_a_search_finds_who_fits_all_words(opened_site: Opened, subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, set[str]]] = [
        ("lop-eared", {"Clover", "Hazel", "Pip", "Nib"}),
        ("LABRADOR rex", {"Rex"}),
        ("large dog", {"Rex", "Bella", "Hugo", "Ida"}),
        ("senior cats", {"Bear", "Fern", "Otto", "Cleo"}),
        ("orchard tabby", {"Bear", "Fern", "Otto", "Cleo"}),
        ("LABRADORS", {"Rex", "Bella", "Hugo", "Ida"}),
        ("dog for kids", {"Rex", "Bella", "Hugo", "Ida"}),
        ("dog good with dogs", set()),
        ("%", set()),
        ("\"'><script>", set()),
    ]
    site = opened_site(trained=False)
    for words, found in cases:
        with subtests.test(words=words, found=found):
            page = site.get("/", params={"q": words}).text
            assert set(names(page)[: len(found)]) == found, "others may fit as well"
            assert (names(page) == []) == (words == "dog good with dogs"), "that is never given up"
            assert "<script>" not in page
            if not found:
                assert "Nobody here fits" in page


def test_a_search_with_a_typing_error_says_what_it_shows_and_has_a_way_back(
    opened_site: Opened,
) -> None:
    client = opened_site()
    page = client.get("/", params={"q": "siamees", "home": "yes"}).text
    fitting, nearly = page.split("These nearly fit")
    assert set(names(fitting)) == {"Mimi", "Tom", "Luna", "Figaro"}
    assert set(names(nearly)) == {"Bear", "Fern", "Otto", "Cleo"}
    assert "so this is a search for <strong>siamese</strong>" in page
    assert "4 animals for “siamese”" in page
    back = html.unescape(re.findall(r'href="([^"]*as-written[^"]*)"', page)[0])
    page = client.get(back).text
    assert "Nobody here fits “siamees”" in page
    assert "These nearly fit" in page
    assert "not “siamees”" in page


def test_what_a_search_understood_is_shown_and_taken_off_by_a_link(opened_site: Opened) -> None:
    client = opened_site()
    page = client.get("/", params={"q": "senior cat"}).text
    assert set(names(page.split("These nearly fit")[0])) == {"Bear", "Fern", "Otto", "Cleo"}
    chips = re.findall(r'<a href="([^"]*)" aria-label="Take off: ([^"]*)">', page)
    assert {label for _, label in chips} == {"cat", "senior"}
    senior = next(link for link, label in chips if label == "senior")
    page = client.get(html.unescape(senior)).text
    assert {"Bear", "Fern", "Otto", "Cleo", "Mimi", "Tom", "Luna", "Figaro"} == set(names(page))
    assert "Take off: senior" not in page
    for suggested in ("Labrador Retriever", "playful", "Bear"):
        assert f'<option value="{suggested}">' in page


def test_where_nobody_fits_all_words_a_search_shows_the_nearest_and_says_so(
    opened_site: Opened,
) -> None:
    page = opened_site().get("/", params={"q": "small dog"}).text
    assert set(names(page)) == {"Rex", "Bella", "Hugo", "Ida"}
    assert "Nobody here fits “small dog”" in page
    assert page.count("not “small”") == 4


RECORD: dict[str, tuple[Any, str]] = {
    "name": ("Rex", "<h1>Rex</h1>"),
    "species": ("2", "/portrait.svg?species=2"),
    "breed": ("Beagle", "Beagle"),
    "secondary_breed": ("Poodle", "<dt>Breed</dt><dd>Beagle and Poodle, mixed breed</dd>"),
    "mixed": (True, "mixed breed"),
    "size": ("3", "large"),
    "age": ("2", "young"),
    "born": (date(2025, 1, 10), "<dt>Age</dt><dd>{age}</dd>"),
    "sex": ("male", "<dt>Sex</dt><dd>male</dd>"),
    "altered": (False, "<dt>Spayed or neutered</dt><dd>no</dd>"),
    "weight": ("31 kg", "<dt>Weight</dt><dd>31 kg</dd>"),
    "colours": (("black", "tan"), "<dt>Colour</dt><dd>black and tan</dd>"),
    "coat": ("short hair", "<dt>Coat</dt><dd>short hair</dd>"),
    "house_trained": (True, "<dt>House-trained</dt><dd>yes</dd>"),
    "special_needs": (False, "<dt>Special needs</dt><dd>no</dd>"),
    "good_with_kids": (GoodWith.YES, "<dt>Kids</dt><dd>yes</dd>"),
    "good_with_dogs": (GoodWith.SELECTIVE, "<dt>Dogs</dt><dd>selective</dd>"),
    "good_with_cats": (GoodWith.UNKNOWN, "Not known: cats"),
    "fee": (1250.0, "<dt>Adoption fee</dt><dd>1,250</dd>"),
    "shelter": ("River Road", "<dt>Shelter</dt><dd>River Road</dd>"),
    "postcode": ("78701", "<dt>Postcode</dt><dd>78701</dd>"),
    "external_id": ("A812", "<dt>Number at the shelter</dt><dd>A812</dd>"),
    "intake_at": (1_600_000_000_000, "<dt>First came in</dt><dd>13 Sep 2020</dd>"),
    "bonded_unit": ("pair", "goes home with Pip"),
    "url": ("https://shelter.example/rex", 'href="https://shelter.example/rex"'),
    "photos": (
        ("https://photos.example/1.jpg", "https://photos.example/2.jpg"),
        'src="https://photos.example/2.jpg"',
    ),
    "description": (
        'Rex "the rocket" is crate-trained.',
        "<dt>Crate-trained</dt><dd>yes<br><q",
    ),
}
# Of the order, of the service, or said by other fields (how far away, how long it waits).
UNSAID = {"animal_id", "history", "source", "priority", "latitude", "longitude"}
UNSAID |= {"reports", "written"}


def test_the_page_of_an_animal_has_all_that_its_record_says(
    opened_site: Opened, subtests: pytest.Subtests
) -> None:
    assert {one.name for one in fields(Animal)} == RECORD.keys() | UNSAID
    rex = replace(REX, **{name: value for name, (value, _) in RECORD.items()})
    client = opened_site(rex, replace(PIP, bonded_unit="pair"), trained=False)
    page = client.get(f"/animals/{REX.animal_id}").text
    age = re.findall(r"<dt>Age</dt><dd>(\d+ years?(?:, \d+ months?)?)</dd>", page)
    for name, (_, said) in RECORD.items():
        with subtests.test(name):
            assert said.format(age="".join(age)) in page
    assert '<meta property="og:image" content="https://photos.example/1.jpg">' in page
    assert 'content="Rex &#34;the rocket&#34; is crate-trained."' in page


def test_all_animals_leads_back_to_the_search(opened_site: Opened) -> None:
    client = opened_site(trained=False)
    for came, back in (
        (f"{client.base_url}/?q=calm+dog&species=2", "/?q=calm+dog&amp;species=2"),
        ("https://elsewhere.example/?q=calm", "/"),
    ):
        page = client.get(f"/animals/{REX.animal_id}", headers={"referer": came}).text
        assert f'<a href="{back}">All animals</a>' in page


def test_the_quiz_offers_the_species_that_wait(opened_site: Opened) -> None:
    page = opened_site(REX, trained=False).get("/looking-for").text
    assert re.findall(r'name="(species-\d)"', page) == ["species-2"]


@pytest.mark.parametrize("trained", [True, False])
def test_who_is_known_to_get_along_comes_before_whom_the_visitor_likes(
    opened_site: Opened, trained: bool
) -> None:
    unknown = [replace(one, good_with_cats=GoodWith.UNKNOWN) for one in ANIMALS]
    known = replace(unknown[3], good_with_cats=GoodWith.YES)
    never = replace(unknown[2], good_with_cats=GoodWith.NO)
    client = opened_site(never, known, *unknown[:2], *unknown[4:8], trained=trained)
    client.post(f"/animals/{REX.animal_id}/events", data={"eventType": "view"})
    page = client.get("/", params={"q": "dog good with cats"}).text
    assert names(page)[0] == "Ida"
    assert set(names(page)) == {"Ida", "Rex", "Bella"}
    assert "Where a record does not say" in caption(page)


def test_a_new_search_is_not_kept_to_the_species_that_was_shown(opened_site: Opened) -> None:
    page = opened_site().get("/?species=3").text
    form = re.findall(r'<form class="search".*?</form>', page, re.DOTALL)[0]
    assert "species" not in form


def test_what_a_search_finds_is_in_the_visitors_order(opened_site: Opened) -> None:
    client = opened_site()
    assert set(names(client.get("/?q=orchard").text)[:4]) != {"Clover", "Hazel", "Pip", "Nib"}
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "view"})
    page = client.get("/?q=orchard").text
    assert set(names(page)[:4]) == {"Clover", "Hazel", "Pip", "Nib"}
    assert "16 animals for “orchard”" in page
    assert names(client.get("/?q=orchard&species=1").text)[0] in {"Figaro", "Cleo", "Otto", "Luna"}


def test_a_search_keeps_to_the_household(opened_site: Opened) -> None:
    kind = replace(REX, animal_id="kind", name="Kind", good_with_dogs=GoodWith.YES)
    page = opened_site(kind, *ANIMALS).get("/?q=labrador&home=yes&dogs=yes").text
    assert names(page) == ["Kind"]


def test_filters_and_the_words_of_a_search_keep_each_other(opened_site: Opened) -> None:
    puppy = replace(REX, animal_id="puppy", name="Puppy", age="1", colours=("black", "white"))
    old = replace(REX, animal_id="old", name="Old", age="4", sex="male", colours=("brown",))
    client = opened_site(puppy, old, *ANIMALS)
    page = client.get("/?q=labrador&age=4&home=yes").text
    assert names(page) == ["Old"]
    assert '<option value="4" selected>senior</option>' in page
    search, filters = re.findall(r'<form class="(?:search|household)".*?</form>', page, re.DOTALL)
    assert '<input type="hidden" name="age" value="4">' in search
    assert '<input type="hidden" name="q" value="labrador">' in filters
    assert re.search(r'href="/\?q=labrador&amp;home=yes" aria-label="Take off: senior"', page)
    assert names(client.get("/?breed=Labrador_Retriever&colour=white").text) == ["Puppy"]
    assert '<option value="white">' in client.get("/").text
    assert "selected>Weimaraner<" in client.get("/?breed=Weimaraner").text, "nobody is one"


def test_distances_are_shown_from_a_postcode_or_from_where_the_browser_is(
    opened_site: Opened, tmp_path: Path
) -> None:
    table = tmp_path / "postcodes.csv"
    table.write_text("postcode,latitude,longitude\n95350,37.70,-121.00\n")
    near = replace(REX, animal_id="near", name="Near", latitude=37.7, longitude=-121.1)
    far = replace(REX, animal_id="far", name="Far", latitude=38.7, longitude=-121.1)
    client = opened_site(far, near, trained=False, postcode_table=str(table))
    for place in ("95350", "37.70,-121.00"):
        page = client.get("/", params={"near": place}).text
        assert names(page) == ["Near", "Far"]
        assert "Orchard Park Shelter, 9 km away" in page
        assert page.count("9 km away") == 1
        assert caption(page).startswith("Ordered by how near they are")
        assert names(client.get("/", params={"near": place, "within": "25"}).text) == ["Near"]
    page = client.get("/?near=nowhere&within=25").text
    assert "We do not know where nowhere is" in page
    assert set(names(page)) == {"Near", "Far"}


def test_a_favourite_is_on_the_visitors_page_until_it_is_taken_back(opened_site: Opened) -> None:
    client = opened_site()
    for event_type in ("view", "favorite"):
        client.post(f"/animals/{REX.animal_id}/events", data={"eventType": event_type})
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "view"})
    page = client.get("/you").text
    favourites, viewed = page.split('id="viewed"')
    assert (names(favourites), names(viewed)) == (["Rex"], ["Pip"])
    assert 'data-event-type="unfavorite"' in favourites
    assert "1<span" in page
    time.sleep(0.002)
    page = client.post(
        f"/animals/{REX.animal_id}/events", data={"eventType": "unfavorite", "back": "you"}
    ).text
    assert "<h1>Your page</h1>" in page
    assert "None yet. Press the heart" in page


def test_a_favourite_that_found_a_home_is_still_a_favourite(opened_site: Opened) -> None:
    home = animal("home", REX.group_at(NOW).id, name="Hope", listed=NOW - DAY, adopted=NOW)
    client = opened_site(home, *ANIMALS)
    client.post("/animals/home/events", data={"eventType": "favorite"})
    page = client.get("/you").text
    assert names(page) == ["Hope"]
    assert "has found a home" in page


def test_who_asks_to_be_forgotten_is_somebody_new(opened_site: Opened) -> None:
    client = opened_site()
    client.post(f"/animals/{PIP.animal_id}/events", data={"eventType": "favorite"})
    session = client.cookies["pawsonalize_session"]
    page = client.post("/you/forget").text
    assert "You are forgotten" in page
    assert names(page) == []
    assert client.cookies["pawsonalize_session"] != session
    for _ in range(100):
        if not client.get(f"/v1/sessions/{session}/history").json()["events"]:
            return
        time.sleep(0.1)
    pytest.fail("its events are still there")
