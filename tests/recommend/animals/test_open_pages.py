"""A page that is continued has no repeats, and one that is loaded again is the same page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.core import clock
from pawsonalize.core.times import HOUR, MINUTE, iso
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service

BREEDS = ("Beagle", "Pug", "Boxer", "Poodle", "Collie", "Dachshund")
LISTED = {"species": "dog", "size": "large", "age": "adult", "listedAt": "2026-01-01"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(build_app(make_service(tmp_path)), raise_server_exceptions=False) as client:
        forms = [
            {"id": f"{breed}-{n}", "breed": breed, **LISTED} for breed in BREEDS for n in range(10)
        ]
        assert client.put("/v1/animals", json=forms).json()["rejected"] == []
        yield client


def ask(client: TestClient, session: str = "s", **more: Any) -> tuple[str, list[str]]:
    body = {"sessionId": session, "of": "animals", "limit": 12, **more}
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Recommendation-Id"], [place["id"] for place in answer.json()]


def rank(client: TestClient, ids: list[str], **more: Any) -> tuple[str, list[str]]:
    listed = [{"itemId": one} for one in ids]
    body = {"sessionId": "s", "of": "animals", "itemMetadataList": listed, **more}
    answer = client.post("/v1/rerankings", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Recommendation-Id"], answer.json()["ranking"]


def do(client: TestClient, animal_id: str, session: str = "s", **more: Any) -> None:
    event = {"sessionId": session, "eventType": "view", "animal_id": animal_id, **more}
    assert client.post("/v1/events", json=event).json()["accepted"] == 1


def test_answers_that_continue_each_other_show_everybody_once(client: TestClient) -> None:
    ids: list[str] = []
    seen: list[str] = []
    for _ in range(5):
        name, animals = ask(client, continues=ids)
        ids.append(name)
        seen += animals
    assert len(seen) == len(set(seen)) == len(set(ids)) * 12 == 60
    assert ask(client, continues=ids) == (ids[-1], [])


def test_who_left_or_came_since_changes_only_what_comes_next(client: TestClient) -> None:
    name, first = ask(client)
    _, everybody = ask(client, "another", limit=60)
    later = [one for one in everybody if one not in first]
    client.post(f"/v1/animals/{later[0]}/status", json={"status": "adopted"})
    client.delete(f"/v1/animals/{first[0]}")
    client.put("/v1/animals", json=[{**LISTED, "id": "new", "breed": "Whippet"}])
    assert ask(client, repeats=[name]) == (name, first[1:])
    _, more = ask(client, continues=[name], limit=60)
    assert sorted(more) == sorted({"new", *later[1:]})


def test_a_page_that_is_loaded_again_is_the_same_until_the_visitor_does_something(
    client: TestClient,
) -> None:
    name, first = ask(client)
    assert ask(client)[1] != first  # who asks anew turns the page
    for _ in range(3):
        assert ask(client, repeats=[name]) == (name, first)
    do(client, first[3])
    again, second = ask(client, repeats=[name])
    assert again != name
    assert ask(client, repeats=[again]) == (again, second)


def test_the_parts_of_a_page_are_shown_again_each_under_its_own_answer(client: TestClient) -> None:
    one, first = ask(client)
    other, second = ask(client, continues=[one])
    body = {"sessionId": "s", "of": "animals", "limit": 30, "repeats": [one, other]}
    answer = client.post("/v1/recommendations", json=body)
    assert answer.headers["X-Recommendation-Id"] == one
    places = answer.json()
    assert [place["id"] for place in places[:24]] == first + second
    third = places[24]["recommendationId"]
    assert [place.get("recommendationId") for place in places] == (
        [None] * 12 + [other] * 12 + [third] * 6
    )
    assert len({place["id"] for place in places}) == 30
    _, last = ask(client, repeats=[one, other, third], limit=30)
    assert last == [place["id"] for place in places]


def test_a_page_is_logged_once_with_its_propensities_however_often_it_is_loaded(
    tmp_path: Path,
) -> None:
    settings = make_service(tmp_path, exploration_weight=0.5)
    with client_of(build_app(settings)) as client:
        forms = [{**LISTED, "id": f"{breed}-{n}", "breed": breed} for breed in BREEDS for n in "ab"]
        client.put("/v1/animals", json=forms)
        body = {"sessionId": "s", "of": "animals", "limit": 6}
        path = "/v1/recommendations/detailed"
        first = client.post(path, json=body).json()
        name = first["recommendationId"]
        for _ in range(3):
            again = client.post(path, json={**body, "repeats": [name]}).json()
            for field in ("id", "propensity", "itemId"):
                assert [one[field] for one in again["recommendations"]] == [
                    one[field] for one in first["recommendations"]
                ]
            assert again["recommendationId"] == name
    with opened(settings) as adapters:
        logged = adapters.impressions.newest_pages(10)
        assert [page.recommendation_id for page in logged] == [name]


def test_what_was_looked_past_counts_on_the_next_page_and_not_on_the_open_one(
    client: TestClient,
) -> None:
    path = "/v1/recommendations?detail=full"
    body = {"sessionId": "s", "of": "animals", "limit": 12}
    name = client.post(path, json=body).json()["recommendationId"]
    for open_page in ({"repeats": [name]}, {"continues": [name]}):
        for place in client.post(path, json=body | open_page).json()["recommendations"]:
            assert place["factors"]["visitor"] == place["factors"]["seen"] == 0
    places = client.post(path, json={**body, "limit": 60}).json()["recommendations"]
    assert any(place["factors"]["seen"] for place in places)


def test_a_page_lasts_for_12_hours_after_its_newest_answer(client: TestClient) -> None:
    began = clock.now()
    name, first = ask(client, at=iso(began))
    assert ask(client, at=iso(began + 12 * HOUR), repeats=[name]) == (name, first)
    assert ask(client, at=iso(began + 12 * HOUR + MINUTE), repeats=[name])[0] != name


def test_nobody_else_has_a_visitors_page(client: TestClient) -> None:
    name, _ = ask(client)
    assert ask(client, "another", repeats=[name])[0] != name
    assert ask(client, userId="ann", repeats=[name])[0] != name
    for ids, session in (([name], "another"), (["RID-none"], "s"), ([name, "x"], "s")):
        body = {"sessionId": session, "of": "animals", "continues": ids}
        answer = client.post("/v1/recommendations", json=body)
        assert (answer.status_code, error_of(answer)["field"]) == (400, "continues")
        assert ids[-1] in error_of(answer)["message"]


def test_a_ranking_that_is_loaded_again_keeps_its_order_and_new_animals_follow(
    client: TestClient,
) -> None:
    name, ranking = rank(client, [f"{breed}-{n}" for breed in BREEDS for n in (0, 1)])
    assert rank(client, sorted(ranking), repeats=[name]) == (name, ranking)
    client.post(f"/v1/animals/{ranking[0]}/status", json={"status": "adopted"})
    assert rank(client, sorted(ranking), repeats=[name]) == (name, ranking[1:])
    another, longer = rank(client, ["Pug-9", *sorted(ranking)], repeats=[name])
    assert longer == [*ranking[1:], "Pug-9"]
    assert another != name
    do(client, ranking[3], recommendationId=another)
    assert rank(client, sorted(ranking), repeats=[another])[0] != another


def test_groups_have_no_pages(client: TestClient) -> None:
    name, _ = ask(client)
    for field in ("continues", "repeats"):
        answer = client.post("/v1/recommendations", json={"sessionId": "s", field: [name]})
        assert (answer.status_code, error_of(answer)["field"]) == (400, field)
    both = {"of": "animals", "sessionId": "s", "continues": [name], "repeats": [name]}
    assert client.post("/v1/recommendations", json=both).status_code == 400


def test_another_process_knows_a_page_that_was_answered_a_moment_ago(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    with client_of(build_app(settings)) as one, client_of(build_app(settings)) as other:
        forms = [{**LISTED, "id": f"{breed}-{n}", "breed": breed} for breed in BREEDS for n in "ab"]
        one.put("/v1/animals", json=forms)
        name, first = ask(one, limit=6)
        longer, second = ask(other, limit=6, continues=[name])
        assert len(set(first + second)) == 12
        assert ask(one, limit=12, repeats=[name, longer]) == (name, first + second)


def test_answers_of_one_moment_are_shown_again_in_the_order_in_which_they_are_named(
    client: TestClient,
) -> None:
    moment, ids, seen = iso(clock.now()), list[str](), list[str]()
    for _ in range(5):
        name, animals = ask(client, continues=ids, at=moment)
        ids.append(name)
        seen += animals
    assert ask(client, repeats=ids, limit=60, at=moment) == (ids[0], seen)
