"""GET /v1/outcomes: what came of what was shown."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.service_data import CATS, view
from tests.unit.http.conftest import error_of


def told(client: TestClient, **query: str) -> Any:
    answer = client.get("/v1/outcomes", params=query)
    assert answer.status_code == 200
    return answer.json()


def test_an_adoption_is_counted_in_the_next_report(client: TestClient, user: str) -> None:
    before = told(client)["total"]
    adoption = view(user, CATS[0], eventType="adoption", eventId=f"adoption by {user}")
    assert client.post("/v1/events", json=adoption).json()["accepted"] == 1
    after = told(client, within="7")
    assert after["withinDays"] == 7
    assert after["total"]["adoptions"] == before["adoptions"] + 1
    assert after["total"]["adoptionsPer1000Sessions"] > 0
    assert {line["name"] for line in after["policies"]} == {
        "recommended",
        "explored",
        "ranked",
        "none",
    }


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"within": "0"},
        {"within": "x"},
        {"since": "2099-01-01"},
    ],
)
def test_bad_bounds_are_named(client: TestClient, query: dict[str, str]) -> None:
    answer = client.get("/v1/outcomes", params=query)
    assert answer.status_code == 400
    assert error_of(answer)["field"] in query
