"""Payloads as the handlers of AWS's deployment take them, and the rules they keep.

Where those fall back on 10 without a word (limits of 0, -1, "6", 501), the answer here says what
is wrong.
"""

from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS

EVERYTHING = 13


def asked(client: TestClient, **body: Any) -> Any:
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_six_recommendations_for_a_user_are_a_list_of_ids(client: TestClient) -> None:
    groups = asked(client, userId="3578196281679609099", limit=6)
    assert len(groups) == 6
    assert all(group.keys() == {"id"} for group in groups)


def test_without_a_user_there_are_general_recommendations(client: TestClient) -> None:
    assert asked(client, limit=6) == asked(client, userId="nobody ever seen", limit=6)


@pytest.mark.parametrize(("limit", "count"), [(None, 10), (6, 6), (499, 13), (500, 13)])
def test_a_limit_in_bounds_is_kept(client: TestClient, limit: int | None, count: int) -> None:
    body = {"userId": "ann"} | ({} if limit is None else {"limit": limit})
    assert len(asked(client, **body)) == count


def test_a_limit_out_of_bounds_is_refused_in_words(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[Any] = [0, -1, "6", 501, None, [6], 6.5, True]
    for limit in cases:
        with subtests.test(limit=limit):
            answer = client.post("/v1/recommendations", json={"userId": "ann", "limit": limit})
            assert answer.status_code == 400
            error = error_of(answer)
            assert error["field"] == "limit"
            told = "limit must be a whole number from 1 to 500, such as 10: it is "
            assert error["message"].startswith(told)


def test_a_ranking_lists_the_animals_of_a_group_together(client: TestClient) -> None:
    saint_bernard = {
        "animal_species_id": "2",
        "animal_primary_breed_id": "Saint_Bernard",
        "animal_size_id": "3",
        "animal_age_id": "3",
    }
    mau = {
        "animal_species_id": "1",
        "animal_primary_breed_id": "Egyptian_Mau",
        "animal_size_id": "1",
        "animal_age_id": "1",
    }
    body = {
        "userId": "12345",
        "itemMetadataList": [
            {"itemId": "1", "animalMetadata": saint_bernard},
            {"itemId": "2", "animalMetadata": mau},
            {"itemId": "3", "animalMetadata": saint_bernard},
        ],
    }
    answer = client.post("/v1/rerankings", json=body).json()
    assert answer["ranking"] == ["1", "3", "2"]
    ranked = answer["personalizeResponse"]["personalizedRanking"]
    assert [one["itemId"] for one in ranked] == ["2-Saint_Bernard-3-3", "1-Egyptian_Mau-1-1"]
    assert sum(one["score"] for one in ranked) == pytest.approx(1)


def test_ids_of_answers_are_uuids_on_both_doors(client: TestClient) -> None:
    campaign = "arn:aws:personalize:us-east-1:000000000000:campaign/recommender"
    question = {"campaignArn": campaign, "userId": "ann"}
    names = [
        client.post("/v1/recommendations", json={}).headers["x-recommendation-id"],
        client.post("/aws/recommendations", json=question).json()["recommendationId"],
    ]
    for name in names:
        assert name == f"RID-{UUID(name.removeprefix('RID-'))}"


@pytest.mark.parametrize("user", [{}, {"userId": "12345"}])
def test_an_event_in_the_envelope_of_the_stream_is_in_the_next_answer(
    client: TestClient, user: dict[str, str]
) -> None:
    species, breed, size, age = DOGS[0].split("-")
    session = f"stream {len(user)}"
    event = {
        **user,
        "sessionId": session,
        "eventType": "DetailView",
        "animalMetadata": {
            "animal_species_id": species,
            "animal_primary_breed_id": breed,
            "animal_size_id": size,
            "animal_age_id": age,
        },
        "animal_id": "98765",
    }
    before = asked(client, sessionId=session)
    answer = client.post("/v1/events", json={"Partitionkey": "any", "Data": event})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    after = asked(client, sessionId=session)
    assert after != before
    assert after[0]["id"] in DOGS
    assert before[0]["id"] in {*CATS, *DOGS}
