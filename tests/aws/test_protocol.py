"""The protocol layer against botocore's own client: what one writes, the other reads."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from pawsonalize.aws.dispatch import REST_PATHS
from pawsonalize.aws.protocol import (
    SERVICES,
    AwsError,
    AwsOperation,
    fault_of,
    operations,
    paths,
    targeted,
)
from pawsonalize.aws.shapes import parse, serialise
from pawsonalize.core.errors import AlreadyExists, Conflict, InvalidInput, NotFound, NotReady
from tests.aws_shapes import members

MODELS = {
    name: ServiceModel(Loader().load_service_model(name, "service-2"), name) for name in SERVICES
}
OPERATIONS = sorted(operations().values(), key=lambda operation: operation.name)


def as_sent(operation: AwsOperation, asked: dict[str, Any]) -> dict[str, Any]:
    """The request as botocore's client would send it."""
    model = MODELS[operation.service]
    serializer = create_serializer(model.metadata["protocol"])
    sent: dict[str, Any] = serializer.serialize_to_request(
        _with_datetimes(operation.given, asked), model.operation_model(operation.name)
    )
    return sent


def as_received(operation: AwsOperation, body: bytes) -> Any:
    """What botocore's client reads in an answer."""
    parser = create_parser(MODELS[operation.service].metadata["protocol"])
    answer = parser.parse({"body": body, "headers": {}, "status_code": 200}, operation.answered)
    del answer["ResponseMetadata"]
    return answer


def _with_datetimes(shape: Any, value: Any) -> Any:
    match shape.type_name:
        case "structure":
            return {name: _with_datetimes(shape.members[name], one) for name, one in value.items()}
        case "list":
            return [_with_datetimes(shape.member, one) for one in value]
        case "map":
            return {key: _with_datetimes(shape.value, one) for key, one in value.items()}
        case "timestamp":
            return datetime.fromtimestamp(value // 1000, UTC)  # clients send whole seconds
    return value


def _in_seconds(shape: Any, value: Any) -> Any:
    """The value with its moments cut to what a client sends of them."""
    match shape.type_name:
        case "structure":
            return {name: _in_seconds(shape.members[name], one) for name, one in value.items()}
        case "list":
            return [_in_seconds(shape.member, one) for one in value]
        case "timestamp":
            return value // 1000 * 1000
    return value


def test_there_are_71_5_and_3_operations() -> None:
    assert [sum(one.service == name for one in OPERATIONS) for name in SERVICES] == [71, 5, 3]


def test_what_a_client_sends_is_read_and_passes(subtests: pytest.Subtests) -> None:
    for operation in OPERATIONS:
        with subtests.test(operation.name):
            check_requests(operation)


@settings(max_examples=5)
@given(data=st.data())
def check_requests(operation: AwsOperation, data: st.DataObject) -> None:
    asked = data.draw(members(operation.given))
    sent = as_sent(operation, asked)
    if operation.path is None:
        assert targeted(sent["headers"]["X-Amz-Target"]) is operation
    else:
        assert paths()[sent["url_path"]] is operation
    read = parse(operation.given, sent["body"])
    assert read == _in_seconds(operation.given, asked)


def test_what_is_answered_is_read_by_a_client(subtests: pytest.Subtests) -> None:
    for operation in OPERATIONS:
        with subtests.test(operation.name):
            check_answers(operation)


@settings(max_examples=5)
@given(data=st.data())
def check_answers(operation: AwsOperation, data: st.DataObject) -> None:
    if operation.answered is None:
        assert serialise(None, None) == b""
        return
    answer = data.draw(members(operation.answered))
    body = serialise(operation.answered, {**answer, "of another shape": 1})
    assert _in_milliseconds(as_received(operation, body)) == answer


def _in_milliseconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_milliseconds(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_in_milliseconds(one) for one in value]
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def test_a_missing_member_is_named(subtests: pytest.Subtests) -> None:
    for operation in OPERATIONS:
        with subtests.test(operation.name):
            required = operation.given.required_members
            if not required:
                parse(operation.given, b"")
                continue
            with pytest.raises(InvalidInput, match="Member must not be null") as refused:
                parse(operation.given, b"")
            assert all(f"'{name}'" in refused.value.message for name in required)


def test_a_breach_is_told_in_words_of_aws(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        (
            "CreateSchema",
            {"name": "n" * 64, "schema": "{}"},
            f"1 validation error detected: Value '{'n' * 64}' at 'name' failed to satisfy"
            " constraint: Member must have length less than or equal to 63",
        ),
        ("CreateSchema", {"name": "not a name", "schema": "{}"}, "regular expression pattern"),
        ("CreateSchema", {"name": "a\n", "schema": "{}"}, "regular expression pattern"),
        ("CreateSchema", {"name": "a", "schema": "s" * 20_001}, "less than or equal to 20000"),
        ("ListSchemas", {"maxResults": 0}, "Value '0' at 'maxResults'"),
        ("ListSchemas", {"maxResults": 101}, "value less than or equal to 100"),
        ("ListSchemas", {"nextToken": "ä"}, "regular expression pattern"),
        (
            "CreateDatasetGroup",
            {"name": "a", "domain": "PETS"},
            "enum value set: [ECOMMERCE, VIDEO_ON_DEMAND]",
        ),
        (
            "TagResource",
            {"resourceArn": "arn:aws:personalize:a:b:c", "tags": [{"tagKey": "", "tagValue": ""}]},
            "Value at 'tags.1.member.tagKey'",
        ),
        ("CreateSchema", {"name": "", "schema": "s" * 20_001}, "2 validation errors detected"),
    ]
    for operation, asked, message in cases:
        with subtests.test(operation=operation, asked=asked, message=message):
            with pytest.raises(InvalidInput) as refused:
                parse(operations()[operation].given, msgspec.json.encode(asked))
            assert message in refused.value.message


def test_tags_may_have_letters_of_every_language() -> None:
    tags = [{"tagKey": "Größe 大_.:/=+-@", "tagValue": "٣"}]
    body = msgspec.json.encode({"resourceArn": "arn:aws:personalize:::x", "tags": tags})
    assert parse(operations()["TagResource"].given, body)["tags"] == tags


def test_a_body_that_is_no_request_is_refused(subtests: pytest.Subtests) -> None:
    for body in [
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'{"name": 1}',
        b'{"tags": {}}',
        b'{"tags": [1]}',
        b"[" * 100_000,
        b'{"name": "\\ud800"}',
    ]:
        with subtests.test(body=body):
            with pytest.raises(AwsError) as refused:
                parse(operations()["CreateDatasetGroup"].given, body)
            assert refused.value.name == "SerializationException"


def test_what_is_no_whole_number_is_refused(subtests: pytest.Subtests) -> None:
    for number in ["true", '"1"', "1.5", "2147483648", "1e400", "[]"]:
        with subtests.test(number=number):
            body = b'{"maxResults": %s}' % number.encode()
            with pytest.raises(AwsError):
                parse(operations()["ListSchemas"].given, body)


def test_unknown_members_and_nulls_are_left_out() -> None:
    body = b'{"name": "a", "roleArn": null, "colour": "red"}'
    assert parse(operations()["CreateDatasetGroup"].given, body) == {"name": "a"}


def test_properties_may_come_as_text_or_as_an_object() -> None:
    for properties in ('{"a": 1}', '"{\\"a\\": 1}"'):
        body = b"""{"trackingId": "t", "sessionId": "s", "eventList": [{"eventType": "view",
            "sentAt": 1779000000, "properties": %s}]}""" % properties.encode()
        read = parse(operations()["PutEvents"].given, body)
        assert msgspec.json.decode(read["eventList"][0]["properties"]) == {"a": 1}


def test_an_error_has_the_name_that_the_operation_declares(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, Exception, str, int]] = [
        ("DescribeSchema", NotFound("it"), "ResourceNotFoundException", 400),
        ("GetRecommendations", NotFound("it"), "ResourceNotFoundException", 404),
        ("PutEvents", NotFound("it"), "InvalidInputException", 400),
        ("CreateSchema", AlreadyExists("it"), "ResourceAlreadyExistsException", 400),
        ("DeleteSchema", Conflict("it"), "ResourceInUseException", 400),
        ("PutItems", Conflict("it"), "ResourceInUseException", 409),
        ("CreateSchema", InvalidInput("it"), "InvalidInputException", 400),
        ("ListSchemas", InvalidInput("it"), "ValidationException", 400),
        ("GetRecommendations", NotReady("it"), "ServiceUnavailableException", 503),
        ("GetRecommendations", ValueError("secret"), "InternalFailure", 500),
    ]
    for operation, error, name, status in cases:
        with subtests.test(operation=operation, error=error, name=name):
            fault = fault_of(error, operations()[operation])
            assert (fault.name, fault.status) == (name, status)
            assert "secret" not in fault.message


def test_each_path_of_the_models_has_a_route_of_its_own() -> None:
    assert set(REST_PATHS) == set(paths())
