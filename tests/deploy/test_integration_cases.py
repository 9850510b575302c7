"""The three cases that a deployment on AWS is accepted by: re-ranking, recommendation, stream.

The payloads are those of `tests/events/test_reference_payloads.py`, sent through Lambda's Invoke
call and through a stream of Kinesis.
"""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.deploy.conftest import Deployment
from tests.deploy.lambda_server import LambdaServer, lambda_server
from tests.plugins.streams.brokers.kinesis_server import kinesis_server
from tests.service_data import DOGS

SAINT_BERNARD = {
    "animal_species_id": "2",
    "animal_primary_breed_id": "Saint_Bernard",
    "animal_size_id": "3",
    "animal_age_id": "3",
}
MAU = {
    "animal_species_id": "1",
    "animal_primary_breed_id": "Egyptian_Mau",
    "animal_size_id": "1",
    "animal_age_id": "1",
}


@pytest.fixture
def functions(
    aws_url: str, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LambdaServer]:
    with lambda_server(aws_url) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://127.0.0.1:{server.port}")
        yield server


@pytest.fixture(params=["moto", "kinesis-local"])
def kinesis(request: pytest.FixtureRequest, deployment: Deployment) -> Any:
    if request.param == "moto":
        return boto3.client("kinesis")
    return kinesis_server().client()


def invoke(function: str, payload: Any) -> Any:
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.load(answer["Payload"])


def deliver(kinesis: Any, stream: str) -> dict[str, Any]:
    """Hand the stream's records to the function, as its event-source mapping does."""
    described = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    records = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        place = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += [
            {
                "eventSource": "aws:kinesis",
                "eventSourceARN": described["StreamARN"],
                "eventID": f"{shard['ShardId']}:{one['SequenceNumber']}",
                "kinesis": {
                    "sequenceNumber": one["SequenceNumber"],
                    "partitionKey": one["PartitionKey"],
                    "approximateArrivalTimestamp": one["ApproximateArrivalTimestamp"].timestamp(),
                    "data": base64.b64encode(one["Data"]).decode(),
                },
            }
            for one in kinesis.get_records(ShardIterator=place)["Records"]
        ]
    answer: dict[str, Any] = invoke("put-events", {"Records": records})
    return answer


def test_reranking(functions: LambdaServer) -> None:
    payload = {
        "userId": "12345",
        "itemMetadataList": [
            {"itemId": "1", "animalMetadata": SAINT_BERNARD},
            {"itemId": "2", "animalMetadata": MAU},
            {"itemId": "3", "animalMetadata": SAINT_BERNARD},
        ],
    }
    answer = invoke("rerank", payload)
    assert answer["ranking"] == ["1", "3", "2"]
    response = answer["personalizeResponse"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 200
    ranked = response["personalizedRanking"]
    assert [one["itemId"] for one in ranked] == ["2-Saint_Bernard-3-3", "1-Egyptian_Mau-1-1"]
    assert sum(one["score"] for one in ranked) == pytest.approx(1)


def test_recommendation(functions: LambdaServer) -> None:
    groups = invoke("recommend", {"userId": "3578196281679609099", "limit": 6})
    assert len(groups) == 6
    assert all(group.keys() == {"id"} for group in groups)


@pytest.mark.parametrize("user", [{}, {"userId": "12345"}], ids=["a session", "a user"])
def test_stream(functions: LambdaServer, kinesis: Any, user: dict[str, str]) -> None:
    session = f"stream {uuid.uuid4()}"
    visitor = {"sessionId": session} if not user else {"userId": f"user {session}"}
    species, breed, size, age = DOGS[0].split("-")
    event = {
        **({} if not user else {"userId": f"user {session}"}),
        "sessionId": session,
        "eventType": "DetailView",
        "animalMetadata": {
            "animal_species_id": species,
            "animal_primary_breed_id": breed,
            "animal_size_id": size,
            "animal_age_id": age,
        },
        "animal_id": "98765",
    }
    before = invoke("recommend", visitor)
    stream = f"clicks-{uuid.uuid4().hex}"
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    envelope = {"Partitionkey": "any", "Data": event}
    kinesis.put_record(StreamName=stream, Data=json.dumps(envelope).encode(), PartitionKey="any")
    assert deliver(kinesis, stream) == {"batchItemFailures": []}
    after = invoke("recommend", visitor)
    assert after != before
    assert after[0]["id"] in DOGS
    assert deliver(kinesis, stream) == {"batchItemFailures": []}  # Lambda hands it on once more
    assert invoke("recommend", visitor) == after
