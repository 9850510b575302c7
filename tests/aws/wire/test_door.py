"""What comes to /aws and is no call, or no call that is done: typed errors, never a 500."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawsonalize.aws.dispatch import HANDLERS
from pawsonalize.aws.protocol import AwsOperation, operations
from tests.aws.wire.server import Wire
from tests.aws_shapes import members

JSON_1_1 = "application/x-amz-json-1.1"
OPERATIONS = sorted(operations().values(), key=lambda operation: operation.name)
_NAMES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
JUNK = st.recursive(
    _NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def http(wire: Wire) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=wire.url, trust_env=False, timeout=60) as client:
        yield client


def post(http: httpx.Client, operation: AwsOperation, content: bytes) -> httpx.Response:
    headers = {"Content-Type": operation.content_type}
    if operation.path is None:
        headers["X-Amz-Target"] = f"AmazonPersonalize.{operation.name}"
    return http.post(operation.path or "", content=content, headers=headers)


def call(http: httpx.Client, name: str, /, **asked: Any) -> httpx.Response:
    return post(http, operations()[name], json.dumps(asked).encode())


def check_error(answer: httpx.Response, code: str, status: int) -> None:
    assert (answer.status_code, answer.json()["__type"]) == (status, code)
    assert answer.json()["message"]
    assert answer.headers["x-amzn-errortype"] == code
    assert answer.headers["x-amzn-requestid"]


def test_an_answer_has_a_request_id_and_the_content_type_of_its_protocol(
    http: httpx.Client,
) -> None:
    answers = [call(http, "ListSchemas") for _ in range(2)]
    assert {answer.headers["content-type"] for answer in answers} == {JSON_1_1}
    assert len({answer.headers["x-amzn-requestid"] for answer in answers}) == 2
    rest = call(http, "GetRecommendations")
    assert rest.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "", {}),
        ("POST", "/", {"X-Amz-Target": "AmazonPersonalize.DescribeEverything"}),
        ("POST", "", {"X-Amz-Target": "AmazonKinesis.ListSchemas"}),
        ("POST", "", {"X-Amz-Target": "AmazonPersonalize.GetRecommendations"}),
        ("POST", "/everything", {}),
        ("GET", "", {"X-Amz-Target": "AmazonPersonalize.ListSchemas"}),
        ("PUT", "/events", {}),
    ],
)
def test_what_is_no_operation_is_told(
    http: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = http.request(method, path, headers={"Content-Type": JSON_1_1, **headers})
    check_error(answer, "UnknownOperationException", 404)


def test_a_wrong_content_type_is_told(http: httpx.Client) -> None:
    headers = {"Content-Type": "text/plain", "X-Amz-Target": "AmazonPersonalize.ListSchemas"}
    check_error(http.post("", content="{}", headers=headers), "UnsupportedMediaTypeException", 415)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"[" * 100_000, b'{"maxResults": {}}'])
def test_a_malformed_body_is_told(http: httpx.Client, content: bytes) -> None:
    check_error(post(http, operations()["ListSchemas"], content), "SerializationException", 400)


def test_a_body_of_ten_megabytes_is_told(http: httpx.Client) -> None:
    answer = call(http, "CreateSchema", name="large", schema="s" * 10_000_000)
    check_error(answer, "RequestEntityTooLargeException", 413)


def test_a_breach_of_the_model_is_told(http: httpx.Client) -> None:
    check_error(call(http, "CreateSchema", name="no name"), "InvalidInputException", 400)
    check_error(call(http, "ListSchemas", maxResults=0), "ValidationException", 400)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_input_is_a_fault_of_the_service(
    http: httpx.Client, operation: AwsOperation, data: st.DataObject
) -> None:
    asked = data.draw(members(operation.given))
    for name in data.draw(st.lists(st.sampled_from([*operation.given.members]), max_size=1)):
        asked[name] = data.draw(JUNK)
    answer = post(http, operation, json.dumps(asked).encode())
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert answer.headers["x-amzn-errortype"] == answer.json()["__type"]
    if operation.name not in HANDLERS:
        assert answer.json()["__type"] in {
            "UnsupportedOperationException",
            "InvalidInputException",
            "SerializationException",
        }
