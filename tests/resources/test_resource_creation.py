"""A second dataset group made by the native API: from its name to a campaign, and away again."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.core import clock
from tests.event_data import T0
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_service
from tests.training import let_trainings_end, train

GROUP = "shelter-b"
SCHEMA = {
    "type": "record",
    "name": "Items",
    "fields": [{"name": "ITEM_ID", "type": "string"}, {"name": "GENRE", "type": "string"}],
}
SOLUTION = {"name": "cats", "datasetGroup": GROUP, "recipe": "popularity-count"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = make_service(tmp_path / "data", train=False)
    app = build_app(settings)
    with client_of(app, raise_server_exceptions=False) as client:
        client.app_state["settings"] = settings
        make(client, "dataset-groups", name=GROUP)
        yield client
        let_trainings_end(app.state.services.trainings, settings)


def make(client: TestClient, what: str, **asked: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/{what}", json=asked)
    assert answer.status_code in {201, 202}, answer.text
    made: dict[str, Any] = answer.json()
    return made


def refused(
    client: TestClient, method: str, path: str, status: int, **asked: Any
) -> dict[str, Any]:
    answer = client.request(method, f"/v1/{path}", json=asked)
    assert answer.status_code == status, answer.text
    return error_of(answer)


def get(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(f"/v1/{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def trained(client: TestClient, solution: str = "cats", **more: Any) -> str:
    """A version that is ACTIVE, trained on what little its dataset group has."""
    with opened(client.app_state["settings"]) as adapters:
        adapters.log.append([])
        return train(adapters, T0 + 1000, solution=solution, **more).name


def settled(client: TestClient, path: str) -> dict[str, Any]:
    """The resource, once its latest update, or it itself, is settled."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = get(client, path)
        status = (found.get("latestUpdate") or found)["status"]
        if "PENDING" not in status and "PROGRESS" not in status:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_a_dataset_group_is_made_shown_and_deleted_in_the_order_of_what_needs_what(
    client: TestClient,
) -> None:
    assert get(client, f"dataset-groups/{GROUP}")["status"] == "ACTIVE"
    names = [one["name"] for one in get(client, "dataset-groups")["datasetGroups"]]
    assert set(names) == {GROUP, "pawsonalize"}
    make(client, "datasets", datasetGroup=GROUP, datasetType="Items", schema=SCHEMA)
    error = refused(client, "DELETE", f"dataset-groups/{GROUP}", 409)
    assert "needed by dataset shelter-b-items: delete that first" in error["message"]
    assert client.delete(f"/v1/datasets/{GROUP}-items").status_code == 200
    assert client.delete(f"/v1/dataset-groups/{GROUP}").status_code == 200
    refused(client, "GET", f"dataset-groups/{GROUP}", 404)


def test_a_dataset_has_a_schema_of_its_own_one_that_is_there_or_the_default_ones(
    client: TestClient,
) -> None:
    own = make(client, "datasets", datasetGroup=GROUP, datasetType="items", schema=SCHEMA)
    assert (own["name"], own["schema"], own["datasetType"]) == (
        "shelter-b-items",
        "shelter-b-items",
        "Items",
    )
    assert get(client, "schemas/shelter-b-items")["schema"] == SCHEMA
    plain = make(client, "datasets", datasetGroup=GROUP, datasetType="Interactions")
    assert plain["schema"] == "pawsonalize-interactions"
    users = {"type": "record", "name": "x", "fields": [{"name": "USER_ID", "type": "string"}]}
    assert make(client, "schemas", name="people", schema=users)["datasetType"] == "Users"
    make(client, "datasets", datasetGroup=GROUP, datasetType="Users", schema="people")
    names = [one["name"] for one in get(client, f"datasets?datasetGroup={GROUP}")["datasets"]]
    assert names == ["shelter-b-users", "shelter-b-interactions", "shelter-b-items"]


def test_a_dataset_that_cannot_be_made_leaves_no_schema_behind(client: TestClient) -> None:
    wanted = {"datasetGroup": GROUP, "datasetType": "Items"}
    make(client, "datasets", **wanted)
    error = refused(client, "POST", "datasets", 409, **wanted, schema=SCHEMA)
    assert "shelter-b-items" in error["message"]
    refused(client, "GET", "schemas/shelter-b-items", 404)
    unknown = refused(client, "POST", "datasets", 400, datasetType="Pets")
    assert unknown["field"] == "datasetType"
    broken = {"type": "record", "name": "Items", "fields": [{"name": "GENRE", "type": "string"}]}
    error = refused(client, "POST", "datasets", 400, **wanted, schema=broken)
    assert "lacks the required field ITEM_ID" in error["message"]


def test_an_event_tracker_gets_an_id_to_send_with(client: TestClient) -> None:
    tracker = make(client, "event-trackers", name="b", datasetGroup=GROUP)
    assert len(tracker["trackingId"]) == 32
    listed = get(client, f"event-trackers?datasetGroup={GROUP}")["eventTrackers"]
    assert listed == [tracker]
    refused(client, "POST", "event-trackers", 409, name="c", datasetGroup=GROUP)
    assert client.delete("/v1/event-trackers/b").json() == tracker
    refused(client, "GET", "event-trackers/b", 404)


def test_a_solution_says_on_what_and_how_it_trains(client: TestClient) -> None:
    made = make(
        client,
        "solutions",
        **SOLUTION | {"recipe": "user-personalization"},
        settings={"learn": False},
        events=[{"eventType": "view"}, {"eventType": "favorite", "weight": 4.0}],
        maxAgeDays=90.0,
        tuning={"trials": 3},
    )
    assert made == get(client, "solutions/cats")
    assert made["events"][1] == {
        "eventType": "favorite",
        "weight": 4.0,
        "valueThreshold": None,
        "valueWeighting": False,
    }
    changed = client.patch("/v1/solutions/cats", json={"retrain": False, "tuning": None}).json()
    assert (changed["retrain"], changed["tuning"]) == (False, None)
    assert changed["settings"] == {"learn": False}, "what is not named stays"
    assert client.delete("/v1/solutions/cats").status_code == 200


def test_a_solution_that_could_not_be_trained_is_refused_when_it_is_made(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"recipe": "magic"}, "recipe"),
        ({"settings": {"no_such": 1}}, "settings"),
        ({"events": [{"eventType": "stared", "weight": 1.0}]}, "weight"),
        ({"autoTrainingDays": 31}, "autoTrainingDays"),
        ({"tuning": {"trials": 0}}, "tuning.trials"),
        ({"name": "x" * 64}, "name"),
        ({"name": "a b"}, "name"),
    ]
    for wrong, field in cases:
        with subtests.test(wrong=wrong, field=field):
            assert refused(client, "POST", "solutions", 400, **SOLUTION | wrong)["field"] == field


def test_a_solution_in_no_dataset_group_is_told_which_there_are(client: TestClient) -> None:
    error = refused(client, "POST", "solutions", 404, **SOLUTION | {"datasetGroup": "sheltr"})
    assert error["field"] == "datasetGroup"
    assert GROUP in error["message"]


def test_a_change_that_could_not_be_trained_changes_nothing(client: TestClient) -> None:
    before = make(client, "solutions", **SOLUTION)
    refused(client, "PATCH", "solutions/cats", 400, settings={"no_such": 1})
    assert get(client, "solutions/cats") == before


def test_a_campaign_serves_the_newest_version_with_settings_of_its_own(client: TestClient) -> None:
    make(client, "solutions", **SOLUTION)
    trained(client, name="cats-1")
    newest = trained(client, name="cats-2")
    made = make(client, "campaigns", name="cats", solution="cats", explorationWeight=0.2)
    assert made["latestUpdate"]["solutionVersion"] == newest
    assert settled(client, "campaigns/cats")["solutionVersion"] == newest
    change = {"explorationWeight": None, "minProvisionedTPS": 3, "solutionVersion": "cats-1"}
    assert client.patch("/v1/campaigns/cats", json=change).status_code == 200
    changed = settled(client, "campaigns/cats")
    assert (changed["solutionVersion"], changed["previousVersion"]) == ("cats-1", "cats-2")
    assert (changed["explorationWeight"], changed["minProvisionedTPS"]) == (None, 3)
    stale = {"revision": 1, "explorationWeight": 0.1}
    refused(client, "PATCH", "campaigns/cats", 409, **stale)
    assert get(client, "campaigns?solution=cats")["campaigns"] == [changed]
    refused(client, "DELETE", "solutions/cats", 409)
    assert client.delete("/v1/campaigns/cats").status_code == 200
    assert client.delete("/v1/solutions/cats").status_code == 200


def test_a_campaign_of_an_untrained_solution_waits_for_its_first_version(
    client: TestClient,
) -> None:
    make(client, "solutions", **SOLUTION)
    made = make(client, "campaigns", name="cats", solution="cats", explorationWeight=0.2)
    assert (made["status"], made["latestUpdate"]) == ("CREATE PENDING", None)
    changed = client.patch("/v1/campaigns/cats", json={"explorationWeight": 0.3}).json()
    assert (changed["status"], changed["explorationWeight"]) == ("CREATE PENDING", 0.3)
    newest = trained(client)
    with opened(client.app_state["settings"]) as adapters:
        adapters.campaigns.update("cats", newest, clock.now())
    assert settled(client, "campaigns/cats")["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({}, 400, "solution"),
        ({"solution": "dogs"}, 404, None),
        ({"solution": "cats", "explorationWeight": 1.5}, 400, "explorationWeight"),
        ({"solution": "cats", "popularityInfluence": 0.5}, 400, "popularityInfluence"),
        ({"solutionVersion": "cats-9"}, 404, None),
    ],
)
def test_a_campaign_that_could_not_serve_is_refused(
    client: TestClient, wrong: dict[str, Any], status: int, field: str | None
) -> None:
    make(client, "solutions", **SOLUTION)
    assert refused(client, "POST", "campaigns", status, name="c", **wrong).get("field") == field


def test_batch_jobs_answer_files_and_are_forgotten_when_they_are_done(
    client: TestClient, tmp_path: Path
) -> None:
    make(client, "solutions", **SOLUTION | {"datasetGroup": "pawsonalize"})
    version = trained(client)
    source = tmp_path / "data" / "imports" / "users.jsonl"
    source.parent.mkdir(exist_ok=True)
    source.write_text(json.dumps({"userId": "seed 0"}) + "\n")
    target = tmp_path / "data" / "exports"
    wanted = {"name": "mail", "solutionVersion": version, "results": 3}
    where = {"input": f"file://{source}", "output": f"file://{target}/"}
    make(client, "batch-inference-jobs", **wanted, **where)
    done = settled(client, "batch-inference-jobs/mail")
    assert (done["status"], done["answered"]) == ("ACTIVE", 1), done
    line = json.loads((target / "users.jsonl.out").read_text())
    assert len(line["output"]["recommendedItems"]) == 3
    assert len(get(client, f"batch-inference-jobs?solutionVersion={version}")) == 2
    assert client.delete("/v1/batch-inference-jobs/mail").status_code == 200
    refused(client, "GET", "batch-inference-jobs/mail", 404)
    error = refused(client, "POST", "batch-segment-jobs", 400, **wanted, **where)
    assert "user-personalization" in error["message"]
    refused(client, "POST", "batch-inference-jobs", 404, **wanted, **where, filter="none")
