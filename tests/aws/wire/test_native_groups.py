"""What is made through /aws is asked through the native API: by dataset group, campaign, ARN."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from tests.aws.wire import made
from tests.aws.wire.server import Wire, served
from tests.aws.wire.test_life import GENRES, NOW, SCHEMAS, interactions, write
from tests.aws_shapes import ACCOUNT, REGION
from tests.waiting import wait_until

TEAS, COFFEES = GENRES["tea"], GENRES["coffee"]
ARN = f"arn:aws:personalize:{REGION}:{ACCOUNT}"


@dataclass(frozen=True)
class Drinks:
    """A dataset group of drinks made by boto3, and a native client of the service it is on."""

    wire: Wire
    api: httpx.Client
    group: str
    campaigns: dict[str, str]
    tracking_id: str

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.api.post(path, json=body)

    def recommended(self, **body: Any) -> list[str]:
        answer = self.post("/v1/recommendations", limit=3, **body)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()]


@pytest.fixture(scope="module")
def drinks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drinks]:
    """Group, schema, dataset, import, solutions, versions, campaigns, tracker; nothing native."""
    buckets = tmp_path_factory.mktemp("s3")
    write(buckets / "bucket" / "interactions.csv", SCHEMAS["Interactions"], interactions())
    with (
        served(tmp_path_factory.mktemp("data"), s3_root=str(buckets)) as wire,
        httpx.Client(base_url=wire.url.removesuffix("/aws"), timeout=60) as api,
    ):
        group = wire.personalize.create_dataset_group(name="drinks")["datasetGroupArn"]
        clicks = made.dataset(wire, group, "Interactions", SCHEMAS["Interactions"])
        job = made.imported(wire, clicks, "drinks", "interactions.csv")
        assert job["status"] == "ACTIVE", job
        versions = {
            "popular": made.trained(wire, "popular", "aws-popularity-count", group),
            "personal": made.trained(
                wire,
                "personal",
                "aws-user-personalization-v2",
                group,
                solutionConfig=made.NOT_LEARNT,
            ),
            "alike": made.trained(wire, "alike", "aws-similar-items", group),
        }
        campaigns = {name: made.served(wire, name, one) for name, one in versions.items()}
        tracker = wire.personalize.create_event_tracker(name="drinks", datasetGroupArn=group)
        yield Drinks(wire, api, group, campaigns, tracker["trackingId"])


def test_the_service_is_ready_as_soon_as_a_campaign_of_any_group_answers(drinks: Drinks) -> None:
    ready = drinks.api.get("/readyz")
    assert ready.status_code == 200
    body = ready.json()
    assert (body["status"], body["solutionVersion"]) == ("ready", None)
    assert "personal of dataset group drinks" in body["message"]
    by_name = {one["name"]: one for one in body["campaigns"]}
    assert by_name["recommender"] == {
        "name": "recommender",
        "datasetGroup": DEFAULT_DATASET_GROUP,
        "solutionVersion": None,
    }
    assert by_name["personal"]["datasetGroup"] == "drinks"
    assert by_name["personal"]["solutionVersion"]


def test_events_of_a_tracker_are_in_the_history_and_the_next_answer(drinks: Drinks) -> None:
    before = drinks.recommended(userId="ann", datasetGroup="drinks")
    assert set(before) <= set(TEAS)
    event = {"eventType": "view", "itemId": "coffee 1", "sentAt": NOW}
    drinks.wire.events.put_events(
        trackingId=drinks.tracking_id, userId="ann", sessionId="s of ann", eventList=[event]
    )
    for named in (
        {"datasetGroup": "drinks"},
        {"datasetGroup": drinks.group},
        {"campaign": "personal"},
        {"campaign": drinks.campaigns["personal"]},
    ):
        assert set(drinks.recommended(userId="ann", **named)[:2]) <= set(COFFEES), named
        for of in ("users/ann", "sessions/s of ann"):
            history = drinks.api.get(f"/v1/{of}/history", params=named).json()["events"]
            assert [one["itemId"] for one in history] == ["coffee 1"], named
    assert drinks.api.get("/v1/users/ann/history").json()["events"] == []


def test_native_events_go_into_the_group_that_is_named(drinks: Drinks) -> None:
    event = {"userId": "ben", "sessionId": "s of ben", "eventType": "view", "itemId": "coffee 2"}
    sent = drinks.api.post("/v1/events", json=event, params={"datasetGroup": "drinks"})
    assert (sent.status_code, sent.json()["accepted"]) == (202, 1)
    by_campaign = {"campaign": drinks.campaigns["personal"]}
    sent = drinks.api.post("/v1/events", json=[event | {"eventId": "e"}], params=by_campaign)
    assert sent.json()["accepted"] == 1
    history = drinks.api.get("/v1/users/ben/history", params={"campaign": "alike"}).json()
    assert len(history["events"]) == 2
    assert set(drinks.recommended(userId="ben", datasetGroup="drinks")[:2]) <= set(COFFEES)
    refused = drinks.api.post("/v1/events", json=event).json()["rejected"]
    assert [one["field"] for one in refused] == ["itemId"]


def test_of_several_campaigns_the_nearest_recipe_answers_and_a_name_decides(drinks: Drinks) -> None:
    def version(**body: Any) -> str:
        found: str = drinks.post("/v1/recommendations?detail=full", **body).json()[
            "solutionVersion"
        ]
        return found

    assert version(datasetGroup="drinks").startswith("personal-")
    assert version(campaign="popular").startswith("popular-")
    assert version(campaign=drinks.campaigns["popular"], datasetGroup="drinks").startswith("pop")
    assert version(datasetGroup="drinks", itemId="coffee 1").startswith("alike-")
    alike = drinks.recommended(campaign="alike", itemId="coffee 1")
    assert set(alike[:2]) == {"coffee 3", "coffee 5"}, "seen by the same users"
    unsaid = drinks.post("/v1/recommendations", campaign="alike")
    assert (unsaid.status_code, unsaid.json()["error"]["field"]) == (400, "itemId")


def test_a_list_is_ordered_by_the_group_that_is_named(drinks: Drinks) -> None:
    items = [{"itemId": "tea 0"}, {"itemId": "coffee 0"}]
    for named in (
        {"datasetGroup": "drinks"},
        {"campaign": "personal"},
        {"campaign": drinks.campaigns["personal"]},
    ):
        answer = drinks.post("/v1/rerankings", userId="user 0", itemMetadataList=items, **named)
        assert answer.status_code == 200, answer.text
        assert answer.json()["ranking"] == ["coffee 0", "tea 0"], named


def test_filters_attributes_and_outcomes_are_of_the_group(drinks: Drinks) -> None:
    expression = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("bought")'
    made = drinks.post("/v1/filters", name="unbought", expression=expression, datasetGroup="drinks")
    assert (made.status_code, made.json()["datasetGroup"]) == (201, "drinks")
    listed = drinks.api.get("/v1/filters", params={"datasetGroup": DEFAULT_DATASET_GROUP}).json()
    assert listed["filters"] == []
    event = {"userId": "eve", "sessionId": "s of eve", "eventType": "bought", "itemId": "tea 1"}
    drinks.api.post("/v1/events", json=event, params={"datasetGroup": "drinks"})
    asked = {"userId": "eve", "datasetGroup": "drinks", "filter": "unbought", "limit": 500}
    kept = {one["id"] for one in drinks.post("/v1/recommendations", **asked).json()}
    assert kept == {*TEAS, *COFFEES} - {"tea 1"}

    named = {"datasetGroup": "drinks"}
    stored = drinks.api.put("/v1/users/eve", json={"attributes": {"AGE": 30}}, params=named)
    assert stored.status_code == 200
    assert drinks.api.get("/v1/users/eve", params=named).json()["attributes"] == {"AGE": 30}
    assert drinks.api.get("/v1/users/eve").status_code == 404

    def total() -> Any:
        return drinks.api.get("/v1/outcomes", params=named).json()["total"]

    within_ten_seconds = time.monotonic() + 10
    while not total()["answers"]:  # answers are written a moment later, many at a time
        assert time.monotonic() < within_ten_seconds
        time.sleep(0.05)
    assert total()["stays"]["arrivals"] == 0, "the inventory is the default group's"


def test_a_user_is_erased_from_the_group_that_is_named(drinks: Drinks) -> None:
    named = {"datasetGroup": drinks.group}
    event = {"userId": "zoe", "sessionId": "s of zoe", "eventType": "view", "itemId": "tea 1"}
    drinks.api.post("/v1/events", json=event, params=named)
    erased = drinks.api.delete("/v1/users/zoe", params=named)
    assert (erased.status_code, erased.json()["datasetGroup"]) == (202, "drinks")
    wait_until(lambda: not drinks.api.get("/v1/users/zoe/history", params=named).json()["events"])


@pytest.mark.parametrize(
    ("named", "status", "said"),
    [
        ({"datasetGroup": "drunks"}, 404, "drinks, pawsonalize"),
        ({"campaign": "nobody"}, 404, "alike, personal, popular, recommender, reranker"),
        ({"campaign": "personal", "datasetGroup": "pawsonalize"}, 404, "dataset group drinks"),
        ({"campaign": f"{ARN}:schema/x"}, 400, "schema"),
        ({"campaign": f"{ARN.replace(REGION, 'mars-1')}:campaign/personal"}, 404, "mars-1"),
        ({"datasetGroup": "arn:nonsense"}, 400, "arn:nonsense"),
        ({"datasetGroup": "drinks", "of": "animals"}, 400, "inventory of dataset group"),
        ({}, 503, "drinks (personal)"),
    ],
    ids=str,
)
def test_what_is_not_there_is_told_with_what_is(
    drinks: Drinks, named: dict[str, str], status: int, said: str
) -> None:
    answer = drinks.post("/v1/recommendations", userId="ann", **named)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert said in error["message"]
    assert status == 503 or error["field"] in named
