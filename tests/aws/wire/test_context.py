"""Contextual metadata by boto3: what events say of the moment is learned, and heard when asked."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.aws.wire import made
from tests.aws.wire.server import Wire, served
from tests.service_data import CATS, DOGS, make_service

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder = tmp_path_factory.mktemp("data")
    make_service(folder, train=False)
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def campaign(wire: Wire) -> str:
    """Trained on visitors who look at cats on phones and at dogs on desktops."""
    for user in range(40):
        device, group = (("phone", CATS), ("desktop", DOGS))[user % 2]
        wire.events.put_events(
            trackingId="pawsonalize",
            userId=f"on a {device} {user}",
            sessionId=f"session {user}",
            eventList=[
                {
                    "eventType": "view",
                    "sentAt": NOW - timedelta(minutes=place + 1),
                    "itemId": group[(user + place) % len(group)],
                    "properties": json.dumps({"DEVICE": device}),
                }
                for place in range(4)
            ],
        )
    version = made.trained(wire, "by-context", "aws-user-personalization")
    return made.served(wire, "by-context", version)


@pytest.mark.parametrize(("device", "groups"), [("phone", CATS), ("desktop", DOGS)])
def test_the_context_of_a_request_changes_its_answer(
    wire: Wire, campaign: str, device: str, groups: list[str]
) -> None:
    answer = wire.runtime.get_recommendations(
        campaignArn=campaign, userId="a stranger", context={"DEVICE": device}, numResults=3
    )
    assert {item["itemId"] for item in answer["itemList"]} <= set(groups)
