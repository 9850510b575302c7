"""Two ways to ask for the same, and two names for one thing, where sites use both already."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS, client_of, make_service, metadata


def test_a_detailed_answer_is_that_of_detail_full(client: TestClient) -> None:
    asked = {"userId": "seed 0", "limit": 3, "at": "2026-06-01"}
    own, full = (
        client.post(f"/v1/recommendations{path}", json=asked).json()
        for path in ("/detailed", "?detail=full")
    )
    assert own.keys() == {"recommendationId", "solutionVersion", "recommendations"}
    assert own["recommendations"] == full["recommendations"]


def test_similar_animals_have_a_detailed_answer(tmp_path: Path) -> None:
    animals = [
        {"id": name, "species": "dog", "breed": "Pug", "size": "small", "age": "adult"}
        for name in ("like-1", "like-2")
    ]
    with client_of(build_app(make_service(tmp_path))) as client:
        client.put("/v1/animals", json={"animals": animals})
        paths = ("/v1/animals/like-1/similar/detailed", "/v1/animals/like-1/similar?detail=full")
        own, full = (client.get(path).json()["recommendations"] for path in paths)
    assert [one["id"] for one in own] == [one["id"] for one in full] == ["like-2"]
    assert own[0]["factors"].keys() == full[0]["factors"].keys()


def test_an_animal_of_a_list_may_be_named_by_either_name(client: TestClient) -> None:
    def ranked(name: str) -> Any:
        given = [
            {name: f"a-{place}", "animalMetadata": metadata(group)}
            for place, group in enumerate((CATS[0], DOGS[0]))
        ]
        body = {"userId": "seed 0", "itemMetadataList": given}
        return client.post("/v1/rerankings", json=body).json()["ranking"]

    assert ranked("animalId") == ranked("itemId")


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        ({}, "itemId", "missing: send it"),
        ({"itemId": "a", "animalId": "a"}, "animalId", "send one"),
        ({"animalId": ""}, "animalId", "animalId"),
        ({"itemID": "a"}, "itemID", "write itemMetadataList[0].itemId"),
    ],
)
def test_an_animal_of_a_list_without_a_good_name_is_refused(
    client: TestClient, entry: dict[str, Any], field: str, said: str
) -> None:
    given = [{"animalMetadata": metadata(DOGS[0]), **entry}]
    answer = client.post("/v1/rerankings", json={"userId": "ann", "itemMetadataList": given})
    assert (answer.status_code, error_of(answer)["field"]) == (400, f"itemMetadataList[0].{field}")
    assert said in error_of(answer)["message"]
