"""A visitor writes what they mean: rules hold, words come first, the order is theirs."""

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.plugins.search import SearchSettings
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service
from tests.waiting import wait_until

ANIMALS: list[dict[str, Any]] = [
    {"id": "rex", "name": "Rex", "species": "dog", "breed": "Beagle", "size": "small",
     "goodWithKids": True, "description": "A calm dog who naps all day by the fireplace."},
    {"id": "bolt", "name": "Bolt", "species": "dog", "breed": "Beagle", "size": "small",
     "goodWithKids": "unknown", "description": "Energetic, needs long runs along the beach."},
    {"id": "grim", "name": "Grim", "species": "dog", "breed": "Boxer", "size": "large",
     "goodWithKids": False, "description": "Calm at home."},
    {"id": "mia", "name": "Mia", "species": "cat", "breed": "Siamese", "size": "small",
     "goodWithKids": True, "description": "Loves the windowsill."},
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("searches"))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        listed = [{"age": "adult", "listedAt": "2026-01-01", **one} for one in ANIMALS]
        assert client.put("/v1/animals", json=listed).json()["rejected"] == []
        yield client


def _unlogged(settings: Settings) -> dict[str, msgspec.Struct]:
    return {**settings.parts, "SearchSettings": SearchSettings(search_log=False)}


def search(client: TestClient, query: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/searches", json={"query": query, "sessionId": "s-1", **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [one["id"] for one in found["animals"]]


def nearest(found: dict[str, Any]) -> list[dict[str, Any]]:
    animals: list[dict[str, Any]] = found.get("nearest", {}).get("animals", [])
    return animals


def test_rules_hold_and_what_fits_best_comes_first(client: TestClient) -> None:
    found = search(client, "calm dog for kids")
    assert ids(found) == ["rex"], "of Grim a record says no, and Bolt is the opposite of calm"
    gone = {one["id"]: [each["label"] for each in one["givenUp"]] for one in nearest(found)}
    assert gone == {"bolt": ["calm"]}
    assert [one["label"] for one in found["rules"]] == ["dog", "good with kids"]
    assert [one["words"] for one in found["understood"]] == ["calm"]
    assert found["total"] == 1, "who nearly fits is not counted"


def test_a_written_yes_goes_before_what_nobody_knows_whatever_the_visitor_likes(
    client: TestClient,
) -> None:
    for _ in range(3):
        sent = {"sessionId": "fan", "eventType": "favorite", "animal_id": "bolt"}
        assert client.post("/v1/events", json=sent).json()["accepted"] == 1
    assert ids(search(client, "small dog", sessionId="fan"))[0] == "bolt"
    found = search(client, "small dog for kids", sessionId="fan")
    assert ids(found) == ["rex", "bolt"], "of Bolt nobody told whether he likes children"


def test_who_is_of_the_wanted_breed_nearly_fits_better_than_who_has_the_size(
    client: TestClient,
) -> None:
    for _ in range(3):
        sent = {"sessionId": "boxers", "eventType": "favorite", "animal_id": "grim"}
        client.post("/v1/events", json=sent)
    found = nearest(search(client, "large beagle", sessionId="boxers"))
    assert [one["id"] for one in found][2:] == ["grim"]


def test_a_weight_is_compared_with_the_written_one_or_else_with_the_range_of_the_size(
    client: TestClient,
) -> None:
    client.put("/v1/animals", json=[{**ANIMALS[1], "weight": "23 lbs", "listedAt": "2026-01-01"}])
    assert ids(search(client, "dog under 20 pounds")) == ["rex"], "so small a dog may be"
    assert nearest(search(client, "dog under 20 pounds"))[0]["id"] in {"bolt", "grim"}
    client.put("/v1/animals", json=[{**ANIMALS[1], "listedAt": "2026-01-01"}])


def test_a_rule_is_switched_off_by_its_id(client: TestClient) -> None:
    (rule,) = [
        one for one in search(client, "calm dog for kids")["rules"] if one["words"] == "kids"
    ]
    found = search(client, "calm dog for kids", without=[rule["id"]])
    assert ids(found)[:2] in (["rex", "grim"], ["grim", "rex"])
    assert "kids" not in [one["words"] for one in found["rules"]]


def test_rules_of_the_request_hold_beside_those_of_the_words(client: TestClient) -> None:
    assert ids(search(client, "calm", sizes=["small"], species=["dog"]))[0] == "rex"
    assert set(ids(search(client, "calm", deny={"animals": ["rex"]}))) == {"grim", "mia"}


def test_a_name_finds_its_animal_and_a_typing_error_is_mended(client: TestClient) -> None:
    assert ids(search(client, "Mia")) == ["mia"]
    assert ids(search(client, "fireplace")) == ["rex"]
    found = search(client, "beagel")
    assert (set(ids(found)), found["didYouMean"]) == ({"rex", "bolt"}, "beagle")
    assert "didYouMean" not in search(client, "beagel", asWritten=True)


def test_a_name_that_is_a_word_too_finds_its_animal_first(client: TestClient) -> None:
    named = {"id": "gin", "name": "Ginger", "species": "dog", "colours": ["black"]}
    other = {"id": "tom", "name": "Tom", "species": "cat", "colours": ["ginger"]}
    client.put("/v1/animals", json=[named, other])
    assert ids(search(client, "Ginger"))[:2] == ["gin", "tom"]
    assert ids(search(client, "cat called Ginger"))[0] == "tom", "no cat has the name"
    for one in (named, other):
        client.delete(f"/v1/animals/{one['id']}")


def test_where_nobody_fits_all_the_nearest_are_shown_and_it_is_said_what_was_given_up(
    client: TestClient,
) -> None:
    found = search(client, "large beagle")
    assert (ids(found), found["total"]) == ([], 0)
    gone = {one["id"]: [each["words"] for each in one["givenUp"]] for one in nearest(found)}
    assert gone == {"rex": ["large"], "bolt": ["large"], "grim": ["beagle"]}, "Mia is no dog"
    assert {one["words"] for one in found["nearest"]["givenUp"]} == {"large", "beagle"}
    nobody = search(client, "rabbit")
    assert (ids(nobody), nobody["total"]) == ([], 0)


def test_where_nobody_is_of_a_breed_those_of_its_family_nearly_fit(client: TestClient) -> None:
    answer = client.post("/v1/searches/detailed", json={"query": "dachshund", "limit": 3}).json()
    fits = {one["id"]: one["factors"]["relevance"] for one in answer["nearest"]["animals"]}
    assert fits["rex"] == fits["bolt"] > fits["grim"], "beagles are hounds too, a boxer is not"


def test_a_search_goes_on_by_its_cursor_to_its_end(client: TestClient) -> None:
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        found = search(client, "small dog", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += ids(found) + [f"nearly {one['id']}" for one in nearest(found)]
        cursor = found.get("cursor")
        if cursor is None:
            break
    assert (sorted(seen[:2]), seen[2:]) == (["bolt", "rex"], ["nearly grim"])


def test_a_search_of_nobody_has_no_cursor_and_one_of_others_is_refused(client: TestClient) -> None:
    nobody = client.post("/v1/searches", json={"query": "dog", "limit": 1}).json()
    assert "cursor" not in nobody
    other = {"query": "dog", "sessionId": "s-2", "cursor": search(client, "dog")["cursor"]}
    error = error_of(client.post("/v1/searches", json=other))
    assert error["field"] == "cursor"
    assert "leave the cursor out" in error["message"]


def test_words_that_nobody_has_are_given_up_and_said(client: TestClient) -> None:
    answer = search(client, "asdfgh")
    assert (answer["total"], len(nearest(answer))) == (0, len(ANIMALS))
    assert [one["label"] for one in answer["nearest"]["givenUp"]] == ["asdfgh"]


def test_what_keeps_a_home_safe_is_never_given_up_and_limits_are_last(client: TestClient) -> None:
    for words in ("small dog good with kids", "dog", "mia"):
        assert nearest(search(client, words)) == [], words
    found = search(client, "large dog under 20 kg")
    assert {one["id"] for one in nearest(found)} == {"rex", "bolt"}, "Grim is too heavy"
    assert [one["id"] for one in nearest(search(client, "dog under 20 kg"))] == ["grim"]


def test_what_changed_is_found_by_the_very_next_search(client: TestClient) -> None:
    new = {"id": "zoe", "name": "Zoe", "species": "dog", "breed": "Pug", "size": "small"}
    client.put("/v1/animals", json=[new])
    assert ids(search(client, "zoe")) == ["zoe"]
    client.delete("/v1/animals/zoe")
    assert "zoe" not in ids(search(client, "zoe"))


def test_reasons_name_the_words(client: TestClient) -> None:
    answer = client.post(
        "/v1/searches/detailed", json={"query": "calm fireplace", "sessionId": "s-1"}
    )
    first = answer.json()["animals"][0]
    assert first["id"] == "rex"
    assert first["reasons"][0] == "you wrote “calm” and “fireplace”"
    assert first["factors"]["relevance"] > 0
    answer = client.post("/v1/searches/detailed", json={"query": "small dog"}).json()
    assert answer["nearest"]["animals"][0]["reasons"][0] == "not “small”"


def test_the_console_shows_what_was_searched_and_what_nobody_fits(client: TestClient) -> None:
    for words, session in (("Siamese", "s-5"), ("siamese", "s-6"), ("hairless rabbit", "s-5")):
        search(client, words, sessionId=session)
    # Answers are written a moment later, in their order.
    wait_until(lambda: "hairless rabbit" in client.get("/console/animals/searches").text)
    page = client.get("/console/animals/searches").text
    unfit, _, frequent = page.partition("Searched most")
    assert "hairless rabbit" in unfit
    assert "iamese" not in unfit
    assert "iamese" in frequent


def test_an_empty_query_is_refused(client: TestClient) -> None:
    refused = client.post("/v1/searches", json={"query": " "})
    assert (refused.status_code, error_of(refused)["field"]) == (400, "query")


def test_the_next_pages_count_what_was_searched_if_searches_are_kept(
    client: TestClient, settings: Settings
) -> None:
    def first(session: str) -> str:
        body = {"sessionId": session, "of": "animals", "limit": 4}
        answer = client.post("/v1/recommendations/detailed", json=body).json()
        parts = {one["id"]: one["factors"]["quiz"] for one in answer["recommendations"]}
        return max(parts, key=parts.__getitem__) if len(set(parts.values())) > 1 else ""

    assert first("s-2") == ""
    search(client, "cat", sessionId="s-2")
    assert first("s-2") == "mia"
    assert first("s-3") == "", "it is evidence about its visitor alone"
    with client_of(build_app(msgspec.structs.replace(settings, parts=_unlogged(settings)))) as one:
        search(one, "cat", sessionId="s-4")
        assert first("s-4") == ""


def test_an_erasure_takes_the_words_of_a_visitor_from_everywhere(
    client: TestClient, settings: Settings
) -> None:
    words, page = "zebra striped hammock lover", "/console/animals/searches"
    found = search(client, words, userId="erik", sessionId="s-9")
    event = {"userId": "erik", "sessionId": "s-9", "eventType": "view", "animal_id": "rex"}
    event["recommendationId"] = found["recommendationId"]
    client.post("/v1/events", json=event)
    search(client, words, sessionId="s-9")  # and without the name
    wait_until(lambda: len(_places_of(words, settings)) == 2)  # both answers
    assert words in client.get(page).text
    erasure = client.delete("/v1/users/erik").json()["erasureId"]
    wait_until(lambda: client.get(f"/v1/erasures/{erasure}").json()["status"] == "done")
    assert words not in client.get(page).text
    assert _places_of(words, settings) == []


def _places_of(words: str, settings: Settings) -> list[str]:
    """The tables, and the files beside them, that have these words."""
    found = []
    for path in sorted(settings.data_dir.rglob("*")):
        if path.suffix == ".sqlite3":
            with closing(sqlite3.connect(path)) as database:
                found += [line[:60] for line in database.iterdump() if words in line]
        elif path.is_file() and not path.name.endswith(("-wal", "-shm")):
            content = path.read_bytes()
            opened = gzip.decompress(content) if path.suffix == ".gz" else content
            found += [path.name] * (words.encode() in opened)
    return found
