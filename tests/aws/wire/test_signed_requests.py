"""A service that answers signed requests only, by boto3 as programs use it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.access_keys import AccessKeys
from tests.aws.wire.server import Wire, served
from tests.aws_shapes import ACCOUNT, REGION

CAMPAIGN = f"arn:aws:personalize:{REGION}:{ACCOUNT}:campaign/recommender"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def keys(folder: Path) -> Iterator[AccessKeys]:
    settings = Settings(data_dir=folder)
    with opened(settings) as adapters:
        yield adapters.access_keys


@pytest.fixture(scope="module")
def wire(folder: Path) -> Iterator[Wire]:
    with served(folder, aws_signatures="required") as running:
        yield running


def client(wire: Wire, service: str, key_id: str, secret: str, **more: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=wire.url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
        **{"region_name": REGION, **more},
    )


def refused(call: Any, **asked: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as error:
        call(**asked)
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_key_does_what_it_is_for_alone(wire: Wire, keys: AccessKeys) -> None:
    key, secret = keys.create([Scope.EVENTS], "the site", clock.now())
    runtime = client(wire, "personalize-runtime", key.name, secret)
    asked = {"campaignArn": CAMPAIGN, "userId": "a"}
    assert refused(runtime.get_recommendations, **asked) == ("AccessDeniedException", 403)
    personalize = client(wire, "personalize", key.name, secret)
    assert refused(personalize.list_schemas) == ("AccessDeniedException", 400)


def test_who_does_not_sign_is_told_before_anything_of_the_request_is_read(wire: Wire) -> None:
    for path, status in (("", 400), ("/events", 403)):
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AmazonPersonalize.ListSchemas",
        }
        url = wire.url + path
        answer = httpx.post(url, content=b"no JSON", headers=headers, trust_env=False)
        code = "MissingAuthenticationTokenException"
        assert (answer.status_code, answer.json()["__type"]) == (status, code)
        assert answer.headers["date"].endswith("GMT")  # clients set their clocks by it
