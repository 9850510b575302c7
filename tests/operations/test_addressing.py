"""Dataset groups and campaigns at the native door, where the default group is the busy one."""

from copy import copy
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.operations.addressing import answering
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.limits import Lane
from pawsonalize.operations.services import Services
from pawsonalize.recommend.campaigns import Address, Purpose
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER
from tests import event_loop
from tests.http_fixtures import error_of
from tests.service_data import DOGS, metadata, view


def app_of(client: TestClient) -> Any:
    return client.app


def services_of(client: TestClient) -> Services:
    services: Services = app_of(client).state.services
    return services


@pytest.mark.parametrize("purpose", [Purpose.RECOMMENDING, Purpose.RANKING])
def test_who_names_nothing_costs_no_look_at_the_tables(
    client: TestClient, purpose: Purpose
) -> None:
    nothing: Any = None
    blind = copy(services_of(client))
    blind.directory = blind.campaign_models = nothing
    state = SimpleNamespace(services=blind, tenants=app_of(client).state.tenants)
    request: Any = SimpleNamespace(
        app=SimpleNamespace(state=state), state=SimpleNamespace(caller=Caller(), lane=Lane.ANSWERS)
    )
    by = event_loop.run(answering(request, Address(), purpose))
    assert by is blind.group_recommender
    assert by.dataset_group == DATASET_GROUP


def test_the_default_group_by_name_answers_as_without_one(client: TestClient, user: str) -> None:
    client.post("/v1/events", json=view(user, DOGS[0]), params={"datasetGroup": DATASET_GROUP})
    asked = {"userId": user, "at": "2026-05-18T12:00:00Z"}
    plain = client.post("/v1/recommendations", json=asked).json()
    for named in ({"datasetGroup": DATASET_GROUP}, {"campaign": RECOMMENDER}):
        assert client.post("/v1/recommendations", json=asked | named).json() == plain
    history = client.get(f"/v1/users/{user}/history", params={"campaign": RECOMMENDER}).json()
    assert len(history["events"]) == 1


def test_an_item_of_the_default_group_is_an_animal_group(client: TestClient, user: str) -> None:
    event = {"sessionId": user, "eventType": "view"}
    sent = client.post("/v1/events", json=[event | {"itemId": DOGS[0]}, event | {"itemId": "x"}])
    assert sent.json()["accepted"] == 1
    assert [(one["index"], one["field"]) for one in sent.json()["rejected"]] == [(1, "itemId")]
    listed = {"itemId": "nobody knows me"}, {"itemId": "a", "animalMetadata": metadata(DOGS[0])}
    body = {"userId": user, "itemMetadataList": listed, "datasetGroup": DATASET_GROUP}
    assert "not in the inventory" in error_of(client.post("/v1/rerankings", json=body))["message"]


def test_a_group_that_is_not_there_is_told_wherever_one_can_be_named(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[str, str]] = [
        ("GET", "/v1/users/ann/history"),
        ("GET", "/v1/sessions/s/history"),
        ("GET", "/v1/users/ann"),
        ("DELETE", "/v1/users/ann"),
        ("POST", "/v1/events"),
        ("GET", "/v1/filters"),
        ("GET", "/v1/outcomes"),
        ("GET", "/v1/animals/rex/similar"),
    ]
    for method, path in cases:
        with subtests.test(method=method, path=path):
            for field in ("datasetGroup", "campaign"):
                answer = client.request(method, path, params={field: "nowhere"})
                assert answer.status_code == 404, path
                error = error_of(answer)
                assert error["field"] == field
                assert {"datasetGroup": DATASET_GROUP, "campaign": RECOMMENDER}[field] in error[
                    "message"
                ]


def test_the_query_names_a_group_as_the_body_does_and_they_must_agree(client: TestClient) -> None:
    expression = "INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ($TYPE)"
    bodies: dict[str, dict[str, Any]] = {
        "/v1/recommendations": {},
        "/v1/rerankings": {"userId": "ann", "itemMetadataList": [{"itemId": "a"}]},
        "/v1/filters": {"name": "never-made", "expression": expression},
    }
    for path, body in bodies.items():
        answer = client.post(path, json=body, params={"datasetGroup": "nowhere"})
        assert (answer.status_code, error_of(answer)["field"]) == (404, "datasetGroup"), path
        both = body | {"datasetGroup": DATASET_GROUP}
        answer = client.post(path, json=both, params={"datasetGroup": "nowhere"})
        assert answer.status_code == 400
        assert "send it once" in error_of(answer)["message"]


def test_a_group_inside_an_event_or_a_user_is_not_dropped_in_silence(
    client: TestClient, user: str
) -> None:
    event = view(user, DOGS[0])
    for body in (event | {"datasetGroup": "x"}, {"events": [event], "campaign": "x"}):
        answer = client.post("/v1/events", json=body)
        assert answer.status_code == 400
        assert "into the query" in answer.json()["error"]["message"]
    assert client.get(f"/v1/users/{user}/history").json()["events"] == []
    answer = client.put(f"/v1/users/{user}", json={"attributes": {}, "datasetGroup": "x"})
    assert "write it into the query, ?datasetGroup=" in error_of(answer)["message"]
