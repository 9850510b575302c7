"""Visitors who would love an animal, and nobody who did not wish to be told."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pawsonalize.plugins.alerts import matching
from tests.http_fixtures import error_of
from tests.plugins.alerts.conftest import LISTED, look_at, matches_of, put_user

NINA = "dog-Pug-0"
ANSWERS = ("yes", "no", "unknown")
HOME = ("kids", "dogs", "cats")


def test_those_who_like_such_animals_come_first_with_the_reason_in_words(
    client: TestClient,
) -> None:
    found = matches_of(client, NINA)
    users = [one["userId"] for one in found]
    assert {one.split()[0] for one in users[:4]} == {"dog"}
    assert {one.split()[0] for one in users[4:]} == {"cat"}
    surplus = [one["surplus"] for one in found]
    assert surplus == sorted(surplus, reverse=True)
    assert surplus[0] > 0 > surplus[-1]
    assert all(0 < one["chance"] < 1 for one in found)
    assert "adult small Pug, like one you saved" in [one["reasons"][0] for one in found[:4]]


def test_only_users_with_a_consent_are_ever_named(client: TestClient) -> None:
    for user, value in (("no", "no"), ("loud", "YES"), ("none", None), ("odd", '"ALERTS":"yes"')):
        put_user(client, user, ALERTS=value)
        look_at(client, user, "dog-Pug-1")
    look_at(client, "no row", "dog-Pug-1")
    put_user(client, "dog 3", ALERTS="no")
    try:
        users = {one["userId"] for one in matches_of(client, NINA)}
    finally:
        put_user(client, "dog 3", ALERTS="yes")
    assert users == {f"dog {n}" for n in range(3)} | {f"cat {n}" for n in range(4)}


def test_nobody_is_named_who_did_something_with_the_animal(client: TestClient) -> None:
    assert "dog 0" not in {one["userId"] for one in matches_of(client, "dog-Beagle-1")}
    assert "cat 0" in {one["userId"] for one in matches_of(client, "dog-Beagle-1")}


def test_matches_are_logged_nowhere(client: TestClient) -> None:
    def shown() -> object:
        return client.get("/v1/console/animals?order=shown").json()

    before = shown()
    matches_of(client, NINA)
    assert shown() == before


def test_an_animal_that_is_not_known_or_gone_is_an_error_with_words(client: TestClient) -> None:
    missing = client.get("/v1/animals/nobody/matches")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")
    client.put("/v1/animals", json=[{**LISTED, "id": "gone", "species": "dog", "breed": "Pug"}])
    client.post("/v1/animals/gone/status", json={"status": "adopted"})
    gone = client.get("/v1/animals/gone/matches")
    assert (gone.status_code, "adopted" in error_of(gone)["message"]) == (409, True)
    assert error_of(client.get(f"/v1/animals/{NINA}/matches?limit=0"))["field"] == "limit"


def test_the_answer_says_if_some_were_not_weighed(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MOST_USERS", 2)
    answer = client.get(f"/v1/animals/{NINA}/matches").json()
    assert (answer["willing"], answer["weighed"]) == (8, 2)
    assert {one["userId"] for one in answer["matches"]} == {"cat 2", "cat 3"}, "the last active"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(
    st.dictionaries(st.sampled_from(HOME), st.sampled_from(ANSWERS)),
    st.lists(
        st.dictionaries(st.sampled_from(HOME), st.sampled_from(("yes", "no"))),
        min_size=1,
        max_size=4,
    ),
)
def test_nobody_is_named_for_an_animal_that_is_known_not_to_fit_the_household(
    client: TestClient, good_with: dict[str, str], homes: list[dict[str, str]]
) -> None:
    answers = {f"goodWith{name.title()}": answer for name, answer in good_with.items()}
    animal = {**LISTED, "id": "guest", "species": "dog", "breed": "Boxer", **answers}
    assert client.put("/v1/animals", json=[animal]).json()["rejected"] == []
    for n, home in enumerate(homes):
        put_user(client, f"home {n}", ALERTS="yes", **home)
    named = {one["userId"] for one in matches_of(client, "guest")}
    for n, home in enumerate(homes):
        never = any(good_with.get(one) == "no" for one, lives in home.items() if lives == "yes")
        assert (f"home {n}" in named) is not never
        put_user(client, f"home {n}")
    client.delete("/v1/animals/guest")


def test_distance_and_fee_of_the_profile_are_obeyed(client: TestClient) -> None:
    place = {"latitude": 52.5, "longitude": 13.4}
    animal = {**LISTED, **place, "id": "far", "species": "dog", "breed": "Pug", "fee": 90}
    client.put("/v1/animals", json=[animal])
    near = {"LATITUDE": 52.4, "LONGITUDE": 13.4}
    put_user(client, "near", ALERTS="yes", MAX_DISTANCE_KM=50, **near)
    put_user(client, "distant", ALERTS="yes", MAX_DISTANCE_KM=5, **near)
    put_user(client, "poor", ALERTS="yes", MAX_FEE=50, **near)
    users = {one["userId"] for one in matches_of(client, "far")}
    for user in ("near", "distant", "poor"):
        put_user(client, user)
    client.delete("/v1/animals/far")
    assert users & {"near", "distant", "poor"} == {"near"}
