"""Alerts on pages: the wish of a visitor, and an operator's question about an animal."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from tests.plugins.alerts.conftest import fill, put_user
from tests.plugins.alerts.test_daily import ON
from tests.service_data import client_of, make_service

SEARCH = "species=2&home=yes&kids=yes"
BUTTON = "Tell me when somebody like this comes"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = make_service(
        tmp_path_factory.mktemp("pages"), train=False, demo_site=True, **{**ON, "site": False}
    )
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        fill(client)
        yield client


@pytest.fixture(autouse=True)
def somebody_new(client: TestClient) -> None:
    client.cookies.clear()


def send(client: TestClient, path: str, **fields: str) -> Any:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return client.post(path, content=urlencode(fields), headers=form)


def test_a_search_is_saved_and_listed_on_the_visitors_own_page_and_taken_back(
    client: TestClient,
) -> None:
    assert BUTTON not in client.get(f"/?{SEARCH}").text, "nobody knows yet whom to tell"
    assert send(client, "/alerts/save", search=SEARCH).status_code == 409
    send(client, "/sign-in", userId="saver")
    assert BUTTON not in client.get("/").text, "everybody is no search"
    page = client.get(f"/?{SEARCH}").text
    assert BUTTON in page
    assert "dogs, for a home with children" in page
    listed = send(client, "/alerts/save", search=SEARCH)
    assert (listed.status_code, "dogs, for a home with children" in listed.text) == (200, True)
    assert BUTTON not in client.get(f"/?{SEARCH}").text
    assert send(client, "/alerts/save", search="nothing=yes").status_code == 400
    saved = client.app.state.plugins["alerts"].book.searches(9, "saver")  # type: ignore[attr-defined]
    gone = send(client, "/alerts/remove", search=saved[0].search)
    assert "dogs, for a home with children" not in gone.text


def test_answers_of_the_quiz_are_part_of_the_search(client: TestClient) -> None:
    send(client, "/sign-in", userId="quizzed")
    send(client, "/looking-for", **{"species-2": "on", "size-1": "on", "kids": "yes"})
    page = client.get("/")
    assert BUTTON in page.text
    assert "small dogs, for a home with children" in page.text


def test_a_visitor_gives_and_takes_back_the_consent(client: TestClient) -> None:
    put_user(client, "willing", KIDS="yes")
    send(client, "/sign-in", userId="willing")
    offer = "Tell me of animals that I may love"
    assert offer in client.get("/you").text
    assert offer not in send(client, "/alerts/consent", alerts="yes").text
    stored = client.get("/v1/users/willing").json()["attributes"]
    assert stored == {"ALERTS": "yes", "KIDS": "yes", "LANGUAGE": "en"}
    assert offer in send(client, "/alerts/consent", alerts="no").text
    stored = client.get("/v1/users/willing").json()["attributes"]
    assert stored == {"ALERTS": "no", "KIDS": "yes", "LANGUAGE": "en"}


def test_the_console_says_who_would_love_an_animal(client: TestClient) -> None:
    link = "/console/animals/matches?animalId=dog-Pug-0"
    assert f'href="{link}">Matches' in client.get("/console/animals").text
    page = client.get(link).text
    assert "Who would love Nina?" in page
    assert "dog 0" in page
    assert "adult small Pug, like one you saved" in page
    assert "Name or id of the animal" in client.get("/console/animals/matches").text
    assert f'href="{link}">Matches' in client.get("/console/animals?search=nina").text
    assert client.get("/console/animals/matches?animalId=nobody").status_code == 404


def test_an_operator_sees_and_stops_alerts_and_saved_searches_of_a_user(
    client: TestClient,
) -> None:
    page = "/console/animals/alerts"
    put_user(client, "told", KIDS="yes")
    send(client, "/sign-in", userId="told")
    send(client, "/alerts/save", search=SEARCH)
    client.cookies.clear()
    listed = client.get(page).text
    assert "dogs, for a home with children" in listed
    assert f'href="{page}?userId=told"' in listed
    own = {"userId": "told", "search": SEARCH}
    asked = client.get(f"{page}/search", params=own).text
    assert "told is told no more of: dogs, for a home with children." in asked
    assert "is forgotten" in send(client, f"{page}/search", **own).text
    assert "for a home with children" not in client.get(page, params={"userId": "told"}).text
    assert "Start" in client.get(f"{page}/consent?userId=told&alerts=yes").text
    assert "are on" in send(client, f"{page}/consent", userId="told", alerts="yes").text
    assert client.get("/v1/users/told").json()["attributes"]["ALERTS"] == "yes"
    assert "are off" in send(client, f"{page}/consent", userId="told", alerts="no").text
    assert client.get("/v1/users/told").json()["attributes"]["ALERTS"] == "no"
    assert client.get(page, params={"userId": "nobody"}).status_code == 404
    assert send(client, f"{page}/consent", userId="nobody", alerts="yes").status_code == 404


def test_the_console_lists_who_was_told_of_which_animal(client: TestClient) -> None:
    alerts = client.app.state.plugins["alerts"]  # type: ignore[attr-defined]
    alerts.daily.send_once(alerts.now())
    told = alerts.book.newest(9)
    assert told
    page = client.get("/console/animals/alerts").text
    assert all(f'href="/console/animals/id/{one.animal_id}"' in page for one in told)
    one = told[0]
    assert [*{each.user_id for each in alerts.book.newest(9, one.user_id)}] == [one.user_id]
