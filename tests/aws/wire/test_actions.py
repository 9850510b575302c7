"""Actions by boto3: put, interacted with, learned, and suggested to whom they suit."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.aws.wire import made
from tests.aws.wire.server import GROUP, Wire, served

NOW = datetime.now(UTC).replace(microsecond=0)
SCHEMAS = {
    "Actions": {"ACTION_ID": "string", "VALUE": "long", "REPEAT_FREQUENCY": "long"}
    | {"EXPIRATION_TIMESTAMP": "long"},
    "Action_Interactions": {"USER_ID": "string", "ACTION_ID": "string", "EVENT_TYPE": "string"}
    | {"TIMESTAMP": "long"},
}
SOON, LONG_AGO = int((NOW + timedelta(days=30)).timestamp()), 1_000_000_000


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service on an empty data folder; s3://bucket is a folder with one action."""
    buckets = tmp_path_factory.mktemp("s3")
    (buckets / "bucket").mkdir()
    donate = f"ACTION_ID,VALUE,REPEAT_FREQUENCY,EXPIRATION_TIMESTAMP\ndonate,1,,{SOON}\n"
    (buckets / "bucket" / "actions.csv").write_text(donate)
    with served(tmp_path_factory.mktemp("data"), s3_root=str(buckets)) as running:
        yield running


@pytest.fixture(scope="module")
def datasets(wire: Wire) -> dict[str, str]:
    """The ARNs of the datasets of actions in the default group."""
    nullable = {
        kind: {
            name: of if name in {"USER_ID", "ACTION_ID", "TIMESTAMP"} else ["null", of]
            for name, of in columns.items()
        }
        for kind, columns in SCHEMAS.items()
    }
    return {kind: made.dataset(wire, GROUP, kind, columns) for kind, columns in nullable.items()}


def put(wire: Wire, user: str, *done: tuple[str, str]) -> None:
    wire.events.put_action_interactions(
        trackingId="pawsonalize",
        actionInteractions=[
            {
                "actionId": action,
                "userId": user,
                "sessionId": f"session of {user}",
                "eventType": kind,
                "timestamp": NOW - timedelta(minutes=place),
            }
            for place, (action, kind) in enumerate(done)
        ],
    )


@pytest.fixture(scope="module")
def campaign(wire: Wire, datasets: dict[str, str]) -> str:
    """A campaign that learned that most subscribe, few donate, and donors may not be asked anew."""
    job = made.imported(wire, datasets["Actions"], "actions", "actions.csv")
    assert job["status"] == "ACTIVE", job
    plain = {"VALUE": 1, "EXPIRATION_TIMESTAMP": SOON}
    wire.events.put_actions(
        datasetArn=datasets["Actions"],
        actions=[
            {"actionId": action, "properties": json.dumps(plain | more)}
            for action, more in (
                ("subscribe", {"REPEAT_FREQUENCY": 30}),
                ("old", {"EXPIRATION_TIMESTAMP": LONG_AGO}),
                ("precious", {"VALUE": 10}),
            )
        ],
    )
    for user in range(20):
        put(
            wire,
            f"user {user}",
            ("subscribe", "TAKEN" if user % 4 else "NOT_TAKEN"),
            ("donate", "Taken" if user % 4 == 0 else "Not Taken"),
            ("old", "TAKEN"),
            ("precious", "TAKEN" if user % 5 == 0 else "NOT_TAKEN"),
        )
    return made.served(wire, "actions", made.trained(wire, "actions", "aws-next-best-action"))


def suggested(wire: Wire, campaign: str, user: str, **more: Any) -> dict[str, float]:
    answer = wire.runtime.get_action_recommendations(campaignArn=campaign, userId=user, **more)
    assert answer["recommendationId"]
    return {action["actionId"]: action["score"] for action in answer["actionList"]}


def test_actions_are_suggested_by_probability_and_value_until_they_expire(
    wire: Wire, campaign: str
) -> None:
    found = suggested(wire, campaign, "somebody new")
    assert list(found) == ["precious", "subscribe", "donate"]
    assert 1 > found["precious"] > found["subscribe"] > found["donate"] > 0
    assert len(suggested(wire, campaign, "somebody new", numResults=1)) == 1


def test_one_interaction_changes_the_next_answer(wire: Wire, campaign: str) -> None:
    before = suggested(wire, campaign, "a fan")
    put(wire, "a fan", ("subscribe", "TAKEN"), ("precious", "NOT_TAKEN"))
    after = suggested(wire, campaign, "a fan")
    assert "subscribe" not in after  # it rests for thirty days
    assert after["donate"] != before["donate"]


def action_filter(wire: Wire, name: str, expression: str) -> str:
    arn: str = wire.personalize.create_filter(
        name=name, datasetGroupArn=GROUP, filterExpression=expression
    )["filterArn"]
    return arn


def test_a_filter_of_actions_is_kept_to(wire: Wire, campaign: str) -> None:
    cheap = action_filter(wire, "cheap", "INCLUDE ActionID WHERE Actions.VALUE < $MOST")
    found = suggested(wire, campaign, "nobody", filterArn=cheap, filterValues={"MOST": "5"})
    assert list(found) == ["subscribe", "donate"]
    new = 'EXCLUDE ActionID WHERE Action_Interactions.EVENT_TYPE IN ("VIEWED")'
    unseen = action_filter(wire, "unseen", new)
    assert "donate" in suggested(wire, campaign, "a viewer", filterArn=unseen)
    put(wire, "a viewer", ("donate", "VIEWED"))
    assert "donate" not in suggested(wire, campaign, "a viewer", filterArn=unseen)


def test_what_is_no_question_of_actions_is_refused(
    wire: Wire, campaign: str, datasets: dict[str, str]
) -> None:
    invalid = wire.runtime.exceptions.InvalidInputException
    with pytest.raises(invalid, match="GetActionRecommendations"):
        wire.runtime.get_recommendations(campaignArn=campaign, userId="u")
    with pytest.raises(invalid, match="userId"):
        wire.runtime.get_action_recommendations(campaignArn=campaign)
    items = action_filter(wire, "items", "INCLUDE ItemID WHERE Items.ANIMAL_TYPE = 1")
    with pytest.raises(invalid, match="ActionID"):
        suggested(wire, campaign, "u", filterArn=items)
    with pytest.raises(wire.personalize.exceptions.InvalidInputException, match="COLOUR"):
        action_filter(wire, "no-column", "INCLUDE ActionID WHERE Actions.COLOUR = 1")
    events = wire.events.exceptions
    with pytest.raises(events.InvalidInputException, match="TAKEN"):
        put(wire, "u", ("subscribe", "LIKED"))
    with pytest.raises(events.InvalidInputException, match=r"actions\.1"):
        wire.events.put_actions(
            datasetArn=datasets["Actions"],
            actions=[{"actionId": "x", "properties": '{"VALUE": "high"}'}],
        )
    with pytest.raises(events.InvalidInputException, match="no dataset of"):
        wire.events.put_actions(
            datasetArn=datasets["Action_Interactions"], actions=[{"actionId": "x"}]
        )
