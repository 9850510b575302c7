"""Whom would you like to meet first? One tap on the site, and the very next page is theirs."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from pawsonalize.core import clock
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.times import HOUR
from tests.adoption_site import ANIMALS, serving, site
from tests.site.test_pages import names

QUESTION = "Whom would you like to meet first?"
SPECIES = {one.name: one.species for one in ANIMALS}
IDS = {one.name: one.animal_id for one in ANIMALS}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Starlette:
    """Dogs, cats and rabbits; no rabbit is said to like dogs, and all others like them."""
    here = [
        replace(one, good_with_dogs=GoodWith.NO if one.species == "3" else GoodWith.YES)
        for one in ANIMALS
    ]
    return site(tmp_path_factory.mktemp("boards") / "data", here)


@pytest.fixture(scope="module")
def address(app: Starlette) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A new visitor's browser, without scripts."""
    with httpx.Client(base_url=address, follow_redirects=True) as client:
        yield client


def board(page: str) -> list[str]:
    """The names on the board of a page, which all are buttons."""
    return tiles(page, "board")


def rest(page: str) -> list[str]:
    """The names on the rest of a board that was answered."""
    return tiles(page, "board rest")


def tiles(page: str, style: str) -> list[str]:
    form = re.search(f'<form class="{style}".*?</form>', page, re.DOTALL)
    return re.findall(r"<span>([^<]+)</span><span class=.unseen", form[0]) if form else []


def answer(client: httpx.Client, page: str, picked: str = "", query: str = "") -> str:
    """Press a button of the page's board, and return the page that follows."""
    found = re.findall(r'name="board" value="([^"]+)"', page)
    before = re.findall(r'name="(picked-.)" value="([^"]+)"', page)
    fields = {"board": found[0], **dict(before)} | ({"animal": IDS[picked]} if picked else {})
    response = client.post(f"/picks{query}", data=fields)
    assert response.status_code == 200, response.text
    return html.unescape(response.text)


def test_the_page_after_a_tap_starts_with_animals_like_the_picked_one(client: httpx.Client) -> None:
    page = client.get("/").text
    assert QUESTION in page
    assert names(page), "the animals follow below"
    rabbit = next(one for one in board(page) if SPECIES[one] == "3")
    page = answer(client, page, rabbit)
    assert f"You picked {rabbit}" in page
    assert "We start with animals like her." in page
    assert {SPECIES[one] for one in names(page)[:3]} == {"3"}
    assert "you picked her" in page
    assert "like one you picked" in page
    assert "you looked at" not in page, "nobody was looked at"
    assert not board(page), "another question would be in the way"
    assert f">{rabbit}</a>" in client.get("/you").text.partition("You picked</h2>")[2]


def test_two_more_may_be_picked_from_the_rest_of_the_board(client: httpx.Client) -> None:
    page = client.get("/").text
    first, second, *others = board(page)
    page = answer(client, page, first)
    assert rest(page) == [second, *others]
    page = answer(client, page, second)
    assert f"You picked {first} and {second}" in page
    assert rest(page) == others
    page = answer(client, page, others[0])
    assert f"You picked {first}, {second} and {others[0]}" in page
    assert not rest(page)
    history = client.get("/you").text.partition("You picked</h2>")[2]
    assert all(f">{one}</a>" in history for one in (first, second, others[0]))


def unpick(client: httpx.Client, page: str) -> str:
    """Press the first "Take back" of a page, and return the page that follows."""
    form = re.search(r'class="unpick" method="post" action="([^"]+)".*?</form>', page, re.DOTALL)
    assert form is not None
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]+)"', form[0]))
    return html.unescape(client.post(form[1], data=fields).text)


def test_a_pick_is_taken_back_on_the_page_that_follows_and_on_the_visitors_own(
    client: httpx.Client,
) -> None:
    page = client.get("/").text
    first, second = board(page)[:2]
    page = answer(client, answer(client, page, first), second)
    page = unpick(client, page)
    assert f"You picked {first}</h1>" in page
    assert not rest(page), "what is left of a board of which one was taken back says less"
    client.post(f"/animals/{IDS[first]}/events", data={"eventType": "favorite"})
    page = unpick(client, client.get("/you").text)
    assert 'class="unpick"' not in page
    assert f">{first}</a>" in page, "it is a favourite still"
    assert "you picked" not in client.get("/").text


def test_whoever_picks_nobody_is_told_that_it_counts(client: httpx.Client) -> None:
    page = answer(client, client.get("/").text)
    assert "You wanted none of those" in page
    assert not board(page)
    assert "None of these" in page, "among the last events"


def test_a_pick_that_the_quiz_speaks_against_since_is_not_said_to_count(
    client: httpx.Client,
) -> None:
    page = client.get("/").text
    rabbit = next(one for one in board(page) if SPECIES[one] == "3")
    assert f"You picked {rabbit}" in answer(client, page, rabbit)
    page = client.post("/looking-for", data={"species-2": "on"}).text
    assert "You picked" not in page
    assert "put in order by that" not in page


def test_a_board_stays_until_it_is_answered_or_the_visitor_looks_around(
    client: httpx.Client,
) -> None:
    page = client.get("/").text
    there = board(page)
    assert board(client.get("/").text) == there, "a page that is loaded again is the same"
    assert board(client.get("/looking-for").text) == there
    client.post(f"/animals/{ANIMALS[0].animal_id}/events", data={"eventType": "view"})
    assert not board(client.get("/").text)


def test_a_board_is_not_shown_where_rules_are_against_one_of_its_animals(
    client: httpx.Client,
) -> None:
    assert {SPECIES[one] for one in board(client.get("/").text)} > {"3"}
    assert not board(client.get("/?home=yes&dogs=yes").text)
    client.cookies.clear()
    fitting = board(client.get("/?home=yes&dogs=yes").text)
    assert fitting
    assert not {SPECIES[one] for one in fitting} & {"3"}


def test_after_a_tap_the_page_has_the_filters_that_it_had(client: httpx.Client) -> None:
    page = client.get("/?home=yes&cats=yes").text
    query = re.findall(r'action="/picks([^"]*)"', page)[0]
    page = answer(client, page, board(page)[0], query=html.unescape(query))
    assert 'name="cats" value="yes" checked' in page


def test_what_was_answered_in_another_tab_is_left_as_it_is(client: httpx.Client) -> None:
    page = client.get("/").text
    first, second = board(page)[:2]
    answer(client, page, first)
    assert f"You picked {first}" in answer(client, page, first), "a second tap is the same answer"
    page = answer(client, page, second)
    assert "That choice is over" in page
    assert f"You picked {first}" in page


def test_the_next_board_asks_whom_to_meet_next(client: httpx.Client) -> None:
    page = client.get("/").text
    answer(client, page, board(page)[0])
    client.post(f"/animals/{ANIMALS[0].animal_id}/events", data={"eventType": "view"})
    page = client.get("/").text
    assert QUESTION not in page
    assert "Whom would you like to meet next?" in page or not board(page)


def test_whoever_leaves_three_boards_alone_is_not_asked_again_on_the_same_page(
    app: Starlette, client: httpx.Client
) -> None:
    storefront, asked = app.state.storefront, []
    for visit in range(5):
        app.state.storefront = msgspec.structs.replace(
            storefront, now=lambda late=2 * HOUR * visit: clock.now() + late
        )
        asked.append(QUESTION in client.get("/").text)
    app.state.storefront = storefront
    assert asked == [True, True, True, False, False]


def test_nobody_is_told_that_they_wanted_none_if_whom_they_picked_is_deleted(
    client: httpx.Client,
) -> None:
    page = client.get("/").text
    picked = board(page)[0]
    answer(client, page, picked)
    assert client.delete(f"/v1/animals/{IDS[picked]}").status_code == 204
    assert "You wanted none of those" not in client.get("/").text


def test_without_the_plugin_nobody_is_asked(tmp_path: Path, app: Starlette) -> None:
    alone = site(tmp_path / "data", trained=False)
    with serving(alone) as address, httpx.Client(base_url=address) as client:
        client.get("/healthz")
        alone.state.storefront = msgspec.structs.replace(alone.state.storefront, boards=None)
        for path in ("/", "/looking-for"):
            assert not board(client.get(path).text)
        assert "Somebody here is waiting for you" in client.get("/").text
        assert client.post("/picks", data={"board": "RID-1"}).status_code == 404
