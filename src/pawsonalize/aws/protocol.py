"""Operations of Amazon Personalize's three services, and errors as their clients know them."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec

from pawsonalize.core import errors
from pawsonalize.core.errors import PawsonalizeError

SERVICES = ("personalize", "personalize-events", "personalize-runtime")
_TARGET = "AmazonPersonalize."
VALIDATION = "ValidationException"
INVALID_INPUT = "InvalidInputException"
SERIALIZATION = "SerializationException"
UNKNOWN_OPERATION = "UnknownOperationException"
UNSUPPORTED_OPERATION = "UnsupportedOperationException"
UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaTypeException"
NOT_FOUND = "ResourceNotFoundException"
IN_USE = "ResourceInUseException"
EXISTS = "ResourceAlreadyExistsException"
LIMIT_EXCEEDED = "LimitExceededException"
INVALID_NEXT_TOKEN = "InvalidNextTokenException"  # noqa: S105 - no secret
TOO_MANY_TAGS = "TooManyTagsException"
TOO_LARGE = "RequestEntityTooLargeException"
UNAVAILABLE = "ServiceUnavailableException"
INTERNAL = "InternalFailure"
MISSING_TOKEN = "MissingAuthenticationTokenException"  # noqa: S105 - no secret
INCOMPLETE_SIGNATURE = "IncompleteSignatureException"
INVALID_SIGNATURE = "InvalidSignatureException"
UNRECOGNIZED_CLIENT = "UnrecognizedClientException"
ACCESS_DENIED = "AccessDeniedException"
THROTTLING = "ThrottlingException"

# Errors that no operation declares, or not all of them.
_STATUS = {
    UNKNOWN_OPERATION: HTTPStatus.NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    THROTTLING: HTTPStatus.TOO_MANY_REQUESTS,
    UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# The caller may not call: 403 in REST-JSON, 400 in JSON 1.1.
_FORBIDDEN = frozenset(
    {MISSING_TOKEN, INCOMPLETE_SIGNATURE, INVALID_SIGNATURE, UNRECOGNIZED_CLIENT, ACCESS_DENIED}
)

# The first class that fits counts: special ones stand before their bases.
_NAMES: tuple[tuple[type[PawsonalizeError], str], ...] = (
    (errors.InputTooLarge, TOO_LARGE),
    (errors.InvalidInput, INVALID_INPUT),
    (errors.Forbidden, ACCESS_DENIED),
    (errors.Unauthenticated, ACCESS_DENIED),
    (errors.TooManyRequests, THROTTLING),
    (errors.NotFound, NOT_FOUND),
    (errors.AlreadyExists, EXISTS),
    (errors.LimitExceeded, LIMIT_EXCEEDED),
    (errors.Conflict, IN_USE),
    (errors.NotReady, UNAVAILABLE),
    (errors.StorageUnavailable, UNAVAILABLE),
    (errors.CorruptArtefact, UNAVAILABLE),
)


# botocore's own models describe the operations. A client's typed exceptions are those that an
# operation declares; any other name reaches it as a plain `ClientError` with that code.
class AwsOperation(msgspec.Struct, frozen=True):
    """One operation of Amazon Personalize."""

    name: str
    service: str
    path: str | None
    """Its own in REST-JSON; None in JSON 1.1, which posts to the root."""
    given: Any
    """botocore's shape of the request."""
    answered: Any
    """botocore's shape of the answer."""
    errors: Mapping[str, int]
    """The HTTP status of each declared error."""

    @property
    def content_type(self) -> str:
        """The media type of its answers."""
        return "application/x-amz-json-1.1" if self.path is None else "application/json"


@cache
def operations() -> Mapping[str, AwsOperation]:
    """Return every operation by its name."""
    # Loading takes a tenth of a second: a server begins without, and so do commands that read raw
    # calls alone.
    from botocore.loaders import Loader  # noqa: PLC0415
    from botocore.model import ServiceModel  # noqa: PLC0415

    found = {}
    for service in SERVICES:
        model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
        by_path = model.metadata["protocol"] == "rest-json"
        for name in model.operation_names:
            one = model.operation_model(name)
            found[name] = AwsOperation(
                name=name,
                service=service,
                path=one.http["requestUri"] if by_path else None,
                given=one.input_shape,
                answered=one.output_shape,
                errors={error.name: _declared_status(error) for error in one.error_shapes},
            )
    return MappingProxyType(found)


def _declared_status(error: Any) -> int:
    return int(error.metadata.get("error", {}).get("httpStatusCode", HTTPStatus.BAD_REQUEST))


@cache
def paths() -> Mapping[str, AwsOperation]:
    """Return the operations that have a path of their own, by it."""
    return MappingProxyType({one.path: one for one in operations().values() if one.path})


def targeted(target: str | None) -> AwsOperation | None:
    """Return the operation that the header X-Amz-Target names; None if none of JSON 1.1."""
    if target is None or not target.startswith(_TARGET):
        return None
    operation = operations().get(target.removeprefix(_TARGET))
    return operation if operation and operation.path is None else None


class AwsError(Exception):
    """An error that this door itself finds, by AWS's name for it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


class Fault(msgspec.Struct, frozen=True):
    """An error as it is answered."""

    name: str
    message: str
    status: int

    @property
    def body(self) -> bytes:
        """JSON of the answer in both protocols."""
        return msgspec.json.encode({"__type": self.name, "message": self.message})


def fault_of(error: Exception, operation: AwsOperation | None) -> Fault:
    """Return the error by the name that the operation's callers know; None: no known operation."""
    if isinstance(error, AwsError):
        name = error.name
    else:
        name = next((name for kind, name in _NAMES if isinstance(error, kind)), INTERNAL)
    # The message of an error that nobody foresaw may hold anything.
    message = "this is our fault: it has been logged"
    if name != INTERNAL:
        message = getattr(error, "message", "")
    declared = operation.errors if operation is not None else {}
    if (
        name in {NOT_FOUND, EXISTS, IN_USE, LIMIT_EXCEEDED}
        and name not in declared
        and INVALID_INPUT in declared
    ):
        name = INVALID_INPUT  # the next best that the client has a type for
    if name == INVALID_INPUT and name not in declared:
        name = VALIDATION
    status = declared.get(name) or _STATUS.get(name, HTTPStatus.BAD_REQUEST)
    if name in _FORBIDDEN and name not in declared and operation and operation.path is not None:
        status = HTTPStatus.FORBIDDEN
    return Fault(name, message, status)
