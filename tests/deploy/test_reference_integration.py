"""The reference's own integration tests, unchanged, against the stack that `up` deploys."""

import os
import subprocess
import sys
import uuid
from functools import partial
from pathlib import Path

import boto3
import pytest

from tests.aws_shapes import REGION
from tests.deploy.lambda_server import lambda_server
from tests.deploy.templates import Template
from tests.deploy.test_up_and_down import Place, place
from tests.plugins.streams.brokers.kinesis_server import kinesis_server

__all__ = ["place"]

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "reference"
FUNCTIONS = ("recommendation", "reranking")
STREAM = "/animal-recommender/kinesis-stream/name"

pytestmark = [
    pytest.mark.filterwarnings("ignore:Tried to parse AWS"),
    pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference is not here"),
]


@pytest.fixture
def stream() -> str:
    """An encrypted stream of kinesis-local: moto does not say how a record is encrypted."""
    server, name = kinesis_server(), f"clicks-{uuid.uuid4().hex}"
    client = server.client(REGION)
    client.create_stream(StreamName=name, ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    client.start_stream_encryption(StreamName=name, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    return name


def test_the_integration_tests_of_the_reference_pass(
    stream: str, aws_url: str, place: Place, on_amazon: Template
) -> None:
    place.environment().up(on_amazon.folder, place.seed)
    ssm = boto3.client("ssm", region_name=REGION)
    names = [
        ssm.get_parameter(Name=f"/animal-recommender/personalize/{one}/function-name")
        for one in FUNCTIONS
    ]
    handlers = {
        one["Parameter"]["Value"]: partial(_invoke, place, one["Parameter"]["Value"])
        for one in names
    }
    ssm.put_parameter(Name=STREAM, Value=stream, Type="String", Overwrite=True)
    with lambda_server(aws_url, handlers) as functions:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *("-c", os.devnull, "--rootdir", str(REFERENCE), "tests/integration"),
            ],
            cwd=REFERENCE,
            env=os.environ
            | {
                "CDK_DEPLOY_REGION": REGION,
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{functions.port}",
                "AWS_ENDPOINT_URL_KINESIS": kinesis_server().url,
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert "3 passed" in ended.stdout, ended.stdout + ended.stderr


def _invoke(place: Place, function: str, event: object, _context: object) -> object:
    assert isinstance(event, dict)
    return place.account.invoke(function, event)
