"""What the errors of Amazon Kinesis mean for us."""

from enum import Enum
from typing import Any

from pawsonalize.domain.errors import InvalidInput, StreamUnavailable

_PAGE = "docs/how-to/read-a-kinesis-stream.md"
_BUSY = frozenset(
    {
        *("ProvisionedThroughputExceededException", "LimitExceededException", "SlowDown"),
        *("KMSThrottlingException", "Throttling", "ThrottlingException", "RequestLimitExceeded"),
        *("ExpiredNextTokenException", "ResourceInUseException", "TooManyRequestsException"),
    }
)
_DENIED = frozenset(
    {
        *("AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "OptInRequired"),
        *("KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException"),
        *("KMSNotFoundException", "KMSOptInRequired"),
    }
)
_LOGIN = frozenset(
    {
        *("ExpiredTokenException", "ExpiredToken", "RequestExpired", "InvalidSignatureException"),
        *("UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        *("IncompleteSignature", "MissingAuthenticationToken", "IncompleteSignatureException"),
        *("MissingAuthenticationTokenException", "InvalidAccessKeyId"),
    }
)


class FailureKind(Enum):
    """What a failed call asks us to do."""

    BUSY = "try again later"
    AWAY = "try again later; nobody answers"
    ITERATOR = "get a new iterator"
    PLACE = "there is no such shard, or no such place in it"
    REFUSED = "an operator has to do something"


class KinesisFailure(Exception):
    """A call that failed; `error` is what to raise if it stays so."""

    def __init__(self, trouble: FailureKind, error: InvalidInput | StreamUnavailable) -> None:
        super().__init__(str(error))
        self.trouble = trouble
        self.error = error


def unanswered(shown: str, error: Exception) -> KinesisFailure:
    """What it means that a call to the stream `shown` got no answer, or could not be made."""
    kind = type(error).__name__
    if "Credential" in kind or "Token" in kind or kind == "ProfileNotFound":
        told = (
            f"AWS credentials for {shown} cannot be had ({kind}): set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
        )
        return KinesisFailure(FailureKind.REFUSED, InvalidInput(told))
    if kind == "ParamValidationError":
        return KinesisFailure(FailureKind.REFUSED, InvalidInput(f"{shown} cannot be used: {error}"))
    return KinesisFailure(FailureKind.AWAY, StreamUnavailable(f"{shown} does not answer ({kind})"))


def refused(shown: str, region: str, call: str, answer: Any) -> KinesisFailure:
    """What an answer that is an error means.

    Its own words are left out: they may hold the id of a key.
    """
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"({call}: {code})"
    if code in _BUSY or status >= 500 or status == 429:
        told = f"{shown} takes no more calls for now {said}"
        return KinesisFailure(FailureKind.BUSY, StreamUnavailable(told))
    if code in _LOGIN:
        told = (
            f"AWS does not accept the credentials for {shown} {said}: renew them, and check this"
            " machine's clock"
        )
        return KinesisFailure(FailureKind.REFUSED, StreamUnavailable(told))
    if code in _DENIED:
        told = f"AWS forbids a call to {shown} {said}: allow what {_PAGE} lists"
        return KinesisFailure(FailureKind.REFUSED, InvalidInput(told))
    if code == "ResourceNotFoundException":
        told = (
            f"there is no stream {shown} in region {region} {said}: create it, or correct its name"
            " or ?region="
        )
        return KinesisFailure(FailureKind.PLACE, InvalidInput(told))
    if code == "ExpiredIteratorException" or call == "get_records":
        return KinesisFailure(FailureKind.ITERATOR, StreamUnavailable(f"{shown} refuses {said}"))
    trouble = FailureKind.PLACE if call == "get_shard_iterator" else FailureKind.REFUSED
    return KinesisFailure(trouble, InvalidInput(f"{shown} refuses a call {said}"))
