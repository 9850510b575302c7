"""Items that nobody has touched: how long it takes until answers have them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws.wire import made
from tests.aws.wire.server import Wire, served
from tests.waiting import wait_until

EXPLORING = {"explorationWeight": "0.5", "explorationItemAgeCutOff": "30"}
USERS = [f"u{number}" for number in range(8)]


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service whose counts follow at once."""
    with served(tmp_path_factory.mktemp("data"), refresh_seconds=0.1) as running:
        yield running


def create_quiet_shop(wire: Wire) -> tuple[str, dict[str, str]]:
    """A dataset group with events of ten items; its ARN, and those of its datasets."""
    group, datasets = made.shop(wire, "quiet")
    tracker = wire.personalize.create_event_tracker(name="quiet", datasetGroupArn=group)
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
    return made.served(wire, recipe, made.trained(wire, recipe, recipe, group), **config)


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
    wait_until(lambda: "fresh" in answers(wire, exploring))
    assert answers(wire, exploring, filterArn=green) == {"fresh"}
    assert "fresh" not in answers(wire, popular)
