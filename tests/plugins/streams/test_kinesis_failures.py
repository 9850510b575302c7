"""What each error of Amazon Kinesis means."""

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from pawsonalize.core.errors import InvalidInput, StreamUnavailable
from pawsonalize_streams.kinesis_client import FailureKind, KinesisFailure, refused, unanswered


def judged(code: str, status: int = 400, call: str = "get_records") -> KinesisFailure:
    error = {"Code": code, "Message": "Credential=AKIAIOSFODNN7EXAMPLE/20261126"}
    answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}
    return refused("kinesis://events", "eu-west-1", call, answer)


def test_what_passes_is_tried_again(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, int]] = [
        ("ProvisionedThroughputExceededException", 400),
        ("LimitExceededException", 400),
        ("KMSThrottlingException", 400),
        ("ThrottlingException", 400),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("Whatever", 429),
    ]
    for code, status in cases:
        with subtests.test(code=code, status=status):
            assert judged(code, status).trouble is FailureKind.BUSY


@pytest.mark.parametrize(
    ("code", "error", "move"),
    [
        ("AccessDeniedException", InvalidInput, "allow what docs/how-to/read-a-kinesis"),
        ("KMSAccessDeniedException", InvalidInput, "allow what docs/how-to/read-a-kinesis"),
        ("ExpiredTokenException", StreamUnavailable, "renew them"),
        ("UnrecognizedClientException", StreamUnavailable, "renew them"),
        ("InvalidSignatureException", StreamUnavailable, "this machine's clock"),
    ],
)
def test_what_an_operator_has_to_mend_names_the_next_move_and_no_key(
    code: str, error: type[Exception], move: str
) -> None:
    failure = judged(code)
    assert failure.trouble is FailureKind.REFUSED
    assert isinstance(failure.error, error)
    assert move in str(failure.error)
    assert "AKIA" not in str(failure.error)


def test_a_place_that_is_not_there_is_another_thing_than_a_call_that_is_refused() -> None:
    assert judged("ResourceNotFoundException").trouble is FailureKind.PLACE
    asked = judged("InvalidArgumentException", call="get_shard_iterator")
    assert asked.trouble is FailureKind.PLACE
    put = judged("ValidationException", call="put_records")
    assert put.trouble is FailureKind.REFUSED


def test_an_iterator_that_expired_or_is_not_taken_is_replaced() -> None:
    assert judged("ExpiredIteratorException").trouble is FailureKind.ITERATOR
    assert judged("InvalidArgumentException").trouble is FailureKind.ITERATOR


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url="http://me:secret@x"), FailureKind.AWAY),
        (ReadTimeoutError(endpoint_url="http://me:secret@x"), FailureKind.AWAY),
        (NoCredentialsError(), FailureKind.REFUSED),
        (ParamValidationError(report="no"), FailureKind.REFUSED),
    ],
)
def test_a_call_without_an_answer_is_tried_again_unless_it_was_never_made(
    error: Exception, kind: FailureKind
) -> None:
    failure = unanswered("kinesis://events", error)
    assert failure.trouble is kind
    assert "secret" not in str(failure.error)
