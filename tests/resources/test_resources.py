"""Solutions, solution versions and campaigns, as consoles read them; and going back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.core import clock
from pawsonalize.resources.defaults import RERANKER
from tests.event_data import T0
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service
from tests.training import train


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A service whose recommender has a second version, not served yet."""
    settings = make_service(tmp_path)
    with opened(settings) as adapters:
        train(adapters, T0 + 2000, recipe="popularity-count", name="second")
        train(adapters, T0 + 3000, solution=RERANKER, name="ranker")
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        client.app_state["settings"] = settings
        yield client


def listed(client: TestClient, what: str, **query: str) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/{what}", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["nextCursor"] is None
    found: list[dict[str, Any]] = next(value for value in body.values() if value is not None)
    return found


def serve(client: TestClient, version: str) -> None:
    """Update the recommender's campaign, and wait until it is served."""
    with opened(client.app_state["settings"]) as adapters:
        adapters.campaigns.update("recommender", version, clock.now())
    while all(each["solutionVersion"] != version for each in listed(client, "campaigns")):
        pass


def test_versions_are_listed_newest_first_of_all_solutions_or_of_one(client: TestClient) -> None:
    names = [each["name"] for each in listed(client, "solution-versions")]
    assert names[:2] == ["ranker", "second"]
    assert len(names) == 3
    (ranker,) = listed(client, "solution-versions", solution="reranker")
    assert ranker["asOf"] == "2026-05-17T12:00:03.000Z"
    assert ranker["mode"] == "FULL"
    assert (ranker["items"], ranker["progress"]) == (13, None)
    assert listed(client, "solution-versions", solution="no\x00thing") == []


def test_pages_fit_together(client: TestClient) -> None:
    names: list[str] = []
    query: dict[str, str] = {"limit": "1"}
    while True:
        page = client.get("/v1/solution-versions", params=query).json()
        names += [each["name"] for each in page["solutionVersions"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert names == [each["name"] for each in listed(client, "solution-versions")]
    for wrong in ({"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"cursor": "x"}):
        refused = client.get("/v1/campaigns", params=wrong)
        assert refused.status_code == 400
        assert error_of(refused)["field"] == next(iter(wrong))


def test_a_campaign_tells_what_it_serves_and_a_rollback_returns_to_the_version_before(
    client: TestClient,
) -> None:
    first = client.get("/readyz").json()["solutionVersion"]
    serve(client, "second")
    campaign = next(each for each in listed(client, "campaigns") if each["name"] == "recommender")
    assert (campaign["solutionVersion"], campaign["previousVersion"]) == ("second", first)
    assert campaign["latestUpdate"]["status"] == "ACTIVE"
    assert campaign["sustainedTPS"] > 0
    back = client.post("/v1/campaigns/recommender/rollback")
    assert back.status_code == 200
    assert back.json()["solutionVersion"] == first
    while client.get("/readyz").json()["solutionVersion"] != first:
        pass


def test_what_cannot_be_rolled_back_is_told(client: TestClient) -> None:
    nothing_before = client.post("/v1/campaigns/recommender/rollback")
    assert nothing_before.status_code == 409
    assert "no other version" in error_of(nothing_before)["message"]
    for name in ("nobody", "no%20name", "%ED%A0%80"):
        assert client.post(f"/v1/campaigns/{name}/rollback").status_code == 404


def test_without_reranking_of_its_own_no_reranker_is_followed(tmp_path: Path) -> None:
    import msgspec

    settings = make_service(tmp_path)
    ranking = {
        "userId": "ann",
        "itemMetadataList": [
            {
                "itemId": "x",
                "animalMetadata": {
                    "animal_species_id": "1",
                    "animal_primary_breed_id": "Siamese",
                    "animal_size_id": "1",
                    "animal_age_id": "1",
                },
            }
        ],
    }
    with opened(settings) as adapters:
        ranker = train(adapters, T0 + 3000, solution=RERANKER)
        adapters.campaigns.update(RERANKER, ranker.name, T0)
    for enabled in (False, True):
        changed = msgspec.structs.replace(settings, reranking_enabled=enabled)
        with client_of(build_app(changed)) as client:
            assert client.post("/v1/rerankings", json=ranking).status_code == 200
            campaign = next(
                each for each in listed(client, "campaigns") if each["name"] == RERANKER
            )
            assert campaign["solutionVersion"] == (ranker.name if enabled else None)
