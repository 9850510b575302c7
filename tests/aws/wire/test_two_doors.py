"""What one door makes the other one knows; and what either made is retrained."""

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import forked
from tests.aws.wire.server import Wire, served
from tests.aws.wire.waiting import settled
from tests.waiting import wait_until

NOW = datetime.now(UTC).replace(microsecond=0)
TEA, COFFEE = ([f"{drink} {n}" for n in range(6)] for drink in ("tea", "coffee"))
RECIPE = "arn:aws:personalize:::recipe/aws-user-personalization-v2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def wire(folder: Path) -> Iterator[Wire]:
    with served(folder) as running:
        yield running


def native(wire: Wire, method: str, path: str, **asked: Any) -> dict[str, Any]:
    url = wire.url.removesuffix("/aws")
    answer = httpx.request(method, f"{url}/v1/{path}", json=asked or None, timeout=60)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def put_events(wire: Wire, tracking_id: str, users: range, days_ago: int, tea: int) -> None:
    """Of five rounds, an hour apart: one user in `tea` keeps to tea, the others to coffee."""
    start = NOW - timedelta(days=days_ago)
    for user in users:
        items = COFFEE if user % tea else TEA
        wire.events.put_events(
            trackingId=tracking_id,
            userId=f"user {user}",
            sessionId=f"of {user}",
            eventList=[
                {
                    "eventType": "view",
                    "itemId": items[(user // tea + n) % 6],
                    "sentAt": start + timedelta(hours=n, seconds=user),
                }
                for n in range(5)
            ],
        )


def retrain(folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    return forked.run(["retrain", "--data-dir", str(folder), *more], timeout=300)


def serves(wire: Wire, campaign: str, version: str) -> None:
    """Wait until the servers say that the campaign serves the version."""
    wait_until(
        lambda: native(wire, "GET", f"campaigns/{campaign}")["solutionVersion"] == version,
        pause=0.1,
    )


def test_what_boto3_made_is_retrained_judged_and_served(wire: Wire, folder: Path) -> None:
    group = wire.personalize.create_dataset_group(name="drinks")["datasetGroupArn"]
    tracker = wire.personalize.create_event_tracker(name="drinks", datasetGroupArn=group)
    put_events(wire, tracker["trackingId"], range(60), days_ago=9, tea=1)
    solution = wire.personalize.create_solution(
        name="drinks",
        datasetGroupArn=group,
        recipeArn=RECIPE,
        solutionConfig={"algorithmHyperParameters": {"learn": "false"}},
    )["solutionArn"]
    version = wire.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settled(wire.personalize.describe_solution_version, solutionVersionArn=version)
    created = wire.personalize.create_campaign(name="drinks", solutionVersionArn=version)
    campaign = {"campaignArn": created["campaignArn"]}
    settled(wire.personalize.describe_campaign, **campaign)
    put_events(wire, tracker["trackingId"], range(60, 200), days_ago=2, tea=3)
    done = retrain(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    run = native(wire, "GET", "runs")["runs"][0]
    fates = {half["campaign"]: (half["datasetGroup"], half["fate"]) for half in run["halves"]}
    assert fates == {
        "recommender": ("pawsonalize", "skipped"),
        "reranker": ("pawsonalize", "skipped"),
        "drinks": ("drinks", "promoted"),
    }, done.stdout
    promoted = run["halves"][-1]
    assert version.endswith(promoted["liveVersion"])
    assert [one["rule"] for one in promoted["decision"]["verdicts"]], "the gate was asked"
    serves(wire, "drinks", promoted["solutionVersion"])
    described = wire.personalize.describe_campaign(**campaign)["campaign"]
    assert described["solutionVersionArn"].endswith(promoted["solutionVersion"])
    answered = wire.runtime.get_recommendations(**campaign, userId="user 61", numResults=3)
    assert {item["itemId"] for item in answered["itemList"]} <= set(COFFEE)


def test_what_the_native_api_made_is_known_to_boto3_and_goes_live_by_a_retraining(
    wire: Wire, folder: Path
) -> None:
    native(wire, "POST", "dataset-groups", name="drinks")
    native(wire, "POST", "datasets", datasetGroup="drinks", datasetType="Interactions")
    tracker = native(wire, "POST", "event-trackers", name="t", datasetGroup="drinks")
    where = {"datasetGroup": "drinks", "recipe": "user-personalization"}
    settings = {"settings": {"learn": False}}
    native(wire, "POST", "solutions", name="drinks", **where, **settings)
    native(wire, "POST", "campaigns", name="drinks", solution="drinks", explorationWeight=0.2)
    put_events(wire, tracker["trackingId"], range(150), days_ago=9, tea=2)
    (described,) = wire.personalize.list_solutions(
        datasetGroupArn=wire.personalize.list_dataset_groups()["datasetGroups"][0][
            "datasetGroupArn"
        ]
    )["solutions"]
    assert described["recipeArn"] == RECIPE
    done = retrain(folder, "--dataset-group", "drinks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "drinks (dataset group drinks): drinks-" in done.stdout
    (half,) = native(wire, "GET", "runs")["runs"][0]["halves"]
    serves(wire, "drinks", half["solutionVersion"])
    (campaign,) = wire.personalize.list_campaigns()["campaigns"][:1]
    assert campaign["status"] == "ACTIVE"


def test_a_training_is_begun_by_the_native_api(wire: Wire) -> None:
    native(wire, "POST", "solutions", name="hot", recipe="popularity-count")
    version = native(wire, "POST", "solution-versions", solution="hot", name="first")
    assert version["name"] == "hot-first"
    deadline = time.monotonic() + 120
    while (found := native(wire, "GET", "solution-versions/hot-first"))["status"] not in {
        "ACTIVE",
        "CREATE FAILED",
    }:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    url = wire.url.removesuffix("/aws") + "/v1/solution-versions"
    again = httpx.post(url, json={"solution": "hot", "name": "first"})
    assert again.status_code == 409
    assert httpx.post(url, json={"solution": "cold"}).status_code == 404
    assert httpx.post(url, json={"solution": "hot", "mode": "ALL"}).status_code == 400
