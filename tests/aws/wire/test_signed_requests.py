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


def test_a_key_of_all_scopes_calls_all_three_services(wire: Wire, keys: AccessKeys) -> None:
    key, secret = keys.create(list(Scope), "", clock.now())
    personalize = client(wire, "personalize", key.name, secret)
    group = CAMPAIGN.partition(":campaign/")[0] + ":dataset-group/pawsonalize"
    assert personalize.describe_dataset_group(datasetGroupArn=group)["datasetGroup"]
    events = client(wire, "personalize-events", key.name, secret)
    event = {"eventType": "view", "itemId": "2-Pug-1-1", "sentAt": clock.now() // 1000}
    events.put_events(trackingId="pawsonalize", sessionId="ä session", eventList=[event])
    runtime = client(wire, "personalize-runtime", key.name, secret)
    not_found = runtime.exceptions.ResourceNotFoundException  # answered, as nothing is trained
    with pytest.raises(not_found):
        runtime.get_recommendations(campaignArn=CAMPAIGN, userId="a")


def test_a_key_does_what_it_is_for_alone(wire: Wire, keys: AccessKeys) -> None:
    key, secret = keys.create([Scope.EVENTS], "the site", clock.now())
    runtime = client(wire, "personalize-runtime", key.name, secret)
    asked = {"campaignArn": CAMPAIGN, "userId": "a"}
    assert refused(runtime.get_recommendations, **asked) == ("AccessDeniedException", 403)
    personalize = client(wire, "personalize", key.name, secret)
    assert refused(personalize.list_schemas) == ("AccessDeniedException", 400)


def test_wrong_secrets_unknown_keys_and_other_regions_are_refused(
    wire: Wire, keys: AccessKeys
) -> None:
    key, secret = keys.create(list(Scope), "", clock.now())
    wrong = client(wire, "personalize", key.name, "another secret")
    assert refused(wrong.list_schemas) == ("InvalidSignatureException", 400)
    unknown = client(wire, "personalize", "AKIAIOSFODNN7EXAMPLE", secret)
    assert refused(unknown.list_schemas) == ("UnrecognizedClientException", 400)
    elsewhere = client(wire, "personalize", key.name, secret, region_name="us-west-2")
    assert refused(elsewhere.list_schemas) == ("InvalidSignatureException", 400)


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


def test_a_key_is_good_from_now_on_and_no_longer_when_it_was_taken_back(
    wire: Wire, keys: AccessKeys
) -> None:
    key, secret = keys.create(list(Scope), "", clock.now())
    keys.delete(key.name)
    gone = client(wire, "personalize", key.name, secret)
    assert refused(gone.list_schemas) == ("UnrecognizedClientException", 400)
