"""Payloads as the handlers of AWS's deployment take them, and the rules they keep.

Where those fall back on 10 without a word (limits of 0, -1, "6", 501), the answer here says what
is wrong.
"""

from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient


def asked(client: TestClient, **body: Any) -> Any:
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("limit", "count"), [(None, 10), (6, 6), (499, 13), (500, 13)])
def test_a_limit_in_bounds_is_kept(client: TestClient, limit: int | None, count: int) -> None:
    body = {"userId": "ann"} | ({} if limit is None else {"limit": limit})
    assert len(asked(client, **body)) == count


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
