"""Health, metrics and the API document: what operators and their tools read."""

import json
import re
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.openapi import openapi
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.core import clock
from tests.http_fixtures import error_of
from tests.service_data import CATS, client_of, make_service, view


def test_a_process_without_a_model_lives_but_is_not_ready(tmp_path: Path) -> None:
    app = build_app(make_service(tmp_path, train=False))
    with client_of(app, raise_server_exceptions=False) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        for answer in (client.get("/readyz"), client.post("/v1/recommendations", json={})):
            assert answer.status_code == 503
            assert "pawsonalize train" in error_of(answer)["message"]
            assert answer.headers["retry-after"]
        assert client.post("/v1/events", json=view("ann", CATS[0])).status_code == 202


def test_a_ready_process_names_the_version_it_serves(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["solutionVersion"].startswith("recommender-")


def test_standing_problems_are_in_readiness_and_metrics(tmp_path: Path) -> None:
    settings = make_service(tmp_path)
    with client_of(build_app(settings)) as client:
        assert client.get("/readyz").json()["problems"] == []
        assert "pawsonalize_problem{" not in client.get("/metrics").text
        with opened(settings) as another_process:
            problems = another_process.problems
            problems.report("archive", "the disk is full: free some space", clock.now())
        answer = client.get("/readyz")
        assert answer.status_code == 200, "it can answer all the same"
        (problem,) = answer.json()["problems"]
        assert problem["name"] == "archive"
        assert problem["message"] == "the disk is full: free some space"
        assert 'pawsonalize_problem{name="archive"} 1.0' in client.get("/metrics").text


def test_what_is_to_be_done_with_all_that_is_loaded_is_done_before_the_first_request(
    tmp_path: Path,
) -> None:
    done: list[str] = []
    app = build_app(make_service(tmp_path), loaded=lambda: done.append("once"))
    with client_of(app) as client:
        assert done == ["once"]
        assert client.get("/readyz").status_code == 200
    assert done == ["once"]


def test_requests_and_events_are_counted_by_route_and_outcome(
    client: TestClient, user: str
) -> None:
    def metrics() -> dict[str, float]:
        answer = client.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        lines = (line.rpartition(" ") for line in answer.text.splitlines() if line[0] != "#")
        return {name: float(value) for name, _, value in lines}

    before = metrics()
    client.post("/v1/events", json=[view(user, CATS[0]), {}])
    client.get(f"/v1/users/{user}/history")
    client.get(f"/{user}")
    client.put("/v1/events")
    after = metrics()
    grown = {name for name in after if after[name] != before.get(name, 0)}
    for expected in (
        'pawsonalize_requests_total{route="/v1/events",status="202"}',
        'pawsonalize_requests_total{route="/v1/events",status="405"}',
        'pawsonalize_requests_total{route="/v1/users/{user_id}/history",status="200"}',
        'pawsonalize_requests_total{route="unmatched",status="404"}',
        'pawsonalize_request_seconds_count{route="/v1/events"}',
        'pawsonalize_events_total{outcome="accepted"}',
        'pawsonalize_events_total{outcome="rejected"}',
    ):
        assert expected in grown, "\n".join(sorted(grown))
    assert not any(user in name for name in after), "no personal data in metrics"


def test_events_of_types_without_a_meaning_are_counted_some_by_name(
    client: TestClient, user: str
) -> None:
    before = unknown_types(client)
    for kind in ("Boop", "DetailView", *(f"kind {n}" for n in range(40))):
        client.post("/v1/events", json=view(user, CATS[0], eventType=kind))
    counted = unknown_types(client)
    more = {name: count - before.get(name, 0) for name, count in counted.items()}
    assert more["Boop"] == 1
    assert "DetailView" not in counted
    assert sum(more.values()) == 41
    named = [name for name, count in more.items() if count and name != "other types"]
    assert len(named) <= 20
    assert more["other types"] >= 21


def unknown_types(client: TestClient) -> dict[str, float]:
    """How often each was met by this process so far."""
    found = re.findall(
        r'^pawsonalize_unknown_event_types_total{type="(.*)"} (.*)$',
        client.get("/metrics").text,
        re.M,
    )
    return {name: float(count) for name, count in found}


def test_the_api_document_describes_every_operation_once(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(operations) == len(OPERATIONS)
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)


def test_every_path_parameter_is_declared_and_every_reference_leads_somewhere() -> None:
    document = openapi()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            declared = {
                each["name"] for each in operation.get("parameters", []) if each["in"] == "path"
            }
            assert declared == set(re.findall(r"{(.*?)}", path))
    references = re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', json.dumps(document))
    assert set(references) == set(document["components"]["schemas"])


def _schemas(document: Any, at: str = "") -> list[tuple[str, Any]]:
    """Every JSON schema of the document with its place; what examples call a schema is none."""
    if isinstance(document, list):
        return [found for n, one in enumerate(document) for found in _schemas(one, f"{at}/{n}")]
    if not isinstance(document, dict):
        return []
    own = [(f"{at}/schema", document["schema"])] if "schema" in document else []
    inside = {key: one for key, one in document.items() if key != "examples"}
    return own + [found for key, one in inside.items() for found in _schemas(one, f"{at}/{key}")]


def test_the_api_document_keeps_to_the_specification() -> None:
    import openapi_spec_validator

    openapi_spec_validator.validate(openapi())


def test_names_that_generated_clients_call_stay_the_same() -> None:
    """Add to the list; a name that stands in it is in programs of others."""
    kept = Path(__file__).with_name("operation_ids.txt").read_text().split()
    document = openapi()
    assert sorted(kept) == sorted(
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    )


def test_a_question_and_an_answer_have_one_schema_each() -> None:
    schemas = []
    for methods in openapi()["paths"].values():
        for operation in methods.values():
            answers = operation["responses"].values()
            for part in (operation.get("requestBody", {}), *answers):
                schemas += [content["schema"] for content in part.get("content", {}).values()]
            assert operation["responses"]["4XX"] == {"$ref": "#/components/responses/Refused"}
    assert len(schemas) > 50
    assert not [schema for schema in schemas if schema.keys() & {"anyOf", "oneOf", "allOf"}]


def test_a_field_has_two_schemas_only_if_one_of_them_is_null_or_a_name() -> None:
    components = openapi()["components"]["schemas"]
    several = {
        (name, field)
        for name, schema in components.items()
        for field, one in schema.get("properties", {}).items()
        if len([kind for kind in one.get("anyOf", ()) if kind != {"type": "null"}]) > 1
    }
    assert several == {("DatasetRequest", "schema")}  # a schema's name, or the schema itself


def test_no_type_is_called_like_a_field_of_its_own() -> None:
    """Generated classes would hide themselves inside."""
    schemas = openapi()["components"]["schemas"]
    assert len(schemas) > 50
    for name, schema in schemas.items():
        assert name.lower() not in {field.lower() for field in schema.get("properties", {})}


def test_an_item_id_is_a_group_and_an_animal_has_its_own_name() -> None:
    of_the_reference = {("ItemMetadata", "itemId"), ("EventForm", "animal_id")}
    as_sent = {("PastEvent", "animal_id")}
    named = {
        (name, field)
        for name, schema in openapi()["components"]["schemas"].items()
        for field, one in schema.get("properties", {}).items()
        if field == "animal_id" or (field == "itemId" and "animal;" in one.get("description", ""))
    }
    assert named == of_the_reference | as_sent
    for path in openapi()["paths"]:
        assert "_" not in "".join(re.findall(r"{.*?}", path))


def test_what_visitors_wait_for_is_described_field_by_field() -> None:
    """A group, an error, an event, both questions, and plays of a market: each field says what."""
    document = openapi()
    waiting = ["RecommendationRequest", "Recommendation", "DetailedRecommendations", "EventList"]
    waiting += ["RerankingRequest", "RerankingResponse", "EventsReceipt", "ErrorAnswer"]
    waiting += ["AnimalList", "AnimalsReceipt", "Play"]
    seen = set()
    while waiting:
        name = waiting.pop()
        schema = document["components"]["schemas"][name]
        seen.add(name)
        if name == "ResponseMetadata":  # boto3's
            continue
        for field, one in schema.get("properties", {}).items():
            assert one.get("description"), (name, field)
        inside = re.findall(r"#/components/schemas/(\w+)", json.dumps(schema))
        waiting += [one for one in inside if one not in seen]
    assert len(seen) > 10


def test_every_schema_is_valid_and_every_example_fits_its_schema() -> None:
    document = openapi()
    components = {"components": document["components"]}
    assert _schemas(document["paths"])
    for _place, schema in _schemas(document["paths"]):
        Draft202012Validator(schema | components)
    for methods in document["paths"].values():
        for operation in methods.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in body.get("examples", {}).items():
                validator = Draft202012Validator(body["schema"] | components)
                assert validator.is_valid(example["value"]), name


def test_available_animals_make_a_process_ready_before_the_first_training(tmp_path: Path) -> None:
    animal = {"id": "rex", "species": "dog", "breed": "Beagle", "size": "medium", "age": "adult"}
    app = build_app(make_service(tmp_path, train=False))
    with client_of(app, raise_server_exceptions=False) as client:
        assert "put animals" in error_of(client.get("/readyz"))["message"]
        client.put("/v1/animals", json=animal)
        answer = client.get("/readyz")
        assert answer.status_code == 200
        body = answer.json()
        assert body["solutionVersion"] is None
        assert body["message"] == (
            "no model is live yet: animals are ordered by what is known of them"
        )
        assert [one["solutionVersion"] for one in body["campaigns"]] == [None, None]
        for named in ({}, {"datasetGroup": "pawsonalize"}):
            asked = client.post("/v1/recommendations", json={"of": "animals", **named})
            assert [one["id"] for one in asked.json()] == ["rex"]
            assert client.post("/v1/recommendations", json=named).status_code == 200
        client.post("/v1/animals/rex/status", json={"status": "adopted"})
        assert client.get("/readyz").status_code == 503
