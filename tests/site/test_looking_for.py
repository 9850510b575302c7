"""The quiz: asked in a form, kept in a cookie, and heard by the page."""

import time

import pytest

from pawsonalize.core.preferences import Preferences
from pawsonalize.site.choices import in_words
from tests.adoption_site import ANIMALS
from tests.site.test_pages import Open, names, open_site

__all__ = ["open_site"]


def test_answers_come_first_until_they_are_forgotten(open_site: Open) -> None:
    client = open_site()
    assert "Tell us more" in client.get("/").text
    page = client.post("/looking-for", data={"species-3": "on", "kids": "no"}).text
    assert set(names(page)[:4]) == {"Clover", "Hazel", "Pip", "Nib"}
    assert "You are looking for rabbits." in page
    assert "Whoever fits what you are looking for comes first." in page
    assert "&#34;preferences&#34;:{&#34;species&#34;:[&#34;3&#34;]" in page
    form = client.get("/looking-for").text
    assert 'name="species-3" checked' in form
    assert 'name="kids" value="no" checked' in form
    page = client.post("/looking-for", data={"species-3": "on", "forget": "all"}).text
    assert "You are looking for rabbits." not in page
    assert names(page)[0] not in {"Clover", "Hazel", "Pip", "Nib"}, "they were passed over"


def test_what_was_said_last_outweighs_what_was_looked_at_before(open_site: Open) -> None:
    client = open_site()
    cats = [one for one in ANIMALS if one.species == "1"]

    def look_at_cats(count: int) -> str:
        time.sleep(0.002)  # a moment later than whatever was said
        for cat in cats[:count]:
            client.post(f"/animals/{cat.animal_id}/events", data={"eventType": "view"})
        time.sleep(0.002)
        return client.get("/").text

    kind_of = {one.name: one.species for one in ANIMALS}
    assert kind_of[names(look_at_cats(4))[0]] == "1"
    page = client.post("/looking-for", data={"species-2": "on"}).text
    assert {kind_of[name] for name in names(page)[:4]} == {"2"}
    assert kind_of[names(look_at_cats(5))[0]] == "1"


def test_somebody_new_on_the_same_browser_is_asked_anew(open_site: Open) -> None:
    client = open_site()
    client.post("/looking-for", data={"size-1": "on"})
    assert "You are looking for small animals." in client.get("/").text
    client.post("/sign-out")
    assert "Tell us more" in client.get("/").text


def test_a_cookie_somebody_tampered_with_says_nothing(open_site: Open) -> None:
    client = open_site()
    client.cookies.set("pawsonalize_looking_for", "species-9%3Don%26kids%3Dperhaps%26%00")
    page = client.get("/")
    assert page.status_code == 200
    assert "Tell us more" in page.text


@pytest.mark.parametrize(
    ("preferences", "words"),
    [
        (Preferences(), ""),
        (Preferences(kids=True), ""),
        (Preferences(species=("1", "2")), "cats or dogs"),
        (Preferences(size=("1", "2"), age=("4",)), "senior small or medium animals"),
        (Preferences(species=("2",), size=("3",)), "large dogs"),
    ],
)
def test_what_is_looked_for_is_said_in_words(preferences: Preferences, words: str) -> None:
    assert in_words(preferences) == words
