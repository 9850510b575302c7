"""Filters, promotions and metadata columns of the native API."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.core.http.examples import FILTERED, PROMOTED
from pawsonalize.resources.endpoints import OPERATIONS
from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS, metadata

DOGS_ONLY = 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")'
OF_BREED = "INCLUDE ItemID WHERE Items.ANIMAL_BREED IN ($BREED)"


def recommend(client: TestClient, path: str = "", **question: Any) -> Any:
    answer = client.post(f"/v1/recommendations{path}", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def groups(client: TestClient, **question: Any) -> list[str]:
    return [group["id"] for group in recommend(client, limit=100, **question)]


def test_a_filter_is_created_used_by_name_listed_and_deleted(client: TestClient) -> None:
    created = client.post("/v1/filters", json={"name": "dogs", "expression": DOGS_ONLY})
    assert created.status_code == 201
    assert created.json()["expression"] == DOGS_ONLY
    assert client.get("/v1/filters/dogs").json() == created.json()
    assert created.json() in client.get("/v1/filters").json()["filters"]
    assert sorted(groups(client, filter="dogs")) == sorted([*DOGS, "2-Unseen-1-1"])
    again = client.post("/v1/filters", json={"name": "dogs", "expression": DOGS_ONLY})
    assert again.status_code == 409
    assert client.delete("/v1/filters/dogs").status_code == 200
    for answer in (client.get("/v1/filters/dogs"), client.delete("/v1/filters/dogs")):
        assert answer.status_code == 404
    assert (
        error_of(client.post("/v1/recommendations", json={"filter": "dogs"}))["field"] == "filter"
    )


def test_the_documented_examples_are_answered(client: TestClient) -> None:
    [operation] = [one for one in OPERATIONS if one.id == "post_filter"]
    no_cats = operation.examples["no cats"]
    assert client.post("/v1/filters", json=no_cats).status_code == 201
    assert not {*groups(client, filter=no_cats["name"])} & {*CATS}
    for group in recommend(client, **FILTERED):
        assert group["metadata"]["ANIMAL_BREED"] in {"Beagle", "Siamese"}
    promoted = [group.get("promotionName") for group in recommend(client, **PROMOTED)]
    assert promoted.count("elders") == 2
    assert promoted.count(None) == 8


def test_a_filter_may_be_written_out_and_take_values(client: TestClient) -> None:
    asked = {"filter": OF_BREED, "filterValues": {"BREED": '"Pug","Maine Coon"'}}
    expected = [group for group in (*CATS, *DOGS) if group.split("-")[1] in {"Pug", "Maine Coon"}]
    assert sorted(groups(client, **asked)) == sorted(expected)


def test_promoted_groups_are_marked_in_details_too(client: TestClient, user: str) -> None:
    cats = 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")'
    promotion = {"name": "cats", "percentPromotedItems": 50, "filter": cats}
    asked = {"userId": user, "limit": 4, "filter": DOGS_ONLY, "promotions": [promotion]}
    answer = recommend(client, "?detail=full", **asked, metadataColumns={"ITEMS": ["ANIMAL_AGE"]})
    for group in answer["recommendations"]:
        assert group["promotionName"] == ("cats" if group["id"] in CATS else None)
        assert group["metadata"]["ANIMAL_AGE"] == group["metadata"]["animal_age_id"]
    assert sum(group["id"] in CATS for group in answer["recommendations"]) == 2


def test_a_ranking_leaves_out_what_does_not_pass_and_has_metadata(client: TestClient) -> None:
    places = [
        {"itemId": f"animal of {group}", "animalMetadata": metadata(group)}
        for group in (CATS[0], DOGS[0], "2-Never_Seen-1-1")
    ]
    asked = {
        "userId": "ann",
        "itemMetadataList": places,
        "filter": DOGS_ONLY,
        "metadataColumns": {"ITEMS": ["ANIMAL_BREED"]},
    }
    answer = client.post("/v1/rerankings", json=asked).json()
    ranked = answer["personalizeResponse"]["personalizedRanking"]
    assert {item["itemId"]: item["metadata"]["ANIMAL_BREED"] for item in ranked} == {
        DOGS[0]: "Beagle",
        "2-Never_Seen-1-1": "Never_Seen",
    }
    assert sorted(answer["ranking"]) == [
        f"animal of {group}" for group in (DOGS[0], "2-Never_Seen-1-1")
    ]
    assert sum(item["score"] for item in ranked) == pytest.approx(1)


PROMOTION = {"name": "p", "percentPromotedItems": 10, "filter": DOGS_ONLY}


def test_a_wrong_filter_is_refused_by_the_path_of_its_field(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"filter": "INCLUDE ItemID WHERE"}, "filter"),
        ({"filter": "INCLUDE ItemID WHERE Items.FEE < 3"}, "filter"),
        ({"filter": "INCLUDE UserID WHERE Users.USER_ID IN (1)"}, "filter"),
        ({"filter": OF_BREED}, "filterValues.BREED"),
        ({"filter": OF_BREED, "filterValues": {"BREED": '"Pug'}}, "filterValues.BREED"),
        ({"filter": OF_BREED, "filterValues": {"breed": "Pug"}}, "filterValues.breed"),
        ({"filterValues": {"BREED": "Pug"}}, "filterValues"),
        ({"filter": "INCLUDE ItemID WHERE Items.ITEM_ID IN CurrentItem.ITEM_ID"}, "itemId"),
        ({"metadataColumns": {"USERS": ["AGE"]}}, "metadataColumns"),
        ({"promotions": [PROMOTION, PROMOTION]}, "promotions"),
        ({"promotions": [PROMOTION | {"name": "a b"}]}, "promotions[0].name"),
        (
            {"promotions": [PROMOTION | {"percentPromotedItems": 0}]},
            "promotions[0].percentPromotedItems",
        ),
        ({"promotions": [PROMOTION | {"filter": OF_BREED}]}, "promotions[0].filterValues.BREED"),
        ({"promotions": [PROMOTION | {"filter": "INCLUDE x"}]}, "promotions[0].filter"),
    ]
    for question, field in cases:
        with subtests.test(question=question, field=field):
            answer = client.post("/v1/recommendations", json=question)
            assert answer.status_code == 400
            assert error_of(answer)["field"] == field
