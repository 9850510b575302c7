"""Items that nobody has touched: how long it takes until answers have them."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws.wire.server import Wire, served
from tests.aws.wire.waiting import settled

SCHEMAS = {
    "Interactions": {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"},
    "Items": {"ITEM_ID": "string", "COLOUR": "string"},
}
ROLE = "arn:aws:iam::123456789012:role/reader"
EXPLORING = {"explorationWeight": "0.5", "explorationItemAgeCutOff": "30"}
USERS = [f"u{number}" for number in range(8)]


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service whose counts follow at once."""
    with served(tmp_path_factory.mktemp("data"), refresh_seconds=0.1) as running:
        yield running


def create_quiet_shop(wire: Wire) -> tuple[str, dict[str, str]]:
    """A dataset group with events of ten items; its ARN, and those of its datasets."""
    personalize = wire.personalize
    group: str = personalize.create_dataset_group(name="quiet")["datasetGroupArn"]
    datasets = {}
    for kind, columns in SCHEMAS.items():
        fields = [{"name": name, "type": of} for name, of in columns.items()]
        avro = json.dumps({"type": "record", "name": kind, "fields": fields, "version": "1.0"})
        schema = personalize.create_schema(name=f"quiet-{kind}", schema=avro)["schemaArn"]
        created = personalize.create_dataset(
            name=kind, datasetGroupArn=group, schemaArn=schema, datasetType=kind
        )
        datasets[kind] = created["datasetArn"]
    tracker = personalize.create_event_tracker(name="quiet", datasetGroupArn=group)
    for number, user in enumerate(USERS):
        events = [
            {
                "eventType": "view",
                "itemId": f"tea-{(number + at) % 10}",
                "sentAt": 1_790_000_000 + at,
            }
            for at in range(10)
        ]
        wire.events.put_events(
            trackingId=tracker["trackingId"], userId=user, sessionId=user, eventList=events
        )
    return group, datasets


def serve(wire: Wire, group: str, recipe: str, **config: Any) -> str:
    """Train the recipe, and serve it; returns the campaign's ARN."""
    personalize = wire.personalize
    solution = personalize.create_solution(
        name=recipe, datasetGroupArn=group, recipeArn=f"arn:aws:personalize:::recipe/{recipe}"
    )["solutionArn"]
    version = personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settled(personalize.describe_solution_version, solutionVersionArn=version)
    campaign: str = personalize.create_campaign(name=recipe, solutionVersionArn=version, **config)[
        "campaignArn"
    ]
    settled(personalize.describe_campaign, campaignArn=campaign)
    return campaign


def answers(wire: Wire, campaign: str, **more: Any) -> set[str]:
    """All items of short answers to some users."""
    asked = [
        wire.runtime.get_recommendations(campaignArn=campaign, userId=user, numResults=5, **more)
        for user in USERS
    ]
    return {item["itemId"] for one in asked for item in one["itemList"]}


def test_a_new_item_is_explored_without_an_event_and_not_where_nothing_is(wire: Wire) -> None:
    group, datasets = create_quiet_shop(wire)
    exploring = serve(
        wire, group, "aws-user-personalization", campaignConfig={"itemExplorationConfig": EXPLORING}
    )
    popular = serve(wire, group, "aws-popularity-count")
    green = wire.personalize.create_filter(
        name="green",
        datasetGroupArn=group,
        filterExpression='INCLUDE ItemID WHERE Items.COLOUR IN ("green")',
    )["filterArn"]
    assert answers(wire, exploring, filterArn=green) == set(), "the items' metadata are read now"
    new = {"itemId": "fresh", "properties": json.dumps({"colour": "green"})}
    wire.events.put_items(datasetArn=datasets["Items"], items=[new])
    deadline = time.monotonic() + 60
    while "fresh" not in answers(wire, exploring):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answers(wire, exploring, filterArn=green) == {"fresh"}
    assert "fresh" not in answers(wire, popular)
