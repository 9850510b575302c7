"""Handlers written for AWS Lambda run unchanged; all other services of AWS are moto's."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.core import clock
from pawsonalize.resources.defaults import RERANKER
from tests.aws.wire import lambda_handlers
from tests.aws.wire.server import Wire, served
from tests.aws_shapes import ACCOUNT, REGION
from tests.event_data import T0
from tests.plugins.notifications.receivers import Topic
from tests.service_data import CATS, DOGS, make_service
from tests.training import train

CAMPAIGN = f"arn:aws:personalize:{REGION}:{ACCOUNT}:campaign/"
PARAMETERS = {
    lambda_handlers.RECOMMENDER_PARAMETER: CAMPAIGN + "recommender",
    lambda_handlers.RERANKER_PARAMETER: CAMPAIGN + "reranker",
    lambda_handlers.TRACKER_PARAMETER: "pawsonalize",
}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service that knows cat people and dog people."""
    folder = tmp_path_factory.mktemp("data")
    with opened(make_service(folder)) as adapters:
        version = train(adapters, T0 + 1000, solution=RERANKER)
        adapters.campaigns.update(RERANKER, version.name, T0 + 1000)
    with served(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _environment(wire: Wire, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a function's configuration says, and what is in Parameter Store."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for kind in ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{kind}", wire.url)
    put(PARAMETERS)


def put(parameters: dict[str, str]) -> None:
    ssm = boto3.client("ssm")
    for name, value in parameters.items():
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def recommended(user: str) -> list[str]:
    event = {"queryStringParameters": {"userId": user, "limit": "3"}}
    answer = lambda_handlers.recommend(event, None)
    assert answer["statusCode"] == 200, answer
    return [item["id"] for item in json.loads(answer["body"])]


def read_stream(clicks: list[dict[str, Any]]) -> dict[str, Any]:
    """The clicks as Lambda hands them over, after a way through a stream of Kinesis."""
    kinesis = boto3.client("kinesis")
    stream = f"clicks-{len(clicks)}"
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    for click in clicks:
        kinesis.put_record(
            StreamName=stream, Data=json.dumps(click).encode(), PartitionKey=click["userId"]
        )
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=start)["Records"]
    return {
        "Records": [
            {
                "eventSource": "aws:kinesis",
                "kinesis": {
                    "sequenceNumber": record["SequenceNumber"],
                    "partitionKey": record["PartitionKey"],
                    "data": base64.b64encode(record["Data"]).decode(),
                },
            }
            for record in records
        ]
    }


def click(user: str, item: str, at: float | None = None) -> dict[str, Any]:
    at = clock.now() / 1000 if at is None else at
    return {"userId": user, "sessionId": f"s {user}", "type": "view", "item": item, "at": at}


def test_a_recommendation_is_an_answer_of_api_gateway() -> None:
    assert set(recommended("seed 0")) <= {*CATS, *DOGS}


def test_who_asks_a_campaign_that_is_not_there_gets_a_404() -> None:
    put({lambda_handlers.RECOMMENDER_PARAMETER: CAMPAIGN + "nobody"})
    event = {"queryStringParameters": {"userId": "seed 0"}}
    answer = lambda_handlers.recommend(event, None)
    assert answer["statusCode"] == 404
    assert "nobody" in json.loads(answer["body"])["message"]


def test_a_wrong_question_gets_a_400() -> None:
    event = {"queryStringParameters": {"userId": "seed 0", "limit": "501"}}
    assert lambda_handlers.recommend(event, None)["statusCode"] == 400


@pytest.mark.parametrize("encoded", [False, True])
def test_a_list_is_ordered_through_api_gateway(encoded: bool) -> None:
    body = json.dumps({"userId": "seed 1", "items": [CATS[0], "unknown", DOGS[0]]})
    if encoded:
        body = base64.b64encode(body.encode()).decode()
    answer = lambda_handlers.rerank({"body": body, "isBase64Encoded": encoded}, None)
    ranked = json.loads(answer["body"])
    assert sorted(ranked["ranking"]) == sorted([CATS[0], "unknown", DOGS[0]])
    assert ranked["ranking"][-1] == "unknown"
    assert ranked["requestId"]


def test_clicks_of_a_stream_change_the_next_answer_and_count_once() -> None:
    before = recommended("a newcomer")
    event = read_stream([click("a newcomer", DOGS[n % 3]) for n in range(12)])
    assert len(event["Records"]) == 12
    assert lambda_handlers.collect(event, None) == {"batchItemFailures": []}
    after = recommended("a newcomer")
    assert after != before
    assert lambda_handlers.collect(event, None) == {"batchItemFailures": []}  # Lambda tries twice
    assert recommended("a newcomer") == after


@pytest.mark.parametrize(("told", "known"), [("98765", "98765"), (98765, "98765"), ([], None)])
def test_the_property_animal_id_names_the_animal_of_an_event(
    wire: Wire, told: Any, known: str | None
) -> None:
    user = f"a keeper of {type(told).__name__} {told}"
    wire.events.put_events(
        trackingId="pawsonalize",
        userId=user,
        sessionId=user,
        eventList=[
            {
                "eventType": "view",
                "itemId": DOGS[0],
                "sentAt": clock.now() / 1000,
                "properties": json.dumps({"animal_id": told}),
            }
        ],
    )
    address = f"{wire.url.removesuffix('/aws')}/v1/users/{user}/history"
    (event,) = httpx.get(address).json()["events"]
    assert event.get("animal_id") == known
    assert event["itemId"] == DOGS[0]


def test_a_record_that_is_refused_is_reported_alone() -> None:
    event = read_stream([click("a visitor", DOGS[0]), click("a time traveller", DOGS[0], 1.0)])
    failures = lambda_handlers.collect(event, None)["batchItemFailures"]
    wrong = event["Records"][1]["kinesis"]["sequenceNumber"]
    assert failures == [{"itemIdentifier": wrong}]


def test_steps_of_a_state_machine_find_the_live_version_and_publish_it() -> None:
    topic = Topic()
    state = {"campaignArn": CAMPAIGN + "recommender", "topicArn": topic.name}
    state = lambda_handlers.check_campaign(state, None)
    assert ":solution/recommender/" in state["solutionVersionArn"]
    published = lambda_handlers.report(state, None)
    (message,) = topic.messages()
    assert message["MessageId"] == published["messageId"]
    told = json.loads(message["Message"])
    assert told["campaignArn"] == CAMPAIGN + "recommender"
    assert {"coverage", "normalized_discounted_cumulative_gain_at_5"} <= told["metrics"].keys()
